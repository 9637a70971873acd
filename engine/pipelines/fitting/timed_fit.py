"""Fits of what learns in many alike steps, as many of them as there is time for."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaseEnsemble

from engine.data.dataset import Matrix, rows_of

_FIRST_TREES = 5
#: Epochs that are timed, on this share of the rows.
_TIMED_EPOCHS, _TIMED_SHARE, _LEAST_TIMED = 3, 0.05, 1000


def fit_within(
    estimator: Any,
    parameter: str,
    X: Matrix,
    y: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    seconds: float,
) -> int:
    """Fit a forest or a neural network with fewer trees or epochs where time is short.

    Parameters
    ----------
    estimator:
        Is fitted; what it is then differs from what `fit` makes only when there was no time.
    parameter:
        Its name for their number, ``"n_estimators"`` or ``"max_iter"``.
    X, y, sample_weight:
        Training part.
    seconds:
        What the fit may take, roughly.

    Returns
    -------
    int
        The number of trees or epochs.
    """
    weigh = {} if sample_weight is None else {"sample_weight": sample_weight}
    if isinstance(estimator, BaseEnsemble):
        return _fit_trees(estimator, parameter, X, y, weigh, seconds)
    if isinstance(estimator, TransformedTargetRegressor):
        parameter = f"regressor__{parameter}"
    wanted = int(estimator.get_params()[parameter])
    n_rows = X.shape[0]
    few = max(_LEAST_TIMED, int(_TIMED_SHARE * n_rows))
    number = wanted
    if n_rows > 2 * few and wanted > _TIMED_EPOCHS:
        # Spread over all rows: what is sorted by its label would give only one class.
        rows = np.arange(0, n_rows, n_rows // few)
        part = {name: values[rows] for name, values in weigh.items()}
        an_epoch = seconds_a_step(
            estimator, parameter, _TIMED_EPOCHS, rows_of(X, rows), y[rows], **part
        )
        there_is_time_for = seconds / (an_epoch * n_rows / len(rows))
        number = int(np.clip(there_is_time_for, _TIMED_EPOCHS, wanted))
    estimator.set_params(**{parameter: number}).fit(X, y, **weigh)
    return number


def seconds_a_step(
    estimator: Any, parameter: str, steps: int, X: Matrix, y: NDArray[Any], **fit_params: Any
) -> float:
    """What a round, an epoch or a tree takes: a clone is fitted with a few of them."""
    few = clone(estimator).set_params(**{parameter: steps})
    started = time.monotonic()
    few.fit(X, y, **fit_params)
    return (time.monotonic() - started) / steps


def _fit_trees(
    forest: Any, parameter: str, X: Matrix, y: NDArray[Any], weigh: Any, seconds: float
) -> int:
    wanted = int(forest.get_params()[parameter])
    first = min(_FIRST_TREES, wanted)
    started = time.monotonic()
    forest.set_params(**{parameter: first, "warm_start": True}).fit(X, y, **weigh)
    a_tree = (time.monotonic() - started) / first
    number = int(np.clip(seconds / a_tree, first, wanted))
    if number > first:
        forest.set_params(**{parameter: number}).fit(X, y, **weigh)
    forest.set_params(warm_start=False)
    return number
