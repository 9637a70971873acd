"""The summary of the training data that goes with a model, and what is compared by it."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.data.raw_types import raw_types
from engine.data.training_summary import ColumnSummary, TrainingSummary

N = 400
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "age": RNG.integers(18, 80, N),
        "income": np.where(RNG.random(N) < 0.1, np.nan, RNG.normal(40, 9, N)),
        "text_number": RNG.normal(size=N).astype(str),
        "town": RNG.choice(["Rome", "Oslo", "Bern"], N, p=[0.6, 0.3, 0.1]),
        "shop": RNG.choice([f"shop {n}" for n in range(60)], N),
        "since": pd.date_range("2020-01-01", periods=N, freq="h"),
        "day": pd.date_range("2020-01-01", periods=N).astype(str),
        "note": [f"the note number {n} " + "long " * (n % 7) for n in range(N)],
        "customer_id": [f"u{n:05}" for n in range(N)],
        "member": RNG.choice([True, False], N),
        "mixed": pd.Series(RNG.choice(np.array([1, "a", 2.5], dtype=object), N)),
    }
)
Y = RNG.integers(0, 2, N)


def summary_of(X, featurize=True):
    config = FeaturizationConfig() if featurize else None
    return TrainingSummary.of(check_data({"X": X, "y": Y}, "classification", featurization=config))


@pytest.fixture(scope="module")
def summary():
    return summary_of(TABLE)


def test_types_before_and_after_reading(summary):
    found = {c.name: (c.purpose, str(c.raw_type)) for c in summary.columns}
    assert found == {
        "age": ("Numeric", "integer"),
        "income": ("Numeric", "float"),
        "text_number": ("Numeric", "text"),
        "town": ("Categorical", "text"),
        "shop": ("CategoricalHash", "text"),
        "since": ("DateTime", "date"),
        "day": ("DateTime", "text"),
        "note": ("Text", "text"),
        "customer_id": ("Ignore", "text"),
        "member": ("Numeric", "boolean"),
        "mixed": ("Categorical", "other"),
    }


def test_every_row_is_in_one_place(summary):
    for column in summary.columns:
        if column.purpose == "Ignore":
            assert column.counts == ()
            continue
        assert sum(column.counts) == N == summary.n_rows == summary.n_counted
        assert len(column.counts) == len(column.edges or column.categories) + 2
    assert summary.counted["income"].counts[-1] == TABLE["income"].isna().sum()


def test_raw_training_rows_have_an_index_of_zero(summary):
    """What is counted later is raw; it falls into the places of the training rows."""
    counts = summary.count(TABLE)
    assert set(counts) == set(summary.counted)
    for name, column in summary.counted.items():
        assert tuple(counts[name]) == column.counts, name
    assert set(summary.stability_indices(counts).values()) == {0.0}


def test_rows_of_the_same_kind_are_stable_and_others_are_not(summary):
    half = summary.stability_indices(summary.count(TABLE.sample(200, random_state=1)))
    assert max(half.values()) < 0.25
    moved = TABLE.assign(
        age=TABLE["age"] + 40, income=np.nan, town="Paris", since="2031-01-01", note="short",
        shop="shop 1", member=True, text_number="none",
    )  # fmt: skip
    found = summary.stability_indices(summary.count(moved))
    for name in ("age", "income", "town", "since", "note", "shop", "member", "text_number"):
        assert found[name] > 0.25, name
    assert found["day"] == found["mixed"] == 0.0


def test_counts_of_requests_add_up(summary):
    parts = [summary.count(TABLE[:150]), summary.count(TABLE[150:])]
    for name, column in summary.counted.items():
        assert tuple(parts[0][name] + parts[1][name]) == column.counts


def test_absent_columns_and_hostile_values(summary):
    assert list(summary.count(TABLE[["age"]])) == ["age"]
    assert summary.count(pd.DataFrame({"other": [1]})) == {}
    values = pd.Series([None, np.inf, "x", 10**400, {"a": 1}, [1], "2020-01-01"], dtype=object)
    for name, column in summary.counted.items():
        counts = column.count(values)
        assert counts.sum() == len(values), name
        assert np.isfinite(column.stability_index(counts))
    empty = summary.count(TABLE[:0])
    assert set(summary.stability_indices(empty).values()) == {0.0}
    with pytest.raises(ValueError, match="3 counts of column 'age'; it has"):
        summary.counted["age"].stability_index([1, 2, 3])


def test_rare_categories_are_not_named(summary):
    """A value that few rows have could name a person."""
    names = pd.Series(["Ann Smith"] * 4 + ["red"] * 30)
    column = ColumnSummary.of(names, "Categorical")
    assert column.categories == ("red",)
    assert column.counts == (30, 4, 0)
    text = summary.to_json()
    assert "u00001" not in text
    assert "the note number" not in text
    assert len(summary.counted["shop"].categories) <= 20


def test_json_round_trip(summary):
    text = summary.to_json()
    assert TrainingSummary.from_json(text) == summary
    assert len(text) < 20_000
    content = json.loads(text)
    assert content["version"] == 1
    assert set(content["columns"][0]) == {
        "name", "purpose", "raw_type", "edges", "categories", "counts",
    }  # fmt: skip


@pytest.mark.parametrize(
    "text", ["[]", "{}", '{"version": 1}', '{"version": 1, "n_rows": 1, "n_counted": 1, '
    '"columns": [{"name": "a"}]}', '{"version": "1"}', '{"version": 99}', "no json"],
)  # fmt: skip
def test_what_is_no_summary(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the message of JSON's own error varies
        TrainingSummary.from_json(text)


def test_without_counts_nothing_of_the_values_is_left(summary):
    bare = summary.without_counts()
    assert [(c.name, c.purpose, c.raw_type) for c in bare.columns] == [
        (c.name, c.purpose, c.raw_type) for c in summary.columns
    ]
    assert bare.counted == {}
    assert all(not (c.edges or c.categories or c.counts) for c in bare.columns)
    assert bare.count(TABLE) == {}
    assert TrainingSummary.from_json(bare.to_json()) == bare


def test_arrays_and_sparse_matrices():
    X = RNG.normal(size=(N, 3))
    dense, spread = summary_of(X, False), summary_of(sparse.csr_matrix(X), False)
    assert [c.name for c in dense.columns] == ["column_0", "column_1", "column_2"]
    assert dense == spread
    assert {str(c.raw_type) for c in dense.columns} == {"float"}


def test_large_data_is_counted_by_a_part_of_it():
    n = 250_000
    X = np.column_stack([np.arange(n), np.zeros(n)])
    data = check_data({"X": X, "y": np.arange(n) % 2}, "classification")
    summary = TrainingSummary.of(data)
    assert summary.n_rows == n
    assert n / 3 <= summary.n_counted <= 100_000
    edges = np.array(summary.columns[0].edges)
    assert np.allclose(edges, np.arange(1, 10) / 10 * n, atol=10)
    assert summary.columns[1].edges == (0.0,)


def test_many_columns_have_names_alone():
    data = check_data(
        {"X": np.zeros((10, 700)) + np.arange(700), "y": [0, 1] * 5}, "classification"
    )
    summary = TrainingSummary.of(data)
    assert len(summary.columns) == 700
    assert len(summary.counted) == 500


@pytest.mark.parametrize("convert", [pl.from_pandas, pa.Table.from_pandas])
def test_types_of_other_tables(convert):
    table = TABLE[["age", "income", "town", "member"]]
    assert [str(t) for t in raw_types(convert(table))] == ["integer", "float", "text", "boolean"]


@given(arrays(np.float64, st.integers(1, 60), elements=st.floats(allow_nan=True, width=32)))
def test_any_numbers_are_counted_once(values):
    column = ColumnSummary.of(pd.Series(values), "Numeric", name="a")
    assert sum(column.counts) == len(values)
    assert list(column.edges) == sorted(set(column.edges))
    assert column.stability_index(column.counts) == 0.0
    assert column.stability_index(column.count(pd.Series([0.0, np.nan]))) >= 0
    [again] = TrainingSummary.from_json(TrainingSummary(1, 1, (column,)).to_json()).columns
    assert again == column
