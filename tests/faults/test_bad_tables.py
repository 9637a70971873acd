"""Feature tables of every odd kind: each is refused in one sentence, or read as described."""

from __future__ import annotations

import datetime
import decimal
import fractions
import pathlib
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import sparse

from tests.faults.inputs import FRAME, N, X, Y, check, refused

arrow = pd.ArrowDtype
DAYS = pd.date_range("2024-01-01", periods=N)
TEXTS = [f"{n}.25" for n in range(N)]

#: Column -> its type and the number of its values that count as missing; or why it is ignored.
READ = {
    "int": (range(N), "Numeric", 0),
    "int8": (np.arange(N, dtype=np.int8), "Numeric", 0),
    "uint64": (np.array([2**64 - 1 - n for n in range(N)], dtype=np.uint64), "Ignore", "constant"),
    "float16": (np.arange(N, dtype=np.float16), "Numeric", 0),
    "float32": (np.arange(N, dtype=np.float32), "Numeric", 0),
    "longdouble": (np.arange(N, dtype=np.longdouble), "Numeric", 0),
    "subnormal": (np.full(N, 5e-324) * np.arange(N), "Numeric", 0),
    "bool": ([True, False] * 30, "Numeric", 0),
    "bool and None": ([True, False, None] * 20, "Numeric", 20),
    "Int64": (pd.array([1, None, 3] * 20, dtype="Int64"), "Numeric", 20),
    "Float64": (pd.array([1.5, None, 3] * 20, dtype="Float64"), "Numeric", 20),
    "boolean": (pd.array([True, None, False] * 20, dtype="boolean"), "Numeric", 20),
    "Decimal": ([decimal.Decimal(n) / 8 for n in range(N)], "Numeric", 0),
    "Decimal NaN": ([decimal.Decimal(n) for n in range(59)] + [decimal.Decimal("NaN")],
                    "Numeric", 1),
    "Fraction": ([fractions.Fraction(n, 7) for n in range(N)], "Ignore", "of type Fraction"),
    "timedelta": (pd.to_timedelta(np.arange(N), "h"), "Numeric", 0),
    "timedelta NaT": (pd.to_timedelta([None, *range(59)], "s"), "Numeric", 1),
    "arrow int": (pd.array([1, None, 3] * 20, dtype=arrow(pa.int64())), "Numeric", 20),
    "arrow bool": (pd.array([True, None, False] * 20, dtype=arrow(pa.bool_())), "Numeric", 20),
    "arrow decimal": (pd.array([decimal.Decimal(n) for n in range(N)],
                               dtype=arrow(pa.decimal128(9, 2))), "Numeric", 0),
    "arrow duration": (pd.array([datetime.timedelta(n) for n in range(N)],
                                dtype=arrow(pa.duration("us"))), "Ignore", "of type Timedelta"),
    "sparse": (pd.arrays.SparseArray(np.arange(N) % 2 * 1.0), "Numeric", 0),
    "texts of numbers": (TEXTS, "Numeric", 0),
    "texts of numbers, None": ([*TEXTS[:-1], None], "Numeric", 1),
    "texts with spaces": ([f" {n}.5 " for n in range(N)], "Numeric", 0),
    "category": (pd.Categorical(list("abc") * 20, categories=list("abcdef")), "Categorical", 0),
    "category of numbers": (pd.Categorical([1, 2, 3] * 20), "Categorical", 0),
    "category with inf": (pd.Categorical([np.inf, 1.0, 2.0] * 20), "Categorical", 0),
    "intervals": (pd.cut(np.arange(N), 4), "Categorical", 0),
    "str": (pd.Series(list("abc") * 20, dtype="str"), "Categorical", 0),
    "str and None": (["a", "b", None] * 20, "Categorical", 20),
    "str and numbers": (["a", 1, 1.5] * 20, "Categorical", 0),
    "half a character": (pd.Series(["a\ud800", "b", "c"] * 20, dtype=object), "Categorical", 0),
    "characters": (["😀", "日本", "é", "e\u0301"] * 15, "Categorical", 0),
    "empty texts": (["", "x", "y"] * 20, "Categorical", 0),
    "hexadecimal": ([hex(n % 7) for n in range(N)], "Categorical", 0),
    "thousands": ([f"{n % 7},234.5" for n in range(N)], "Categorical", 0),
    "versions": ([f"v{n % 7}" for n in range(N)], "Categorical", 0),
    "arrow string": (pd.array(["a", None, "b"] * 20, dtype=arrow(pa.string())), "Categorical", 20),
    "arrow dictionary": (pd.array(["a", "b", "c"] * 20,
                                  dtype=arrow(pa.dictionary(pa.int32(), pa.string()))),
                         "Categorical", 0),
    "many": ([f"k{n % 40}" for n in range(N)], "CategoricalHash", 0),
    "text": ([f"a sentence of number {n}" for n in range(N)], "Text", 0),
    "text with NUL": ([f"word\x00 and number {n}" for n in range(N)], "Text", 0),
    "broken text": (pd.Series([f"half \ud800 of number {n}" for n in range(N)], dtype=object),
                    "Text", 0),
    "dates": (DAYS, "DateTime", 0),
    "dates with zone": (DAYS.tz_localize("Asia/Tokyo"), "DateTime", 0),
    "dates and NaT": ([None, *DAYS[1:]], "DateTime", 1),
    "date objects": (list(DAYS.date), "DateTime", 0),
    "dates as text": ([str(day) for day in DAYS], "DateTime", 0),
    "dates of year 9999": (np.array(["9999-01-01", "9999-01-02"] * 30, dtype="datetime64[s]"),
                           "DateTime", 0),
    "periods": (pd.period_range("2020-01", periods=N, freq="M"), "DateTime", 0),
    "arrow date": (pd.array(list(DAYS.date), dtype=arrow(pa.date32())), "DateTime", 0),
    "arrow time": (pd.array(list(DAYS), dtype=arrow(pa.timestamp("us", "UTC"))), "DateTime", 0),
    "constant": ([1] * N, "Ignore", "constant"),
    "constant text": (["a"] * N, "Ignore", "constant"),
    "missing": ([None] * N, "Ignore", "all values are missing"),
    "lists": ([[1, 2]] * N, "Ignore", "not single values"),
    "dicts": ([{"a": 1}] * N, "Ignore", "not single values"),
    "sets": ([{1}] * N, "Ignore", "not single values"),
    "arrays": ([np.zeros(2)] * N, "Ignore", "not single values"),
    "arrow lists": (pd.array([[1, 2]] * N, dtype=arrow(pa.list_(pa.int64()))), "Ignore",
                    "not single values"),
    "tuples": ([(1, n % 3) for n in range(N)], "Ignore", "of type tuple"),
    "bytes": ([b"a", b"b", b"c"] * 20, "Ignore", "of type bytes"),
    "complex": (np.arange(N) + 1j, "Ignore", "complex128, is not supported"),
    "complex objects": (pd.Series([complex(n, 1) for n in range(N)], dtype=object), "Ignore",
                        "of type complex"),
    "UUIDs": ([uuid.UUID(int=n % 5) for n in range(N)], "Ignore", "of type UUID"),
    "paths": ([pathlib.PurePosixPath(f"/a/{n % 5}") for n in range(N)], "Ignore", "Path"),
    "times": ([datetime.time(n % 24) for n in range(N)], "Ignore", "of type time"),
    "unique texts": ([f"u{n:04}" for n in range(N)], "Ignore", "an ID"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_a_column_is_read_or_ignored_with_a_reason(name):
    values, purpose, expected = READ[name]
    table = FRAME[["a", "c"]].assign(odd=values)
    dataset = check({"X": table, "y": Y})
    column = dataset.layout.columns[2]
    assert column.purpose == purpose
    if purpose == "Ignore":
        assert expected in column.reason
    elif purpose != "Text":
        assert int(dataset.X["odd"].isna().sum()) == expected


@pytest.mark.parametrize("odd", [" ", "unknown", "-", "1,5", "\ud800"])
def test_a_text_among_many_numbers_is_missing_and_told(odd):
    rows = np.resize(np.arange(N), 10 * N)
    texts = pd.Series([*map(str, np.arange(10 * N - 1) / 4), odd], dtype=object)
    table = FRAME[["a", "b"]].iloc[rows].reset_index(drop=True).assign(total=texts)
    dataset = check({"X": table, "y": Y[rows]})
    assert dataset.layout.columns[2].purpose == "Numeric"
    assert dataset.X["total"].isna().sum() == 1
    [note] = dataset.notes
    assert note.startswith("1 of 600 values of 'total' in X are not usable numbers")
    assert dataset.unreadable == (note,)


@pytest.mark.parametrize(
    ("name", "values"),
    [("rowid", range(N)), ("customerID", range(N)), ("Unnamed: 0", range(N)), ("", range(N)),
     ("Unnamed: 3", range(1, N + 1))],
)  # fmt: skip
def test_a_number_that_only_counts_rows_is_ignored(name, values):
    dataset = check({"X": FRAME.assign(n=values).rename(columns={"n": name}), "y": Y})
    assert dataset.layout.columns[3].purpose == "Ignore"


@pytest.mark.parametrize(
    "values",
    [
        [np.inf] + [1.0] * 59,
        [-np.inf, *range(59)],
        [1e39, *range(59)],
        pd.Series([np.inf, *range(59)], dtype=object),
        pd.Series([10**400, *range(59)], dtype=object),
        [*TEXTS[:-1], "inf"],
        [*TEXTS[:-1], "-Infinity"],
        [*TEXTS[:-1], "1e999"],
        pd.array([np.inf, *range(59)], dtype="Float64"),
        pd.array([np.inf, *range(59)], dtype=arrow(pa.float64())),
        np.array([np.inf, *range(59)], dtype=np.float32),
    ],
    ids=range(11),
)
def test_infinity_in_any_form_is_refused(values):
    message = r"X has infinite values, or values beyond 3\.4e\+38, in the columns \['odd'\]"
    refused(lambda: check({"X": FRAME[["a", "b"]].assign(odd=values), "y": Y}), message)
    refused(lambda: check({"X": FRAME.assign(odd=values), "y": Y}), message)


MATRICES = {
    "None": (None, r"has no 'X'"),
    "number": (5, r"shape \(\)"),
    "text": ("table.csv", r"shape \(\)"),
    "one dimension": (X[:, 0], r"reshape\(-1, 1\)"),
    "three dimensions": (np.zeros((N, 2, 2)), r"shape \(60, 2, 2\)"),
    "ragged": ([[1, 2], [3]], "not a rectangular table"),
    "no columns": (np.zeros((N, 0)), "is empty"),
    "no rows": (np.zeros((0, 2)), "is empty"),
    "no rows, table": (FRAME.head(0), "is empty"),
    "too few rows": (X[:-1], "X has 59 rows but y has 60"),
    "infinite": (np.where(X[0, 0] == X, np.inf, X), r"infinite values.*'column_0'"),
    "infinite sparse": (sparse.csr_matrix(np.where(X[0, 0] == X, np.inf, X)), "infinite"),
    "huge": (X * 1e300, "infinite values, or values beyond"),
    "complex": (X + 1j, "not supported|not numeric"),
    "sparse complex": (sparse.csr_matrix(X + 1j), "sparse matrix of complex128"),
    "structured": (np.zeros(N, dtype=[("a", float), ("b", int)]), r"shape \(60,\)"),
    "same names": (FRAME.set_axis(["a", "a", "c"], axis=1), r"named \['a'\]"),
    "0 and '0'": (FRAME.set_axis([0, "0", "c"], axis=1), r"named \['0'\]"),
    "None and 'None'": (
        FRAME.set_axis(pd.Index([None, "None", "c"], dtype=object), axis=1),
        "more than one column named",
    ),
    "half a character": (
        FRAME.set_axis(pd.Index(["a\ud800", "b", "c"], dtype=object), axis=1),
        "not valid Unicode",
    ),
    "all constant": (np.ones((N, 2)), "no column to learn from"),
    "all missing": (np.full((N, 2), np.nan), "no column to learn from"),
    "lists": (pd.DataFrame({"a": [[1]] * N}), "no column to learn from"),
    "lazy": (pl.from_pandas(FRAME).lazy(), r"shape \(\)"),
    "dict": ({"a": list(range(N))}, r"shape \(\)"),
    "set": ({1, 2}, r"shape \(\)"),
    "generator": ((row for row in X), r"shape \(\)"),
}


@pytest.mark.parametrize("name", MATRICES)
def test_a_matrix_is_refused(name):
    matrix, message = MATRICES[name]
    refused(lambda: check({"X": matrix, "y": Y}), message)


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["1"] * N, r"'odd' \(str\)"),
        (pd.Categorical([1, 2] * 30), r"'odd' \(category\)"),
        (DAYS, "datetime64"),
        (pd.to_timedelta(np.arange(N), "s"), "timedelta64"),
        ([1, "a"] * 30, "object"),
        (np.arange(N) + 1j, "complex128"),
        ([[1]] * N, "object"),
    ],
    ids=["text", "category", "date", "timedelta", "mixed", "complex", "lists"],
)
def test_without_featurization_columns_must_be_numbers(column, message):
    table = FRAME[["a", "b"]].assign(odd=column)
    refused(lambda: check({"X": table, "y": Y}, featurization=None), message)


