"""Files on disk: encodings, backups, links, and what cannot be migrated."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from engine.migration.files import FileStatus, migrate_file, migrate_files
from engine.migration.known_names import Answer
from tests.migration.test_notebooks import notebook

OLD = b"from azureml.core import Workspace\n"
NEW = b"from engine.azureml.core import Workspace\n"


def known(name: str) -> Answer:
    return Answer(True)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b""),
        (b"\xef\xbb\xbf", b"\xef\xbb\xbf"),
        (b"\xef\xbb\xbf" + OLD, b"\xef\xbb\xbf" + NEW),
        (OLD.replace(b"\n", b"\r\n"), NEW.replace(b"\n", b"\r\n")),
        (OLD.replace(b"\n", b"\r"), NEW.replace(b"\n", b"\r")),
        (b"# coding: latin-1\nx = '\xe9'\n" + OLD, b"# coding: latin-1\nx = '\xe9'\n" + NEW),
        (b"# coding: cp1251\n# \xcf\xf0\n" + OLD, b"# coding: cp1251\n# \xcf\xf0\n" + NEW),
        ("x = 'é 字 🙂'\n".encode() + OLD, "x = 'é 字 🙂'\n".encode() + NEW),
        (b"if 1:\n\t" + OLD + b"\n\n\n", b"if 1:\n\t" + NEW + b"\n\n\n"),
        (OLD.rstrip(), NEW.rstrip()),
    ],
    ids=["empty", "mark", "mark and code", "windows", "old mac", "latin", "cyrillic", "utf-8",
         "tabs", "no newline"],
)  # fmt: skip
def test_encodings_and_newlines_are_kept(tmp_path, before, after):
    file = written(tmp_path / "a.py", before)
    report = migrate_file(file, write=True, ask=known)
    assert (report.status, file.read_bytes()) == (FileStatus.DONE, after)
    assert (report.backup is None) == (before == after)
    assert migrate_file(file, write=True, ask=known).backup is None
    assert file.read_bytes() == after


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"# \xff\xfe\nimport azureml", "not utf-8"),
        (b"# coding: nonsense\n", "nonsense"),
        (b"import azureml\nprint 'x'\n", "line 2 is not Python 3"),
        (b"import azureml\n\0", "not Python 3"),
        (b"import azureml\nif 1:\n\tx\n        y\n", "line 4"),
        ("import azureml".encode("utf-16"), "not utf-8"),
        (b"\xef\xbb\xbf# coding: latin-1\nimport azureml\n\xe9", "not utf-8"),
    ],
)
def test_a_file_that_cannot_be_migrated_stays(tmp_path, content, said):
    file = written(tmp_path / "a.py", content)
    report = migrate_file(file, write=True, ask=known)
    assert report.status is FileStatus.FAILED
    assert said in report.reason
    assert file.read_bytes() == content
    assert os.listdir(tmp_path) == ["a.py"]


def test_a_missing_file_and_a_folder(tmp_path):
    reports = migrate_files([tmp_path / "no.py", tmp_path], ask=known)
    assert [(r.status, r.reason.split()[0]) for r in reports] == [
        (FileStatus.FAILED, "there"),
        (FileStatus.FAILED, "is"),
    ]


def test_the_old_text_stays_in_a_backup_that_nothing_overwrites(tmp_path):
    file = written(tmp_path / "a.py", OLD)
    file.chmod(0o750)
    written(tmp_path / "a.py.bak", b"mine")
    report = migrate_file(file, write=True, ask=known)
    assert report.backup == tmp_path / "a.py.bak2"
    assert report.backup.read_bytes() == OLD
    assert (tmp_path / "a.py.bak").read_bytes() == b"mine"
    assert file.stat().st_mode & 0o777 == 0o750
    assert sorted(os.listdir(tmp_path)) == ["a.py", "a.py.bak", "a.py.bak2"]


def test_a_diff_writes_nothing(tmp_path):
    file = written(tmp_path / "a.py", OLD)
    report = migrate_file(file, ask=known)
    assert f"-{OLD.decode()}" in report.diff
    assert f"+{NEW.decode()}" in report.diff
    assert os.listdir(tmp_path) == ["a.py"]
    assert file.read_bytes() == OLD


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "real").mkdir()
    file = written(tmp_path / "real" / "a.py", OLD)
    link = tmp_path / "link.py"
    link.symlink_to(file)
    report = migrate_file(link, write=True, ask=known)
    assert link.is_symlink()
    assert file.read_bytes() == NEW
    assert report.backup == tmp_path / "link.py.bak"
    assert not report.backup.is_symlink()


def test_a_read_only_file_stays(tmp_path):
    file = written(tmp_path / "a.py", OLD)
    file.chmod(0o444)
    report = migrate_file(file, write=True, ask=known)
    assert (report.status, file.read_bytes()) == (FileStatus.FAILED, OLD)
    assert "chmod" in report.reason
    assert migrate_file(file, ask=known).status is FileStatus.DONE


def test_a_huge_file_without_old_names_is_not_parsed(tmp_path):
    file = written(tmp_path / "a.py", b"x = 1\n" * 200_000)
    assert migrate_file(file, ask=known).status is FileStatus.DONE


def test_outputs_of_a_notebook_stay(tmp_path):
    text = notebook("import azureml.core\nprint(azureml.core.VERSION)", "x = 1", indent=2)
    file = tmp_path / "a.ipynb"
    file.write_text(text, encoding="utf-8")
    report = migrate_file(file, write=True, ask=known)
    new = json.loads(file.read_text(encoding="utf-8"))
    old = json.loads(text)
    assert [cell.pop("source") for cell in new["cells"]] == [
        ["from engine import azureml\n", "import engine.azureml.core\n",
         "print(azureml.core.VERSION)"],
        ["x = 1"],
    ]  # fmt: skip
    assert [cell.pop("source") for cell in old["cells"]]
    assert new == old
    assert (report.edits[0].cell, report.edits[0].line) == (1, 1)
    assert migrate_file(file, write=True, ask=known).diff == ""


def test_a_notebook_of_python_2_is_not_migratable(tmp_path):
    file = tmp_path / "a.ipynb"
    file.write_text(notebook("print 'a'", "exec 'b'"), encoding="utf-8")
    assert migrate_file(file, write=True, ask=known).status is FileStatus.FAILED


@pytest.mark.parametrize(
    "value",
    [
        '"project/get_data.py"',
        'folder + "/get_data.py"',
        'os.path.join(folder, "get_data.py")',
        'f"{folder}/get_data.py"',
        'unknown() + "/get_data.py"',
    ],
)
@pytest.mark.parametrize("place", ["project/get_data.py", "get_data.py"])
def test_the_data_script_beside_a_file_comes_along(tmp_path, value, place):
    script = tmp_path / place
    script.parent.mkdir(exist_ok=True)
    script.write_text("import numpy as np\ndef get_data(): return np.NaN\n")
    file = tmp_path / "run.py"
    file.write_text(f"import os\nfolder = './project'\nf(**{{'data_script': {value}}})\n")
    reports = list(migrate_files([file], write=True, ask=known))
    assert [report.path.resolve() for report in reports] == [file, script]
    assert "np.nan" in script.read_text()
    assert script.with_name("get_data.py.bak").exists()


def test_scripts_elsewhere_do_not_come_along(tmp_path):
    outside = written(tmp_path / "get_data.py", OLD)
    (tmp_path / "inside").mkdir()
    file = written(
        tmp_path / "inside" / "run.py",
        f"a(data_script='../get_data.py')\nb(data_script={str(outside)!r})\n".encode(),
    )
    assert [r.path for r in migrate_files([file], write=True, ask=known)] == [file]
    assert outside.read_bytes() == OLD


def test_entry_scripts_come_along_once(tmp_path):
    written(tmp_path / "score.py", b"from sklearn.externals import joblib\n")
    cells = ["name = 'score.py'", "%time\nf(entry_script=name)", "g(execution_script=name)"]
    file = tmp_path / "a.ipynb"
    file.write_text(notebook(*cells), encoding="utf-8")
    reports = list(migrate_files([file, tmp_path / "score.py"], write=True, ask=known))
    assert [report.path.name for report in reports] == ["a.ipynb", "score.py"]
    assert (tmp_path / "score.py").read_text() == "import joblib\n"
