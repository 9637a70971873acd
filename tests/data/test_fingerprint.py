"""Equal for equal data, whatever computes it, and different for any other."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine.data import dataset
from engine.data import fingerprint as module
from engine.data.check import check_data
from engine.data.dataset import Dataset
from engine.data.featurization import FeaturizationConfig
from engine.data.fingerprint import FORM, fingerprint, is_other_data

N = 60
RNG = np.random.default_rng(0)
NUMBERS = RNG.normal(size=(N, 4))
Y = np.array([0, 1] * (N // 2))
MIXED = pd.DataFrame(
    {
        "n": RNG.normal(size=N),
        "text": [f"word {i}" for i in range(N)],
        "category": pd.Categorical(["a", "b", None] * (N // 3)),
        "date": pd.date_range("2024-01-01", periods=N, tz="Europe/Berlin"),
        "nullable": pd.array([1, None, 3] * (N // 3), dtype="Int64"),
        "flag": [True, False] * (N // 2),
        "objects": [1, "one", None, 2.5, datetime(2024, 1, 1, tzinfo=UTC), b"x"] * (N // 6),
    }
)


def of(X, y=Y, **more):
    names = tuple(map(str, getattr(X, "columns", range(X.shape[1]))))
    classes = np.unique(y) if np.asarray(y).dtype.kind in "iUO" else None
    return fingerprint(Dataset(X, np.asarray(y), classes, names, **more))


TABLES = {
    "numbers": NUMBERS,
    "frame": MIXED,
    "sparse": sparse.csr_matrix(np.where(NUMBERS > 0.5, NUMBERS, 0.0)),
    "integers": np.arange(4 * N).reshape(N, 4),
}


def rows(X, order):
    return X.iloc[order] if isinstance(X, pd.DataFrame) else X[order]


@pytest.mark.parametrize("X", TABLES.values(), ids=TABLES)
class TestEveryTable:
    def test_a_copy_is_the_same(self, X):
        assert of(X) == of(X.copy())

    def test_another_order_of_the_rows_is_not(self, X):
        order = np.r_[2, 1, 0, 3:N]  # the targets stay as they are
        assert of(rows(X, order)) != of(X)

    def test_fewer_rows_are_not(self, X):
        assert of(rows(X, np.arange(N - 2)), Y[:-2]) != of(X)

    def test_another_target_is_not(self, X):
        assert of(X, Y[::-1].copy()) != of(X)

    def test_weights_count(self, X):
        assert of(X, sample_weight=np.arange(1.0, N + 1)) != of(X)

    def test_a_validation_part_counts(self, X):
        part = {"X_valid": rows(X, np.arange(9)), "y_valid": Y[:9]}
        assert of(X, **part) != of(X)
        other = {"X_valid": rows(X, np.arange(1, 10)), "y_valid": Y[:9]}
        assert of(X, **part) != of(X, **other)


def test_each_column_of_a_frame_counts():
    whole = of(MIXED)
    for name in MIXED.columns:
        changed = MIXED.copy()
        changed[name] = np.roll(MIXED[name].to_numpy(dtype=object), 1)
        assert of(changed) != whole, name


def test_names_of_columns_count():
    assert of(MIXED.rename(columns={"n": "m"})) != of(MIXED)


def test_given_splits_count():
    folds = ((np.arange(30), np.arange(30, 60)),)
    other = ((np.arange(1, 30), np.arange(30, 60)),)
    assert of(NUMBERS, cv_splits_indices=folds) != of(NUMBERS, cv_splits_indices=other)


def test_the_last_bits_of_arithmetic_do_not_count():
    """As from sums that another processor adds in another order."""
    noise = 1 + RNG.uniform(-4e-16, 4e-16, size=NUMBERS.shape)
    assert of(NUMBERS * noise) == of(NUMBERS)
    assert of(NUMBERS * 1.01) != of(NUMBERS)


def test_a_regression_target_is_rounded_too():
    y = NUMBERS[:, 0]
    assert of(NUMBERS, y) == of(NUMBERS, y * (1 + 2e-16))
    assert of(NUMBERS, y) != of(NUMBERS, y + 0.1)


def test_the_same_numbers_of_another_memory_layout_are_the_same():
    assert of(np.asfortranarray(NUMBERS)) == of(NUMBERS)
    assert of(NUMBERS[::-1][::-1]) == of(NUMBERS)


def test_unsorted_sparse_indices_are_the_same():
    one = sparse.csr_matrix(([1.0, 2.0], [0, 1], [0, 2, *[2] * (N - 1)]), shape=(N, 4))
    two = sparse.csr_matrix(([2.0, 1.0], [1, 0], [0, 2, *[2] * (N - 1)]), shape=(N, 4))
    assert of(one) == of(two)


def test_missing_values_zeros_and_infinities():
    X = np.array([[np.nan, 0.0, np.inf, 1e300]] * N)
    other = np.array([[-np.nan, -0.0, np.inf, 1e300]] * N)
    assert of(X) == of(other)
    assert of(X) != of(np.nan_to_num(X))


def test_a_large_table_is_sampled_and_its_order_is_still_seen(monkeypatch):
    monkeypatch.setattr(module, "_MOST_VALUES", 400)
    monkeypatch.setattr(module, "_LEAST_ROWS", 10)
    X = RNG.normal(size=(1000, 4))
    y = np.array([0, 1] * 500)
    assert of(X, y) == of(X.copy(), y)
    assert of(np.roll(X, 1, axis=0), y) != of(X, y)
    wide = sparse.csr_matrix(X)
    assert of(wide, y) != of(wide[::-1], y)


@pytest.mark.slow
def test_another_process_computes_the_same():
    code = (
        "from tests.data.test_fingerprint import MIXED, NUMBERS, of\nprint(of(MIXED), of(NUMBERS))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [of(MIXED), of(NUMBERS)]


def test_checked_data_has_it_in_its_summary():
    table = MIXED.drop(columns="objects").assign(y=Y)
    data = check_data(
        {"training_data": table, "label": "y"},
        "classification",
        featurization=FeaturizationConfig(),
    )
    assert data.summary().fingerprint == fingerprint(data)
    assert fingerprint(data).startswith(FORM)


def test_a_fingerprint_of_another_form_says_nothing():
    assert not is_other_data(f"{FORM}a", "b")
    assert not is_other_data("b", f"{FORM}a")
    assert is_other_data(f"{FORM}a", f"{FORM}b")


def test_it_is_made_once_for_data_that_is_asked_often(monkeypatch):
    made = []
    monkeypatch.setattr(dataset, "fingerprint", lambda data: made.append(data) or "x1-a")
    data = check_data({"X": NUMBERS, "y": Y}, "classification")
    assert {data.summary().fingerprint for _ in range(3)} == {"x1-a"}
    assert len(made) == 1