GOOD = {
    "fortran": np.asfortranarray(X),
    "float32": X.astype(np.float32),
    "bool": X > 0,
    "objects": X.astype(object),
    "nested lists": X.tolist(),
    "csc": sparse.csc_matrix(X),
    "coo": sparse.coo_matrix(X),
    "polars": pl.from_pandas(FRAME),
    "pyarrow": pa.Table.from_pandas(FRAME),
    "multi-index columns": FRAME.set_axis(
        pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 1)]), axis=1
    ),
    "duplicate index": FRAME.set_axis([0] * N, axis=0),
    "multi-index rows": FRAME.set_axis(pd.MultiIndex.from_arrays([range(N)] * 2), axis=0),
    "number names": FRAME.set_axis([0, 1, 2], axis=1),
    "hostile names": FRAME.set_axis(["__proto__", "<b>", "x" * 9999], axis=1),
    "empty names": FRAME.set_axis(["", None, "x"], axis=1),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_matrix_is_taken(name):
    dataset = check({"X": GOOD[name], "y": Y})
    assert dataset.n_rows == N
    assert len(dataset.feature_names) == GOOD["hostile names"].shape[1] - (
        getattr(GOOD[name], "shape", (N, 2))[1] == 2
    )


def test_masked_values_are_missing():
    masked = np.ma.masked_array(X, mask=np.zeros_like(X, dtype=bool))
    masked[::2, 0] = np.ma.masked
    dataset = check({"X": masked, "y": Y})
    assert np.isnan(np.asarray(dataset.X)[:, 0]).sum() == N // 2
    assert not np.isnan(np.asarray(dataset.X)[:, 1]).any()


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a"], "feature_names has 1 names, X has 2 columns"),
        (["a", "a"], r"named \['a'\]"),
        ("ab", "feature_names is the text 'ab'"),
        (5, "feature_names is int"),
        (["a", "b\ud800"], "not valid Unicode"),
    ],
)
def test_names_of_an_array_are_refused(names, message):
    refused(lambda: check({"X": X, "y": Y, "feature_names": names}), message)


def test_other_names_for_a_table_are_refused():
    raw = {"X": FRAME, "y": Y, "feature_names": ["x", "y", "z"]}
    refused(lambda: check(raw), "feature_names names the columns of an array")
    assert check(raw | {"feature_names": ["a", "b", "c"]}).feature_names == ("a", "b", "c")
