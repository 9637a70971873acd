from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from engine import DataException
from engine.data.check import check_data
from engine.data.tables import read_table

X = np.arange(20, dtype=float).reshape(10, 2)
Y = np.array([0, 1] * 5)


def refused(raw, match, task="classification", **options):
    with pytest.raises(DataException, match=match) as caught:
        check_data(raw, task, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("raw", "match"),
    [
        (None, r"returned None; it must return a dict with 'X' and 'y'"),
        ([X, Y], "returned list"),
        ({"X": X}, "has no 'y'"),
        ({}, "has no 'X' and no 'y'"),
        ({"X": X, "y": Y, "Y": Y}, r"unknown keys \['Y'\]"),
        ({"X": X, "y": Y[:-1]}, "X has 10 rows but y has 9"),
        ({"X": X[:, 0], "y": Y}, r"shape \(10,\).*reshape"),
        ({"X": np.zeros((10, 0)), "y": Y}, "empty"),
        ({"X": np.zeros((0, 2)), "y": []}, "empty"),
        ({"X": [[1, 2], [3]], "y": [0, 1]}, "not a rectangular table"),
        ({"X": X, "y": np.full(10, np.nan)}, "all 10 are missing"),
        ({"X": X, "y": [None] * 10}, "all 10 are missing"),
        ({"X": X, "y": np.ones(10)}, "one class only"),
        ({"X": X, "y": np.linspace(0, 1, 10)}, "fractions.*regression"),
        ({"X": X, "y": [1, "a"] * 5}, "mixes"),
        ({"X": X, "y": np.eye(10)}, "Multi-label"),
        ({"X": np.where(X == 3, np.inf, X), "y": Y}, r"infinite.*'column_1'"),
        ({"X": pd.DataFrame(X, columns=["a", "a"]), "y": Y}, r"named \['a'\]"),
        ({"X": pd.DataFrame({"a": list("abcdefghij"), "b": 1.0}), "y": Y}, r"'a' \(str\)"),
        ({"X": np.array([["1", "x"]] * 10, dtype=object), "y": Y}, "not numeric"),
        ({"X": X.astype(str), "y": Y}, "not numeric"),
        ({"X": X + 1j, "y": Y}, "not numeric"),
        ({"X": sparse.csr_matrix(np.where(X == 3, np.inf, X)), "y": Y}, "infinite"),
        ({"X": X, "y": Y, "sample_weight": -np.ones(10)}, "not negative"),
        ({"X": X, "y": Y, "sample_weight": [1]}, "X has 10 rows but sample_weight has 1"),
        ({"X": X, "y": Y, "X_valid": X}, "y_valid is missing"),
        ({"X": X, "y": Y, "X_valid": X[:, :1], "y_valid": Y}, "X_valid has the columns"),
        ({"X": X, "y": Y, "X_valid": X, "y_valid": Y + 5}, "labels that y does not have"),
        ({"X": X, "y": Y, "feature_names": ["a"]}, "feature_names has 1 names"),
        ({"X": X, "y": Y, "cv_splits_indices": [([0], [99])]}, "from 0 to 9"),
        ({"X": X, "y": Y, "cv_splits_indices": [([0, 1], [1])]}, "both its parts"),
        ({"X": X, "y": Y, "cv_splits_indices": 3}, "list of pairs"),
        ({"training_data": pd.DataFrame(X)}, "no label column"),
        ({"training_data": pd.DataFrame({"a": Y}), "label": "b"}, r"no column \['b'\]"),
        ({"training_data": "x", "label": "b"}, "training_data is str"),
        ({"training_data": pd.DataFrame(X), "label": 0, "X": X}, "both"),
    ],
)
def test_bad_data_gives_one_clear_error(raw, match):
    refused(raw, match)


@pytest.mark.parametrize(
    ("y", "label", "code"),
    [
        (Y, 1, 1),
        (Y, np.int64(0), 0),
        (Y == 1, True, 1),
        (np.where(Y, "yes", "no"), "no", 0),
        (Y.astype(float), 1, 1),
    ],
)
def test_the_positive_label(y, label, code):
    dataset = check_data({"X": X, "y": y}, "classification", positive_label=label)
    assert dataset.positive == code
    assert dataset.without_features().positive == code


