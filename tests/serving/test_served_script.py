"""Scoring scripts, without a server. They change the process, so each has one of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap

import pytest

from engine.serving.served_script import ServedScript

GOOD = """
import json, os
import helper
from engine.azureml.core.model import Model

def init():
    global text
    text = open(Model.get_model_path("mine")).read()
    assert open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "model.pkl")).read() == text

def run(raw):
    data = json.loads(raw)["data"]
    return json.dumps({"result": [text + helper.SIGN for _ in data]})
"""

PROGRAM = """
import json, sys
from pathlib import Path
from engine.serving.package import ScriptPackage
from engine.serving.problems import RequestProblem
from engine.serving.served_script import ServedScript

script, folder = sys.argv[1:]
sources = {"score.py": script.encode(), "helper.py": b"SIGN = '!'"}
package = ScriptPackage("score.py", sources, {"mine/3/model.pkl": b"weights"})
served = ServedScript(package, 1, Path(folder))
bad = served.score(b"no json")
print(json.dumps([served.score(b'{"data": [1, 2]}'), served.score(b"\\xff").status,
                  bad.status if isinstance(bad, RequestProblem) else bad]))
"""


def run(script, folder):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), script, str(folder)],
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.slow
def test_it_finds_its_models_and_the_files_beside_it(tmp_path):
    done = run(GOOD, tmp_path)
    assert done.returncode == 0, done.stderr
    good, *statuses = json.loads(done.stdout.splitlines()[-1])
    assert json.loads(good) == {"result": ["weights!", "weights!"]}
    assert statuses == [400, 500]
    assert "no json" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("x = 1", "has no init and no run"),
        ("def init(): pass", "has no run"),
        ("import nothing_of_that_name", "nothing_of_that_name"),
        ("def init(): raise OSError('no weights')\ndef run(data): pass", "no weights"),
    ],
)
def test_what_is_no_scoring_script(tmp_path, script, reason):
    done = run(script, tmp_path)
    assert done.returncode != 0
    assert reason in done.stderr


def test_it_has_no_schema():
    assert ServedScript.schema is None
