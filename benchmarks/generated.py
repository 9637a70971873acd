"""Made-up data of kinds that the development suite does not have: larger, wider, mixed, rarer.

Nothing is learned or tuned on them but by looking at what goes wrong.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from datasets import BenchmarkSet, Table

_WORDS = np.array(
    ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "good", "bad", "fast",
     "slow", "red", "blue"]
)  # fmt: skip


def _columns(X: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(X, columns=[f"c{index}" for index in range(X.shape[1])])


def _happens(score: np.ndarray, rng: np.random.Generator, scale: float = 1.0) -> np.ndarray:
    """1 with the probability that a logistic model gives to ``score``."""
    return (score + scale * rng.logistic(size=len(score)) > 0).astype(int)


def _products() -> Table:
    """100,000 rows; products of columns that show nothing by themselves."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(100_000, 30))
    score = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.7 * np.abs(X[:, 3]) + 0.5 * X[:, 4]
    score += 0.3 * X[:, 7:15].sum(axis=1) - 0.4 * (X[:, 5] > 0.5) * X[:, 6]
    return _columns(X), _happens(score - 0.5, rng)


def _mixed() -> Table:
    """20,000 rows: numbers with gaps, categories of 50 and 1,000 levels, dates, texts."""
    rng = np.random.default_rng(5)
    n_rows = 20_000
    shop, kind = rng.integers(1000, size=n_rows), rng.integers(50, size=n_rows)
    said = rng.integers(len(_WORDS), size=(n_rows, 8))
    hours = rng.integers(0, 1000 * 24, size=n_rows)
    when = pd.Timestamp("2020-01-01") + pd.to_timedelta(hours, unit="h")
    numbers = rng.normal(size=(n_rows, 4))
    score = rng.normal(size=1000)[shop] + 0.7 * rng.normal(size=50)[kind]
    score += 0.8 * ((said == 8).sum(axis=1) - (said == 9).sum(axis=1))
    score += 0.5 * (when.dayofweek.to_numpy() >= 5) + numbers[:, 0] * numbers[:, 1]
    X = pd.DataFrame(numbers, columns=list("abcd"))
    X["shop"] = [f"shop {number}" for number in shop]
    X["kind"] = pd.Categorical([f"kind {number}" for number in kind])
    X["said"] = [" ".join(words) for words in _WORDS[said]]
    X["when"] = when
    X["a"] = X["a"].mask(rng.random(n_rows) < 0.1)
    return X, _happens(score, rng)


def _many_classes() -> Table:
    """10,000 rows of 50 classes."""
    rng = np.random.default_rng(5)
    centers = 1.1 * rng.normal(size=(50, 20))
    y = rng.integers(50, size=10_000)
    return _columns(centers[y] + 1.3 * rng.normal(size=(10_000, 20))), y


def _wide() -> Table:
    """300 rows, 500 columns of which ten matter."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(300, 500))
    return _columns(X), (X[:, :10].sum(axis=1) + 1.5 * rng.normal(size=300) > 0).astype(int)


def _rare() -> Table:
    """30,000 rows, 0.4 % of which are of the second class."""
    rng = np.random.default_rng(5)
    X = rng.normal(size=(30_000, 20))
    return _columns(X), _happens(X[:, 0] * X[:, 1] + X[:, 2] - 4.9, rng, 0.5)


def _friedman() -> Table:
    """200,000 rows of Friedman's first function."""
    from sklearn.datasets import make_friedman1

    X, y = make_friedman1(200_000, noise=1.0, random_state=5)
    return _columns(X), y


_C, _R = "classification", "regression"
GENERATED: dict[str, BenchmarkSet] = {
    entry.name: entry
    for entry in (
        BenchmarkSet("made_products", _C, _products),
        BenchmarkSet("made_mixed", _C, _mixed),
        BenchmarkSet("made_many_classes", _C, _many_classes),
        BenchmarkSet("made_wide", _C, _wide),
        BenchmarkSet("made_rare", _C, _rare),
        BenchmarkSet("made_friedman", _R, _friedman),
    )
}