@pytest.mark.parametrize(
    ("y", "label", "match"),
    [
        (Y, "1", r"positive_label='1': the target's labels are \[0, 1\]"),
        (Y, True, "the target's labels are"),
        (np.where(Y, "yes", "no"), "maybe", r"labels are \['no', 'yes'\]"),
        (np.arange(10) % 3, 1, "is for two classes; the target has 3"),
    ],
)
def test_a_wrong_positive_label(y, label, match):
    refused({"X": X, "y": y}, match, positive_label=label)


def test_regression_wants_numbers():
    refused({"X": X, "y": list("abcdefghij")}, "task='classification'", task="regression")
    refused({"X": X, "y": np.ones(10)}, "one value only", task="regression")


@pytest.mark.parametrize(
    "labels",
    [
        [True, False] * 5,
        ["no", "yes"] * 5,
        np.array(["no", "yes"] * 5, dtype=object),
        pd.Series(["no", "yes"] * 5, dtype="category"),
        pd.Series(["no", "yes"] * 5),
        pd.Series([1, 2] * 5, dtype="Int64"),
        pd.DataFrame({"y": Y}),
        pl.Series(["no", "yes"] * 5),
        [[1], [2]] * 5,
        [1.0, 2.0] * 5,
    ],
)
def test_labels_of_any_kind(labels):
    data = check_data({"X": X, "y": labels}, "classification")
    assert len(data.classes) == 2
    assert data.y.dtype.kind in "bifU"
    assert data.target(data.y).tolist() in ([0, 1] * 5, [1, 0] * 5)


def test_rows_without_label_are_dropped_and_counted():
    y = pd.Series(["a", None] + ["b", "a"] * 4)
    data = check_data({"X": X, "y": y, "sample_weight": np.arange(1, 11)}, "classification")
    assert data.n_rows == 9
    assert data.notes == ("1 of 10 rows have no value in y and are left out",)
    assert data.sample_weight.tolist() == [1, 3, 4, 5, 6, 7, 8, 9, 10]
    refused({"X": X, "y": y}, "exclude_nan_labels is False", exclude_nan_labels=False)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas, pa.Table.from_pandas])
def test_tables(make):
    frame = pd.DataFrame({"a": X[:, 0], "b": X[:, 1], "w": 2.0, "t": Y})
    table = frame if make is pd.DataFrame else make(frame)
    data = check_data(
        {"training_data": table, "label": "t", "weight": "w", "drop_columns": ["b"]},
        "classification",
    )
    assert data.feature_names == ("a",)
    assert data.sample_weight.tolist() == [2.0] * 10


def test_missing_values_bools_and_nullable_columns_are_numeric():
    frame = pd.DataFrame(
        {"a": [1.0, np.nan] * 5, "b": [True, False] * 5, "c": pd.array([1, None] * 5, "Int64")}
    )
    assert check_data({"X": frame, "y": Y}, "classification").X.shape == (10, 3)


def test_sparse_stays_sparse_and_objects_become_numbers():
    data = check_data({"X": sparse.coo_matrix(X), "y": Y}, "classification")
    assert data.summary().sparse
    data = check_data({"X": X.astype(object), "y": Y}, "classification")
    assert data.X.dtype == np.float64


def test_fingerprint_tells_other_data():
    one = check_data({"X": X, "y": Y}, "classification").summary()
    assert one == check_data({"X": X, "y": Y}, "classification").summary()
    other = check_data({"X": X, "y": Y[::-1]}, "classification").summary()
    assert one.fingerprint != other.fingerprint


def test_files(tmp_path):
    frame = pd.DataFrame({"a": [1, 2]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet")
    for name in ("t.csv", "t.parquet"):
        assert read_table(str(tmp_path / name)).equals(frame)
    with pytest.raises(DataException, match="cannot read"):
        read_table("nowhere.csv")
    with pytest.raises(DataException, match=r"must end in \.csv"):
        read_table("table.xls")
