"""Old scripts and notebooks as they are: what they see, and where the old names answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cluster.jobs.worker_setup import SETUP_VARIABLE, WORKER_HOOK, setup_of_workers
from engine import ConfigException
from engine.data.data_script import run_script
from engine.migration import needs
from engine.migration.files import migrate_files
from engine.migration.renewed_code import renewed_code
from engine.migration.unchanged_runs import run_unchanged
from tests.migration.test_notebooks import notebook

ROOT = Path(__file__).parents[2]
SCRIPT = '''"""Doc."""
from __future__ import annotations
import json, os, sys
import numpy as np, pandas as pd
import azureml.core
from azureml.core.experiment import Experiment
import helper
class Own: pass
pd.set_option("display.max_colwidth", -1)
print(json.dumps({
    "name": __name__, "argv": sys.argv, "cwd": os.getcwd(), "path": sys.path[0], "file": __file__,
    "doc": __doc__, "old": azureml.core.VERSION, "class": Experiment.__module__, "nan": str(np.NaN),
    "helper": helper.value,
    "own": Own.__module__, "main": sys.modules["__main__"].Own is Own,
}))
'''


def run(*words: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own: it changes what is imported, and the main module."""
    done = subprocess.run(
        [sys.executable, "-m", "engine.cli", "run", *words],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts" / "old.py").write_text(SCRIPT)
    (tmp_path / "scripts" / "helper.py").write_text("import numpy as n\nvalue = n.float('2')\n")
    return tmp_path


@pytest.mark.slow
def test_a_script_sees_what_python_would_show_it(folder):
    done = run("scripts/old.py", "--v1", "--", "--seed", "3", cwd=folder)
    seen = json.loads(done.stdout)
    assert seen["name"] == seen["own"] == "__main__"
    assert seen["argv"] == ["scripts/old.py", "--seed", "3"]
    assert (seen["cwd"], seen["path"]) == (str(folder), str(folder / "scripts"))
    assert (seen["file"], seen["doc"], seen["main"]) == ("scripts/old.py", "Doc.", True)
    assert (seen["nan"], seen["helper"]) == ("nan", 2.0)
    assert seen["class"].startswith("engine.azureml.core")
    assert (folder / "scripts" / "old.py").read_text() == SCRIPT


@pytest.mark.slow
def test_tracebacks_show_the_lines_of_the_file(tmp_path):
    (tmp_path / "old.py").write_text(
        "from sklearn.externals import joblib\n"
        "import numpy as np\n\ndef f():\n    return np.float('x')  # here\n\nf()\n"
    )
    shown = run("old.py", "--v1", cwd=tmp_path, code=1).stderr
    assert shown.startswith('Traceback (most recent call last):\n  File "old.py", line 7')
    assert "line 5, in f\n    return np.float('x')  # here" in shown
    assert "engine" not in shown


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "code", "said"),
    [
        ("import sys\nsys.exit(5)", 5, ""),
        ("import azureml.no_such_module", 1, "raysmith has no azureml.no_such_module"),
        ("print 'x'", 1, "SyntaxError"),
        ("try:\n    import azureml.no_such_module\nexcept ImportError:\n    pass", 0, ""),
    ],
)
def test_ends_of_a_script(tmp_path, source, code, said):
    (tmp_path / "old.py").write_text(source)
    assert said in run("old.py", "--v1", cwd=tmp_path, code=code).stderr


@pytest.mark.slow
def test_a_notebook_runs_in_its_folder(tmp_path):
    (tmp_path / "notebooks").mkdir()
    cells = (
        "%matplotlib inline\nimport azureml.core, numpy as np\nimport os, sys",
        "%%writefile get_data.py\nimport numpy as np\nx = np.NaN\n",
        "import get_data\nprint(get_data.x, np.float(1), azureml.core.__name__)",
        "print(os.path.basename(os.getcwd()), __name__, os.path.basename(sys.argv[0]))",
        "!echo from the shell",
        "await __import__('asyncio').sleep(0)\n41 + 1",
    )
    text = notebook(*cells)
    (tmp_path / "notebooks" / "old.ipynb").write_text(text, encoding="utf-8")
    out = run("notebooks/old.ipynb", "--v1", cwd=tmp_path).stdout
    for line in ("nan 1.0 engine.azureml.core", "notebooks __main__ old.ipynb", "from the shell",
                 "Out[6]: 42"):  # fmt: skip
        assert line in out
    assert (tmp_path / "notebooks" / "old.ipynb").read_text(encoding="utf-8") == text
    written = (tmp_path / "notebooks" / "get_data.py").read_text()
    assert written == "import numpy as np\nx = np.nan\n"


def test_a_notebook_of_today_runs_without_the_old_names(tmp_path):
    text = notebook(
        "%matplotlib inline\nimport engine.azureml.core", "!echo shell", "import azureml"
    )
    (tmp_path / "new.ipynb").write_text(text, encoding="utf-8")
    done = run("new.ipynb", cwd=tmp_path, code=1)
    assert "shell" in done.stdout
    assert "No module named 'azureml'" in done.stdout + done.stderr
    (tmp_path / "none.ipynb").write_text("{}", encoding="utf-8")
    assert "none.ipynb" in run("none.ipynb", cwd=tmp_path, code=1).stderr


