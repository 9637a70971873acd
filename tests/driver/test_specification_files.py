"""A run's specification: through the store, and from there to the nodes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from engine import AutoMLConfig, RunException
from engine.driver.data_source import DataSource
from engine.driver.specification_files import keep_data, load_specification

X = np.arange(40, dtype=float).reshape(20, 2)
Y = np.array([0, 1] * 10)


@pytest.fixture
def kept(experiment):
    """Put a configuration's run into the store; return store, run and what the driver goes on with.

    The fixture of the experiment has made the folder of the test the working directory.
    """
    store = experiment.workspace.store

    def keep(**parameters):
        parameters = {"n_cross_validations": 3} | parameters
        given = AutoMLConfig("classification", **parameters).prepare()
        run_id = store.create_run(experiment.id, given.settings.to_dict(), None)
        store.save_spec(run_id, given.to_spec())
        return store, run_id, keep_data(store, run_id, given)

    return keep


def test_direct_data_comes_back_checked_and_without_its_raw_form(kept):
    store, run_id, given = kept(X=X, y=Y, X_valid=X[:2])
    assert given.data.raw is None
    again = load_specification(store, run_id)
    assert again.settings == given.settings
    assert again.dataset.summary() == given.dataset.summary()
    np.testing.assert_array_equal(again.X_explain, X[:2])
    assert keep_data(store, run_id, again).data.raw is None


@pytest.mark.parametrize(
    "data",
    [
        {"X": X, "y": Y},
        {"training_data": pd.DataFrame({"a": range(20), "t": Y}), "label_column_name": "t"},
        {"training_data": "t.csv", "label_column_name": "t", "X_valid": pd.DataFrame({"a": [1]})},
    ],
    ids=["arrays", "table", "rows to explain"],
)
def test_data_given_directly_stays_out_of_the_store(kept, data):
    pd.DataFrame({"a": range(20), "t": Y}).to_csv("t.csv", index=False)
    store, run_id, given = kept(**data, keep_data=False)
    assert store.files(run_id) == ["spec/settings.json"]
    assert given.files() == {}
    assert not given.is_resumable
    with pytest.raises(RunException, match=r"keep_data is False.*submit the configuration again"):
        load_specification(store, run_id)


def test_what_was_not_given_directly_needs_no_copy(kept):
    pd.DataFrame({"a": range(20), "t": Y}).to_csv("t.csv", index=False)
    folds = [(list(range(10)), list(range(10, 20)))]
    store, run_id, given = kept(
        training_data="t.csv", label_column_name="t", cv_splits_indices=folds,
        n_cross_validations=None, keep_data=False,
    )  # fmt: skip
    assert given.is_resumable
    again = load_specification(store, run_id)
    [fold] = again.data.read().cv_splits_indices
    assert [rows.tolist() for rows in fold] == [*folds[0]]


def test_nodes_get_a_reference_to_direct_data(kept):
    _, run_id, given = kept(X=X, y=Y)
    source = DataSource.of(run_id, given, shared="reference")
    assert (source.data, source.shared) == (None, ["reference"])


OLD_SCRIPT = """
from sklearn.externals import joblib
import azureml.core
import numpy as np

def get_data():
    return {"X": np.eye(20, dtype=np.float), "y": [0, 1] * 10}
"""


@pytest.mark.parametrize("asked", ["engine.migration.old_names:answer_old_names", ""])
def test_another_process_reads_an_old_script_as_the_one_that_submitted_it(
    kept, in_process_ray, asked
):
    Path("get_data.py").write_text(OLD_SCRIPT)
    store, run_id, given = kept(data_script="get_data.py")
    store.save_spec(run_id, replace(given, worker_setup=asked).to_spec())
    source = DataSource.of(run_id, load_specification(store, run_id))
    code = "import pickle, sys\nprint(pickle.load(sys.stdin.buffer).read().n_rows)"
    done = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps(source), capture_output=True, check=False
    )
    if asked:
        assert done.stdout == b"20\n", done.stderr
    else:
        assert b"cannot import name 'joblib' from 'sklearn.externals'" in done.stderr


def test_nodes_read_tables_in_files(kept, tmp_path):
    pd.DataFrame({"a": range(20), "t": Y}).to_csv(tmp_path / "t.csv", index=False)
    path = tmp_path / "t.csv"
    store, run_id, given = kept(training_data=path, label_column_name="t")
    source = DataSource.of(run_id, load_specification(store, run_id))
    assert source.shared is None
    assert source.plan.n_cross_validations == 3
    node = pickle.loads(pickle.dumps(source))
    assert node.read().summary() == given.data.read().summary()
