"""Predictions of made-up candidates, for the tests of ensembles."""

from __future__ import annotations

import numpy as np

from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.ensembles.out_of_fold import OutOfFold

#: Rows.
N = 300


def noisy_views(kind, n_views=4, seed=0):
    """Candidates that are each right with independent noise: their mean is better than each."""
    rng = np.random.default_rng(seed)
    if kind == "regression":
        y = rng.normal(size=N)
        return y, {i: y + rng.normal(scale=0.7, size=N) for i in range(n_views)}
    y = rng.integers(3, size=N)
    views = {}
    for i in range(n_views):
        scores = np.eye(3)[y] * 1.2 + rng.normal(scale=0.9, size=(N, 3))
        views[i] = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return y, views


def out_of_fold(kind, **changes):
    y, views = noisy_views(kind)
    X = np.random.default_rng(1).normal(size=(N, 2))
    data = check_data({"X": X, "y": y} | changes, kind)
    return OutOfFold.of(data, make_splits(data, SplitPlan(5)), views)


def sixty_guesses():
    """Of what cannot be known."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=N)
    data = check_data({"X": rng.normal(size=(N, 1)), "y": y}, "classification")
    guesses = {n: rng.dirichlet([1, 1], size=N) for n in range(60)}
    return OutOfFold.of(data, make_splits(data, SplitPlan(5)), guesses)
