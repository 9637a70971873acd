"""Targets, weights, splits and validation parts that cannot be used, or only just."""

from __future__ import annotations

import datetime
import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from engine.data.splits import SplitPlan
from tests.faults.inputs import FRAME, ROWS, N, X, Y, check, refused

NUMBERS = X[:, 0] * 2 + 1
GAPS = ROWS % 6 == 0

CLASSES = {
    "None": (None, "has no 'y'"),
    "number": (1, r"shape \(\)"),
    "text": ("yes", r"shape \(\)"),
    "too few": (Y[:-1], "X has 60 rows but y has 59"),
    "one class": (np.zeros(N, int), r"one class only \(0\)"),
    "one class of text": (["a"] * N, r"one class only \('a'\)"),
    "all missing": (np.full(N, np.nan), "all 60 are missing"),
    "fractions": (Y + 0.5, "holds fractions"),
    "infinity": (np.where(ROWS == 3, np.inf, Y), "infinite values"),
    "ID": (ROWS, "60 different labels in 60 rows"),
    "ID of text": ([f"u{n}" for n in range(N)], "60 different labels"),
    "almost an ID": (ROWS // 1.5 // 1, "different labels|infinite|fractions"),
    "0 and '1'": ([0, "1"] * 30, r"number, text"),
    "True and 1": ([True, 2] * 30, "boolean, number"),
    "True and 'no'": ([True, "no"] * 30, "boolean, text"),
    "decimals": ([decimal.Decimal(int(v)) for v in Y], "Decimal"),
    "dates": ([datetime.date(2024, 1, 1 + int(v)) for v in Y], "date"),
    "timestamps": (pd.to_datetime(["2024-01-01", "2024-01-02"] * 30), "datetime64"),
    "zoned timestamps": (pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02"] * 30, utc=True)),
                         "Timestamp"),
    "timedelta": (pd.to_timedelta(Y, "s"), "timedelta64"),
    "complex": (Y + 1j, "complex"),
    "bytes": ([b"a", b"b"] * 30, "bytes"),
    "numpy bytes": (np.array([b"a", b"b"] * 30), "bytes"),
    "tuples": (pd.Series([(int(v),) for v in Y], dtype=object), "tuple"),
    "lists": (pd.Series([[int(v)] for v in Y], dtype=object), "list"),
    "ragged": ([[1], [1, 2]] * 30, "not a list of values"),
    "two columns": (np.c_[Y, Y], "Multi-label"),
    "one-hot": (np.eye(2)[Y], "Multi-label"),
    "table of two": (FRAME[["a", "b"]], "Multi-label"),
    "sparse": (sparse.csr_matrix(Y), "sparse matrix"),
    "beyond 64 bits": (Y.astype(object) * 10**30, "beyond 64 bits"),
    "unsigned and negative": (np.array([2**63, -1] * 30, dtype=object), "beyond 64 bits"),
    "broken text": (pd.Series(["a\ud800", "b"] * 30, dtype=object), "not valid Unicode"),
    "intervals": (pd.cut(ROWS, 3), "Interval"),
}  # fmt: skip


@pytest.mark.parametrize("name", CLASSES)
def test_classes_are_refused(name):
    target, message = CLASSES[name]
    refused(lambda: check({"X": X, "y": target}), message)


#: Target -> the classes that the model has.
TAKEN = {
    "bool": (Y == 1, [False, True]),
    "nullable bool": (pd.array(Y == 1, dtype="boolean"), [False, True]),
    "int8": (Y.astype(np.int8), [0, 1]),
    "uint64": (Y.astype(np.uint64) + np.uint64(2**63), [2**63, 2**63 + 1]),
    "float": (Y.astype(float), [0.0, 1.0]),
    "float with gaps": (np.where(GAPS, np.nan, Y), [0, 1]),
    "Int64 with gaps": (pd.array([None if g else int(v) for g, v in zip(GAPS, Y, strict=True)],
                                 dtype="Int64"), [0, 1]),
    "Series Int64 with gaps": (pd.Series([None if g else int(v) for g, v in
                                          zip(GAPS, Y, strict=True)], dtype="Int64"), [0, 1]),
    "arrow with gaps": (pd.array([None if g else int(v) for g, v in zip(GAPS, Y, strict=True)],
                                 dtype=pd.ArrowDtype(pa.int64())), [0, 1]),
    "objects with gaps": (pd.Series([None if g else int(v) for g, v in zip(GAPS, Y, strict=True)],
                                    dtype=object), [0, 1]),
    "masked": (np.ma.masked_array(Y, mask=GAPS), [0, 1]),
    "category": (pd.Categorical(["no", "yes"] * 30, categories=["maybe", "no", "yes"]),
                 ["no", "yes"]),
    "text of numbers": (Y.astype(str), ["0", "1"]),
    "empty text": (["", "x"] * 30, ["", "x"]),
    "text nan": (np.array(["nan", "x"] * 30), ["nan", "x"]),
    "two forms of é": (["é", "e\u0301"] * 30, ["e\u0301", "é"]),
    "arrow text": (pd.array(["no", "yes"] * 30, dtype="string[pyarrow]"), ["no", "yes"]),
    "pyarrow": (pa.chunked_array([["no", "yes"] * 30]), ["no", "yes"]),
    "polars": (pl.Series(["no", "yes"] * 30), ["no", "yes"]),
    "column": (Y[:, None], [0, 1]),
    "table": (pd.DataFrame({"t": Y}), [0, 1]),
    "int and float": ([1.0, 2] * 30, [1.0, 2.0]),
}  # fmt: skip


@pytest.mark.parametrize("name", TAKEN)
def test_classes_are_taken(name):
    target, classes = TAKEN[name]
    dataset = check({"X": X, "y": target})
    found = dataset.classes.tolist()
    assert found == classes
    assert [type(label) for label in found] == [type(label) for label in classes]
    missing = "gaps" in name or name == "masked"
    assert dataset.n_rows == (N - GAPS.sum() if missing else N)


VALUES = {
    "text": (list("ab") * 30, "is not numeric"),
    "datetime": (pd.date_range("2024", periods=N), "is not numeric"),
    "zoned datetime": (pd.date_range("2024", periods=N, tz="UTC"), "is not numeric"),
    "periods": (pd.period_range("2024", periods=N, freq="D"), "is not numeric"),
    "timedelta": (pd.to_timedelta(NUMBERS, "s"), "is not numeric"),
    "complex": (NUMBERS + 1j, "is not numeric"),
    "complex objects": (pd.Series([complex(v, 1) for v in NUMBERS], dtype=object),
                        "is not numeric"),
    "bytes": (np.array([b"1", b"2"] * 30), "is not numeric"),
    "infinite": (np.where(ROWS == 3, np.inf, NUMBERS), "infinite values"),
    "too large": (NUMBERS * 1e300, "infinite values, or values beyond"),
    "huge integers": ([10**400 + n for n in range(N)], "infinite values"),
    "constant": (np.ones(N), "one value only"),
    "constant in double precision": (1e20 + NUMBERS, "one value only"),
    "lists": (pd.Series([[1]] * N, dtype=object), "is not numeric"),
    "all missing": ([None] * N, "all 60 are missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", VALUES)
def test_values_are_refused(name):
    target, message = VALUES[name]
    refused(lambda: check({"X": X, "y": target}, "regression"), message)


@pytest.mark.parametrize(
    "target",
    [NUMBERS.astype(np.float32), NUMBERS.tolist(), list(map(str, NUMBERS)), Y == 1,
     [decimal.Decimal(float(v)) for v in NUMBERS], pd.Categorical(ROWS % 5), 1e9 + 1e-3 * NUMBERS],
    ids=["float32", "list", "texts of numbers", "bool", "decimals", "category", "almost constant"],
)  # fmt: skip
def test_values_are_taken(target):
    dataset = check({"X": X, "y": target}, "regression")
    assert dataset.y.tolist() == [float(value) for value in target]


def test_masked_values_have_no_row():
    dataset = check({"X": X, "y": np.ma.masked_array(NUMBERS, mask=GAPS)}, "regression")
    np.testing.assert_array_equal(dataset.y, NUMBERS[~GAPS])


WEIGHTS = {
    "negative": (-np.ones(N), "not negative"),
    "zero": (np.zeros(N), "not all zero"),
    "NaN": (np.where(ROWS == 1, np.nan, 1), "finite"),
    "infinite": (np.where(ROWS == 1, np.inf, 1), "finite"),
    "masked": (np.ma.masked_array(np.ones(N), mask=GAPS), "finite"),
    "too few": (np.ones(N - 1), "X has 60 rows but sample_weight has 59"),
    "two columns": (np.ones((N, 2)), r"shape \(60, 2\)"),
    "one row": (np.ones((1, N)), r"shape \(1, 60\)"),
    "number": (1.0, r"shape \(\)|must be numbers"),
    "text": (["heavy"] * N, "must be numbers"),
    "texts of numbers": (["1"] * N, "must be numbers"),
    "dates": (pd.date_range("2024", periods=N), "must be numbers"),
    "complex": (np.ones(N) + 1j, "must be numbers"),
    "huge integers": ([10**400] * N, "must be numbers"),
    "ragged": ([[1], [1, 2]] * 30, "must be numbers"),
    "all in one fold": (np.eye(1, N, 3)[0], "weights of the .* rows are all zero"),
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_are_refused(name):
    weights, message = WEIGHTS[name]
    refused(lambda: check({"X": X, "y": Y, "sample_weight": weights}), message)


HALVES = (ROWS[:30], ROWS[30:])
SPLITS = {
    "none": ([], "has no folds"),
    "number": (5, "list of pairs"),
    "text": ("KFold", "list of pairs"),
    "triples": ([(ROWS, ROWS, ROWS)], "list of pairs"),
    "flat": ([0, 1], "list of pairs"),
    "dict": ({"train": [0], "valid": [1]}, "list of pairs|row numbers"),
    "empty part": ([(ROWS, [])], "at least one in each part"),
    "masks": ([(ROWS < 30, ROWS >= 30)], "flatnonzero"),
    "floats": ([(ROWS[:30] * 1.0, ROWS[30:] * 1.0)], "must hold row numbers"),
    "negative": ([(ROWS[:30], [-1])], "from 0 to 59"),
    "too large": ([(ROWS[:30], [60])], "from 0 to 59"),
    "two dimensions": ([(ROWS[:30, None], ROWS[30:])], "must hold row numbers"),
    "texts": ([(["a"], ["b"])], "must hold row numbers"),
    "shared row": ([(ROWS[:31], ROWS[30:])], "both its parts"),
    "one class": ([(np.flatnonzero(Y == 0), np.flatnonzero(Y == 1))], "one class only"),
    "one row again and again": ([(np.zeros(30, int), ROWS[30:])], "one class only"),
    "nested": ([[[0, [1]], [2]]], "list of pairs|row numbers"),
}


@pytest.mark.parametrize("name", SPLITS)
def test_splits_are_refused(name):
    splits, message = SPLITS[name]
    refused(lambda: check({"X": X, "y": Y, "cv_splits_indices": splits}), message)


@pytest.mark.parametrize(
    "splits",
    [iter([HALVES]), [tuple(rows.tolist() for rows in HALVES)], [HALVES] * 3,
     [(ROWS[:30].astype(np.uint8), ROWS[30:].astype(np.int8))], np.array([HALVES])],
    ids=["iterator", "lists", "repeated", "small integers", "array"],
)  # fmt: skip
def test_splits_are_taken(splits):
    folds = check({"X": X, "y": Y, "cv_splits_indices": splits}).cv_splits_indices
    assert all(np.array_equal(fold, HALVES) for fold in folds)


UNLABELLED = np.where(ROWS >= 30, np.nan, Y)
LEFT = {
    "a fold validates rows without label": (
        {"y": UNLABELLED, "cv_splits_indices": [HALVES]}, "has no validation rows with a target"),
    "a fold trains on rows without label": (
        {"y": UNLABELLED, "cv_splits_indices": [HALVES[::-1]]}, "has no training rows"),
    "only rows without label have weight": (
        {"y": UNLABELLED, "sample_weight": (ROWS >= 30) * 1.0}, "zero in all rows that have"),
    "a fold's validation rows have no weight": (
        {"sample_weight": (ROWS >= 30) * 1.0, "cv_splits_indices": [HALVES[::-1]]},
        "weights of the validation rows are all zero"),
    "a fold's training rows have no weight": (
        {"sample_weight": (ROWS >= 30) * 1.0, "cv_splits_indices": [HALVES]},
        "weights of the training rows are all zero"),
    "one row of a class": ({"y": (ROWS == 7) * 1}, "one class only"),
    "weights of other rows in the validation part": (
        {"X_valid": X[:9], "y_valid": Y[:9], "sample_weight_valid": np.ones(8)}, "has 8"),
    "validation part without label": (
        {"X_valid": X[:9], "y_valid": [None] * 9}, "y_valid has no values"),
    "validation part without weight": (
        {"X_valid": X[:2], "y_valid": [0, None], "sample_weight_valid": [0, 1]},
        "sample_weight_valid is zero in all rows"),
    "validation part without rows": ({"X_valid": X[:0], "y_valid": []}, "is empty"),
    "X_valid alone": ({"X_valid": X}, "y_valid is missing"),
    "y_valid alone": ({"y_valid": Y}, "X_valid is missing"),
    "weights of no validation part": ({"sample_weight_valid": Y}, "X_valid is missing"),
    "validation part and splits": (
        {"X_valid": X, "y_valid": Y, "cv_splits_indices": [HALVES]}, "not both"),
    "unseen class": ({"X_valid": X[:2], "y_valid": [0, 2]}, r"does not have: \[2\]"),
    "labels as text": ({"X_valid": X[:2], "y_valid": ["0", "1"]}, "does not have"),
    "longer labels": ({"y": ["no", "yes"] * 30, "X_valid": X[:2], "y_valid": ["no", "yes "]},
                      "'yes '"),
    "mixed labels": ({"X_valid": X[:2], "y_valid": [0, "1"]}, "y_valid mixes"),
    "unlisted label": ({"class_labels": [0]}, r"does not list: \[1\]"),
    "listed as text": ({"class_labels": ["0", "1"]}, "does not list"),
    "labels in two dimensions": ({"class_labels": [[0, 1]]}, "class_labels has the shape"),
}  # fmt: skip


@pytest.mark.parametrize("name", LEFT)
def test_what_leaves_nothing_is_found_by_the_check(name):
    more, message = LEFT[name]
    refused(lambda: check({"X": X, "y": Y} | more), message)


@pytest.mark.parametrize(
    ("plan", "rows", "message"),
    [
        (SplitPlan(61), N, "needs at least 61 rows"),
        (SplitPlan(), 8, "needs at least 10 rows"),
        (SplitPlan(2), 2, "one class only"),
        (SplitPlan(None, 0.999), N, "leaves none to train on"),
        (SplitPlan(None, 0.98), N, "one class only"),
    ],
)
def test_plans_that_leave_nothing(plan, rows, message):
    refused(lambda: check({"X": X[:rows], "y": Y[:rows]}, plan=plan), message)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        ({"0": 2.0}, r"class_weight has the labels \['0'\]"),
        ({2: 1.0}, r"class_weight has the labels \[2\]"),
        ({True: 1.0}, r"class_weight has the labels \[True\]"),
        ({0: 0.0}, "fewer than two classes"),
    ],
)
def test_class_weights_are_refused(weight, message):
    refused(lambda: check({"X": X, "y": Y}, class_weight=weight), message)


@pytest.mark.parametrize("label", ["1", True, 2, "yes", 0.5])
def test_a_positive_label_is_refused(label):
    refused(lambda: check({"X": X, "y": Y}, positive_label=label), "the target's labels are")
