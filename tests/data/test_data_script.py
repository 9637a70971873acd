from __future__ import annotations

import os
import sys

import pytest

from engine import DataException
from engine.data.data_script import check_script, run_script


@pytest.fixture
def script(tmp_path):
    def write(text):
        path = tmp_path / "my_data.py"
        path.write_text(text)
        return path

    return write


@pytest.mark.parametrize(
    "text",
    [
        "def get_data(): ...",
        "from elsewhere import get_data",
        "from elsewhere import other as get_data",
        "from elsewhere import *",
        "get_data = lambda: {}",
        "if True:\n    def get_data(): ...",
    ],
)
def test_scripts_that_may_have_get_data(script, text):
    check_script(str(script(text)))


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "has no get_data: it must define a function"),
        ("def getdata(): ...", "has no get_data"),
        ("def get_data(:", "not valid Python"),
        ("\0", "not valid Python"),
    ],
)
def test_scripts_that_cannot(script, text, match):
    with pytest.raises(DataException, match=match):
        check_script(str(script(text)))


def test_where_a_script_is_looked_for(script, tmp_path, monkeypatch):
    path = script("def get_data(): ...")
    assert check_script("my_data.py", str(tmp_path)) == path
    monkeypatch.chdir(tmp_path)
    assert check_script("my_data.py", "elsewhere") == path
    with pytest.raises(DataException, match=r"does not exist: looked for .* or .*"):
        check_script("other.py", "elsewhere")
    with pytest.raises(DataException, match="is a folder"):
        check_script(str(tmp_path))


def test_running_one(script):
    before = os.getcwd()
    path = script("import os\ndef get_data():\n    return os.getcwd()")
    assert run_script(path) == str(path.parent)
    assert os.getcwd() == before
    assert sys.path[0] != str(path.parent)


def test_its_own_traceback_and_nothing_of_ours(script):
    path = script("def helper():\n    return 1 / 0\ndef get_data():\n    return helper()")
    with pytest.raises(DataException) as caught:
        run_script(path)
    text = str(caught.value)
    assert "ZeroDivisionError: division by zero" in text
    assert "line 2, in helper" in text
    assert "script.py" not in text


def test_get_data_that_is_no_function(script):
    with pytest.raises(DataException, match="has no get_data"):
        run_script(script("get_data = 3"))
