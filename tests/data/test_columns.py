"""What a column is taken for, and the one form its values are brought into."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from engine import DataException
from engine.data.columns import infer_columns
from engine.data.values import normalise

N = 200


def purpose(values, name="column"):
    frame = pd.DataFrame({"other": np.arange(len(values)) % 7, name: values})
    return infer_columns(frame, list(frame.columns))[1]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.linspace(0, 1, N), "Numeric"),
        (np.arange(N), "Numeric"),
        ([True, False] * (N // 2), "Numeric"),
        ([True, None] * (N // 2), "Numeric"),
        (pd.array([1, None] * (N // 2), dtype="Int64"), "Numeric"),
        (pd.to_timedelta(np.arange(N), "h"), "Numeric"),
        ([f"{i}.5" for i in range(N)], "Numeric"),
        (["a", "b"] * (N // 2), "Categorical"),
        (["a", None] * (N // 2), "Categorical"),
        (pd.Categorical([1, 2] * (N // 2)), "Categorical"),
        ([1, "a"] * (N // 2), "Categorical"),
        (["1", "2"] * (N // 2), "Categorical"),
        ([f"c{i % 60}" for i in range(N)], "CategoricalHash"),
        ([f"user{i}" for i in range(N)], "Ignore"),
        (pd.date_range("2020-01-01", periods=N), "DateTime"),
        (pd.date_range("2020-01-01", periods=N, tz="Asia/Tokyo"), "DateTime"),
        ([f"2021-03-{i % 28 + 1:02d}" for i in range(N)], "DateTime"),
        ([dt.date(2020, 1, i % 28 + 1) for i in range(N)], "DateTime"),
        ([f"the cow number {i} eats grass" for i in range(N)], "Text"),
        ([5] * N, "Ignore"),
        (["same"] * N, "Ignore"),
        ([None] * N, "Ignore"),
        ([np.nan] * N, "Ignore"),
        ([[1, 2]] * N, "Ignore"),
        ([1j] * N, "Ignore"),
    ],
)
def test_purposes(values, expected):
    column = purpose(values)
    assert column.purpose == expected
    assert bool(column.reason) == (expected == "Ignore")


def test_numbers_that_count_the_rows_are_an_id_by_their_name_only():
    assert purpose(np.arange(N), "customer_id").purpose == "Ignore"
    assert purpose(np.arange(N), "customerId").purpose == "Ignore"
    assert purpose(np.arange(N), "index").purpose == "Ignore"
    assert purpose(np.arange(N), "humid").purpose == "Numeric"
    assert purpose(np.arange(N) % 20, "shop_id").purpose == "Numeric"


def test_an_array_loses_its_constant_columns():
    X = np.column_stack([np.zeros(N), np.arange(N), np.full(N, np.nan)])
    assert [c.purpose for c in infer_columns(X, ["a", "b", "c"])] == ["Ignore", "Numeric", "Ignore"]


def test_the_user_knows_better():
    frame = pd.DataFrame({"zip": np.arange(N) % 9, "b": np.arange(N) * 1.5, "c": ["x", "y"] * 100})
    columns = infer_columns(frame, list(frame), {"zip": "Categorical", "c": "Ignore"}, drop=["b"])
    assert [c.purpose for c in columns] == ["Categorical", "Ignore", "Ignore"]
    with pytest.raises(DataException, match="which X does not have"):
        infer_columns(frame, list(frame), {"nope": "Text"})


def test_nothing_to_learn_from_says_why():
    with pytest.raises(DataException, match=r"no column to learn from.*constant"):
        infer_columns(np.ones((N, 2)), ["a", "b"])


def test_one_category_however_it_is_written():
    columns = [[1, 2, 1], [1.0, 2.0, 1.0], ["1", "2", "1"], np.array([1, 2, 1], dtype="int8")]
    for values in columns:
        found = normalise(pd.Series(values), "Categorical")
        assert found.tolist() == ["1", "2", "1"]
    assert normalise(pd.Series([1, "1", None], dtype=object), "Categorical").nunique() == 1
    assert normalise(pd.Series([True, False]), "Categorical").tolist() == ["True", "False"]


def test_what_is_no_number_or_date_is_missing():
    numbers = normalise(pd.Series(["1.5", "x", None, "inf"], dtype=object), "Numeric")
    np.testing.assert_array_equal(numbers, [1.5, np.nan, np.nan, np.nan])
    dates = normalise(pd.Series(["2020-02-30", "2020-02-03T01:00+02:00", None]), "DateTime")
    assert dates.isna().tolist() == [True, False, True]
    assert dates[1] == pd.Timestamp("2020-02-02 23:00")
    assert normalise(pd.Series(["a b", None]), "Text").tolist() == ["a b", ""]