def test_a_notebook_that_was_exported_as_a_script(tmp_path):
    (tmp_path / "old.py").write_text(
        "# coding: utf-8\nimport numpy as np\n"
        "get_ipython().run_line_magic('matplotlib', 'inline')\n"
        "get_ipython().run_cell_magic('writefile', 'score.py', 'x = 2\\n')\n"
        "value = np.float(1)\nget_ipython().run_cell_magic('time', '', 'value += 1')\n"
        "import score\nprint(value + score.x, __name__)\n"
        "get_ipython().system('echo from the shell')\n"
    )
    done = run("old.py", "--v1", cwd=tmp_path)
    assert "4.0 __main__" in done.stdout
    assert "from the shell" in done.stdout
    assert done.stderr == ""


@pytest.mark.slow
def test_a_notebook_ends_with_the_first_error(tmp_path):
    text = notebook("print('first')", "1 / 0", "print('third')")
    (tmp_path / "old.ipynb").write_text(text, encoding="utf-8")
    done = run("old.ipynb", "--v1", cwd=tmp_path, code=1)
    assert "ZeroDivisionError" in done.stdout + done.stderr
    assert "first" in done.stdout
    assert "third" not in done.stdout


@pytest.mark.slow
def test_the_names_answer_in_processes_that_ask_for_them_only():
    check = "import importlib.util, sys\nsys.exit(importlib.util.find_spec('azureml') is not None)"
    subprocess.run([sys.executable, "-c", check], check=True)
    hook = (
        "from cluster.jobs.worker_setup import set_up_worker\nset_up_worker()\nset_up_worker()\n"
        "import azureml.core.experiment as old, engine.azureml.core.experiment as new\n"
        "assert old is new and new.__spec__.name == 'engine.azureml.core.experiment'\n"
        "import sys, azureml\nassert azureml is sys.modules['engine.azureml']\n"
        "assert 'libcst' not in sys.modules\n"
    )
    setup = {SETUP_VARIABLE: "engine.migration.old_names:answer_old_names"}
    subprocess.run([sys.executable, "-c", hook], check=True, env={**os.environ, **setup})


def test_workers_are_set_up_when_the_process_asks_for_it(monkeypatch):
    monkeypatch.delenv(SETUP_VARIABLE, raising=False)
    assert setup_of_workers() == {}
    monkeypatch.setenv(SETUP_VARIABLE, "a:b")
    assert setup_of_workers() == {
        "worker_process_setup_hook": WORKER_HOOK,
        "env_vars": {SETUP_VARIABLE: "a:b"},
    }


@pytest.mark.slow
def test_a_data_script_of_old_idioms_runs_in_a_worker(tmp_path):
    (tmp_path / "get_data.py").write_text(
        "from sklearn.externals import joblib\nimport azureml.core\nimport numpy as np\n"
        "import beside\ndef get_data():\n    return {'X': np.float(1), 'y': beside.y}\n"
    )
    (tmp_path / "beside.py").write_text("import numpy as np\ny = np.int(2)\n")
    check = (
        "from pathlib import Path\nfrom engine.migration.old_names import answer_old_names\n"
        "answer_old_names()\nfrom engine.data.data_script import run_script\n"
        f"assert run_script(Path({str(tmp_path / 'get_data.py')!r})) == {{'X': 1.0, 'y': 2}}\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
    with pytest.raises(Exception, match="externals"):
        run_script(tmp_path / "get_data.py")


@pytest.mark.slow
def test_code_keeps_its_docstring_and_its_future():
    source = b'"""Doc."""\nfrom __future__ import annotations\nx: no_such = azureml.core.__name__\n'
    names: dict[str, object] = {"__name__": "x"}
    check = (
        "from engine.migration.old_names import answer_old_names\nanswer_old_names()\n"
        "from engine.migration.renewed_code import renewed_code\n"
        f"names = {{}}\nexec(renewed_code({source!r}, 'a.py'), names)\n"
        "assert names['__doc__'] == 'Doc.' and names['x'] == 'engine.azureml.core'\n"
    )
    subprocess.run([sys.executable, "-c", check], check=True)
    exec(renewed_code(b"import math\ny = math.pi", "b.py"), names)
    assert names["y"] > 3


@pytest.mark.parametrize("name", ["a.txt", "settings.yaml"])
def test_only_scripts_and_notebooks_run_as_they_are(tmp_path, monkeypatch, name):
    monkeypatch.setenv(SETUP_VARIABLE, "")
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    (tmp_path / name).write_text("x = 1")
    with pytest.raises(ConfigException, match=r"script \(.py\) or a notebook"):
        run_unchanged(tmp_path / name)


def test_the_missing_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(needs, "find_spec", lambda name: None if name == "libcst" else object())
    for call in (lambda: list(migrate_files([tmp_path])), lambda: run_unchanged(tmp_path / "a.py")):
        with pytest.raises(ConfigException, match=r"libcst.*pip install \"raysmith\[v1\]\""):
            call()
