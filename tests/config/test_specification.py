"""`RunSpecification`: what another driver of the run can be given."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine import AutoMLConfig, DataException
from engine.config.specification import DATA_FILE, EXPLAIN_FILE, RunSpecification
from engine.data.sources import DirectData, ScriptData, TableFiles

X = np.arange(40, dtype=float).reshape(20, 2)
Y = np.array([0, 1] * 10)


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"a": range(20), "t": Y}).to_csv("t.csv", index=False)
    text = "import numpy as np\ndef get_data():\n    return {'X': np.eye(20), 'y': [0, 1] * 10}"
    (tmp_path / "get_data.py").write_text(text)
    return tmp_path


CONFIGS = {
    ScriptData: lambda **more: AutoMLConfig("classification", data_script="get_data.py", **more),
    TableFiles: lambda **more: AutoMLConfig(
        "classification", training_data="t.csv", label_column_name="t", **more
    ),
    DirectData: lambda **more: AutoMLConfig("classification", X=X, y=Y, **more),
}
every_source = pytest.mark.parametrize("source", CONFIGS)


def through_the_store(given):
    files = given.files()
    spec = json.loads(json.dumps(given.to_spec()))
    return RunSpecification.from_spec(spec, files.__getitem__)


@every_source
def test_the_source_is_chosen_by_what_is_given(source):
    given = CONFIGS[source]().prepare()
    assert isinstance(given.data, source)
    assert (given.dataset is not None) == (source is DirectData)


@every_source
def test_another_driver_reads_the_same(source):
    given = CONFIGS[source](positive_label=1, random_state=3).prepare()
    again = through_the_store(given)
    assert isinstance(again.data, source)
    assert again.settings == given.settings
    assert again.data.read().summary() == given.data.read().summary()
    assert again.data.read().positive == 1
    assert again.files() == {}


@every_source
def test_rows_to_explain_are_kept(source):
    X_valid = pd.DataFrame({"a": [1.0, 2.0]}) if source is TableFiles else X[:3]
    given = CONFIGS[source](X_valid=X_valid).prepare()
    assert given.X_explain is X_valid
    assert given.explains(dataset_is_split=True)
    assert through_the_store(given).X_explain is X_valid


def test_only_what_others_cannot_read_is_kept_in_files():
    assert CONFIGS[TableFiles]().prepare().files() == {}
    assert CONFIGS[ScriptData]().prepare().files() == {}
    given = CONFIGS[DirectData](X_valid=X[:2]).prepare()
    assert list(given.files()) == [DATA_FILE, EXPLAIN_FILE]
    assert given.files()[DATA_FILE]["X"] is X


def test_raw_data_is_let_go_once_it_is_kept():
    given = CONFIGS[DirectData]().prepare()
    assert given.kept().data.raw is None
    assert given.kept().files() == {}
    assert given.kept().dataset is given.dataset
    assert through_the_store(given).data.raw is None


def test_data_that_was_handed_over_is_let_go():
    given = CONFIGS[DirectData](X_valid=X[:2]).prepare().handed_over()
    assert given.dataset is None
    assert given.files() == {}
    assert given.X_explain is not None
    for other in (TableFiles, ScriptData):
        given = CONFIGS[other]().prepare()
        assert given.handed_over() is given


def test_files_on_this_machine_are_read_here_for_a_cluster():
    given = CONFIGS[TableFiles](compute_target="cluster").prepare()
    assert isinstance(given.data, DirectData)
    assert given.dataset.feature_names == ("a",)
    config = AutoMLConfig(
        "classification", training_data="s3://bucket/t.csv", label_column_name="t",
        compute_target="cluster",
    )  # fmt: skip
    assert config.prepare().data.tables["training_data"] == "s3://bucket/t.csv"


def test_a_script_for_a_cluster_goes_with_its_folder(project):
    given = CONFIGS[ScriptData](compute_target="cluster").prepare()
    assert given.settings.path == str(project)
    assert given.data.script == given.settings.data_script == "get_data.py"
    assert given.data.project == str(project)


def test_warnings_point_to_the_caller_of_submit():
    config = AutoMLConfig("classification", X=X, y=[None, *Y[1:]], n_cross_validations=3)

    with pytest.warns(UserWarning, match="1 of 20 rows") as caught:
        config.prepare()
    line = Path(__file__).read_text().splitlines()[caught[0].lineno - 1]
    assert (caught[0].filename, line.strip()) == (__file__, "config.prepare()")


def test_rows_to_explain_must_fit():
    with pytest.raises(DataException, match="X_valid has the columns"):
        CONFIGS[DirectData](X_valid=X[:, :1]).prepare()
