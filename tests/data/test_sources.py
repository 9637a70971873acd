"""One suite for the three sources of data: what `RunData` promises."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from engine import DataException
from engine.data.sources import DataRules, DirectData, ScriptData, TableFiles

RULES = DataRules("classification", positive_label="yes")
FRAME = pd.DataFrame({"a": np.arange(10.0), "t": ["no", "yes"] * 5})
SCRIPT = """
import pandas as pd

def get_data():
    return {{"training_data": pd.read_csv({path!r}), "label": {label!r}}}
"""


def script(folder, frame, rules=RULES, label="t"):
    frame.to_csv(folder / "t.csv", index=False)
    (folder / "get_data.py").write_text(SCRIPT.format(path=str(folder / "t.csv"), label=label))
    return ScriptData(rules, str(folder / "get_data.py"))


def files(folder, frame, rules=RULES, label="t"):
    frame.to_csv(folder / "t.csv", index=False)
    return TableFiles(rules, {"training_data": str(folder / "t.csv"), "label": label})


def direct(folder, frame, rules=RULES, label="t"):
    return DirectData.checked({"training_data": frame, "label": label}, rules)


every_source = pytest.mark.parametrize("make", [script, files, direct])


@every_source
def test_it_reads_the_checked_data_each_time(make, tmp_path):
    source = make(tmp_path, FRAME)
    one, two = source.read(), source.read()
    assert one.feature_names == ("a",)
    assert one.classes.tolist() == ["no", "yes"]
    assert one.positive == 1
    np.testing.assert_array_equal(one.X, FRAME[["a"]])
    assert one.summary() == two.summary()
    assert one.summary() == make(tmp_path, FRAME).read().summary()


@every_source
def test_its_rules_count(make, tmp_path):
    frame = FRAME.assign(t=[None, *FRAME["t"][1:]])
    dropping = make(tmp_path, frame).read()
    assert dropping.n_rows == 9
    assert dropping.notes == ("1 of 10 rows have no value in y and are left out",)
    rules = DataRules("classification", exclude_nan_labels=False)
    with pytest.raises(DataException, match="exclude_nan_labels is False"):
        make(tmp_path, frame, rules).read()


@every_source
def test_wrong_data_is_refused(make, tmp_path):
    with pytest.raises(DataException, match=r"no column \['missing'\]"):
        make(tmp_path, FRAME, label="missing").read()


@pytest.mark.parametrize("make", [script, files])
def test_a_copy_in_another_process_reads_the_same(make, tmp_path):
    source = make(tmp_path, FRAME)
    copy = pickle.loads(pickle.dumps(source))
    assert copy == source
    assert copy.read().summary() == source.read().summary()


@pytest.mark.parametrize(("make", "file"), [(script, "get_data.py"), (files, "t.csv")])
def test_a_missing_file_is_refused(make, file, tmp_path):
    source = make(tmp_path, FRAME)
    (tmp_path / file).unlink()
    with pytest.raises(DataException, match=file):
        source.read()


def test_a_script_is_found_in_its_project(tmp_path):
    script(tmp_path, FRAME)
    source = ScriptData(RULES, "get_data.py", str(tmp_path))
    assert source.read().n_rows == 10
    assert source.located().script == str(tmp_path / "get_data.py")
    assert source.located().in_working_directory is None


def test_a_script_is_found_in_the_copied_working_directory(tmp_path, monkeypatch):
    home, node = tmp_path / "home", tmp_path / "node"
    home.mkdir()
    node.mkdir()
    script(home, FRAME)
    source = ScriptData(RULES, "get_data.py", str(home)).located(home)
    assert source.in_working_directory == "get_data.py"
    script(node, FRAME.head(6))
    monkeypatch.chdir(node)
    assert source.read().n_rows == 6
    (node / "get_data.py").unlink()
    assert source.read().n_rows == 10
    (home / "get_data.py").unlink()
    with pytest.raises(DataException, match="does not exist on the node"):
        source.read()
    with pytest.raises(DataException, match="does not exist: looked for"):
        source.located()


def test_a_script_outside_the_working_directory_keeps_its_path(tmp_path):
    source = script(tmp_path, FRAME).located(tmp_path / "elsewhere")
    assert source.in_working_directory is None


def test_direct_data_lets_its_raw_form_go(tmp_path):
    source = direct(tmp_path, FRAME)
    assert source.raw["training_data"] is FRAME
    assert source.without_raw().raw is None
    assert source.without_raw().read() is source.read()
    handed_over = source.handed_over()
    assert (handed_over.dataset, handed_over.raw) == (None, None)
    with pytest.raises(DataException, match="handed over"):
        handed_over.read()
