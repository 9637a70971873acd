"""Tables that are read when they are needed."""

from __future__ import annotations

import json
import pickle
from datetime import datetime

import numpy as np
import pandas as pd
import pytest

from engine import AutoMLConfig
from engine.data.check import check_data
from engine.data.tabular_dataset import TabularDataset
from engine.errors import DataException

FRAME = pd.DataFrame(
    {
        "n": np.arange(20),
        "text": ["a", None] * 10,
        "when": pd.date_range("2020-01-01", periods=20),
        "y": [0, 1] * 10,
    }
)


@pytest.fixture
def table(tmp_path):
    FRAME.to_csv(tmp_path / "data.csv", index=False)
    return TabularDataset.from_files([str(tmp_path / "data.csv")])


def test_nothing_is_read_before_it_is_needed(tmp_path):
    later = TabularDataset.from_files([str(tmp_path / "later.csv")]).take(1).keep_columns("a")
    (tmp_path / "later.csv").write_text("a,b\n1,2\n3,4\n")
    assert later.to_pandas_dataframe().to_dict("list") == {"a": [1]}


def test_steps_are_done_in_their_order(table):
    assert table.skip(5).take(2).to_pandas_dataframe()["n"].tolist() == [5, 6]
    assert table.take(5).skip(2).to_pandas_dataframe()["n"].tolist() == [2, 3, 4]
    assert len(table.drop_nulls("text").to_pandas_dataframe()) == 10
    renamed = table.rename_columns({"n": "number"}).keep_columns(["number", "y"])
    assert list(renamed.to_pandas_dataframe().columns) == ["number", "y"]
    assert len(table.to_pandas_dataframe()) == 20


def test_one_seed_divides_features_and_target_alike(table):
    """X and y are tables of their own, split one after the other."""
    X, y = table.drop_columns(["y"]), table.keep_columns(["n"])
    X_train, X_test = X.random_split(percentage=0.7, seed=42)
    y_train, y_test = y.random_split(percentage=0.7, seed=42)
    for features, target, size in ((X_train, y_train, 14), (X_test, y_test, 6)):
        rows = features.to_pandas_dataframe()["n"].tolist()
        assert rows == target.to_pandas_dataframe()["n"].tolist()
        assert len(rows) == size
        assert rows == sorted(rows)
    other = X.random_split(0.7, seed=43)[0].to_pandas_dataframe()["n"].tolist()
    assert other != X_train.to_pandas_dataframe()["n"].tolist()


def test_the_parts_of_a_split_without_a_seed_are_complements(table):
    first, second = table.random_split(0.5)
    rows = [*first.to_pandas_dataframe()["n"], *second.to_pandas_dataframe()["n"]]
    assert sorted(rows) == list(range(20))
    assert len(first.to_pandas_dataframe()) == len(first.to_pandas_dataframe())


def test_times(table):
    def days(**limits):
        return table.between("when", **limits).to_pandas_dataframe()["n"].tolist()

    assert days(start=None, end=datetime(2020, 1, 3)) == [0, 1, 2]
    assert days(start=None, end=datetime(2020, 1, 3), include=False) == [0, 1]
    assert days(start=datetime(2020, 1, 19), end=None) == [18, 19]
    assert days(start=datetime(2020, 1, 2), end=datetime(2020, 1, 3)) == [1, 2]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda t: t.keep_columns(["nosuch", "n"]), r"no columns \['nosuch'\]"),
        (lambda t: t.drop_columns("nosuch"), r"no columns \['nosuch'\]"),
        (lambda t: t.drop_nulls("nosuch"), r"no columns \['nosuch'\]"),
        (lambda t: t.take(-1), "count=-1"),
        (lambda t: t.skip(1.5), "count=1.5"),
        (lambda t: t.take(True), "count=True"),
        (lambda t: t.random_split(1.5), "percentage=1.5"),
        (lambda t: t.random_split(float("nan")), "percentage=nan"),
    ],
)
def test_what_cannot_be_done(table, change, match):
    with pytest.raises(DataException, match=match):
        change(table).to_pandas_dataframe()


def test_a_plan_makes_the_same_table_again(table):
    changed = table.random_split(0.5, seed=7)[0].drop_columns("text").convert("^n$", "string")
    again = TabularDataset.from_plan(json.loads(json.dumps(changed.plan())))
    pd.testing.assert_frame_equal(again.to_pandas_dataframe(), changed.to_pandas_dataframe())
    copy = pickle.loads(pickle.dumps(changed))
    pd.testing.assert_frame_equal(copy.to_pandas_dataframe(), changed.to_pandas_dataframe())
    with pytest.raises(DataException, match="in memory"):
        TabularDataset.of(FRAME).plan()


def test_the_caller_may_change_what_it_gets():
    table = TabularDataset.of(FRAME)
    frame = table.to_pandas_dataframe()
    frame["n"] = 0
    assert table.to_pandas_dataframe()["n"].tolist() == list(range(20))


def test_it_is_taken_wherever_a_table_is(table):
    as_arrays = check_data(
        {"X": table.keep_columns(["n"]), "y": table.keep_columns(["y"])}, "classification"
    )
    assert as_arrays.feature_names == ("n",)
    assert as_arrays.y.tolist() == FRAME["y"].tolist()
    numbers = table.keep_columns(["n", "y"])
    as_table = check_data({"training_data": numbers, "label": "y"}, "classification")
    assert as_table.fingerprint == as_arrays.fingerprint
    weighted = check_data(
        {"X": FRAME[["n"]], "y": FRAME["y"], "sample_weight": table.keep_columns("n")},
        "classification",
    )
    assert weighted.sample_weight.tolist() == list(range(20))


def test_a_run_keeps_the_rows_and_not_the_file(table):
    """Another driver of the run may find another file, or none."""
    config = AutoMLConfig(
        "classification", training_data=table, label_column_name="y", validation_data=table
    )
    data = config.prepare().data
    assert isinstance(data.raw["training_data"], pd.DataFrame)
    assert data.dataset.n_rows == 20
    explained = AutoMLConfig("classification", X=table, y=FRAME["y"], X_valid=table)
    assert isinstance(explained.prepare().X_explain, pd.DataFrame)


def test_rows_to_predict_may_be_such_a_table():
    from engine.data.alignment import align

    rows = align(TabularDataset.of(FRAME).skip(18), ["y", "n"])
    assert rows.to_dict("list") == {"y": [0, 1], "n": [18, 19]}
