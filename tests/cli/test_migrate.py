"""The command ``raysmith migrate``: output and exit codes."""

from __future__ import annotations

import json
import os

import pytest

from engine.cli.parser import main

DONE = "from azureml.core import Workspace\n"
REMAINS = "from azureml.core import Workspace\nurl = 'https://x.blob.core.windows.net/b.csv'\n"
FAILS = "import azureml\nprint 'x'\n"
CLEAN = "import os\n"


@pytest.fixture(autouse=True)
def _files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, text in (("done", DONE), ("remains", REMAINS), ("fails", FAILS), ("clean", CLEAN)):
        (tmp_path / f"{name}.py").write_text(text)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["clean.py"], 0),
        (["done.py"], 0),
        (["remains.py"], 3),
        (["fails.py"], 4),
        (["missing.py"], 4),
        (["."], 4),
        (["done.py", "remains.py", "fails.py"], 4),
        (["clean.py", "remains.py"], 3),
        (["--check", "clean.py"], 0),
        (["--check", "done.py"], 1),
        (["--check", "remains.py"], 1),
        (["--check", "fails.py", "done.py"], 4),
        (["--json", "remains.py"], 3),
    ],
)
def test_exit_codes(words, code):
    before = sorted(os.listdir("."))
    assert main(["migrate", *words]) == code
    assert sorted(os.listdir(".")) == before


def test_a_diff_on_standard_output_and_the_rest_on_standard_error(capsys):
    assert main(["migrate", "remains.py", "fails.py"]) == 4
    shown = capsys.readouterr()
    assert shown.out.startswith("--- remains.py\n+++ remains.py\n@@ -1,2 +1,2 @@\n")
    assert "+from engine.azureml.core import Workspace\n" in shown.out
    assert "remains.py: line 2: data in the service's storage" in shown.err
    assert "fails.py: not migrated: line 2 is not Python 3" in shown.err


def test_writing_and_a_second_time(capsys):
    assert main(["migrate", "done.py", "remains.py", "--write"]) == 3
    assert "done.py.bak" in capsys.readouterr().err
    files = sorted(os.listdir("."))
    assert files.count("done.py.bak") == 1
    assert main(["migrate", "done.py", "remains.py", "--write"]) == 3
    assert "done.py: nothing to do" in capsys.readouterr().err
    assert sorted(os.listdir(".")) == files
    assert main(["migrate", "--check", "done.py"]) == 0


def test_json(capsys):
    assert main(["migrate", "--json", "remains.py", "fails.py", "--write"]) == 4
    report = json.loads(capsys.readouterr().out)
    remains, fails = report["files"]
    assert report["exit_code"] == 4
    assert (remains["status"], remains["changed"], remains["backup"]) == (
        "remains",
        True,
        "remains.py.bak",
    )
    assert remains["edits"] == [{"cell": None, "line": 1, "what": "import from engine.azureml"}]
    assert [one["line"] for one in remains["remains"]] == [2]
    assert (fails["status"], fails["backup"]) == ("failed", None)
    assert "not Python 3" in fails["reason"]


@pytest.mark.parametrize("words", [[], ["--write", "--check", "a.py"]])
def test_wrong_usage(words):
    with pytest.raises(SystemExit) as left:
        main(["migrate", *words])
    assert left.value.code == 2
