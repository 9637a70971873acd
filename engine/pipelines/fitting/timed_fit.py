"""Fits of forests and networks within a time limit.

Such estimators learn in many alike steps, trees or epochs. The first steps are timed, and as many
are fitted as there is time for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import BaseEnsemble

from engine.data.dataset import Matrix, rows_of
from engine.pipelines.protocols import Estimator

#: Trees that are timed, and kept.
_FIRST_TREES = 5
#: Epochs that are timed, and the share and least number of the rows that they are timed on.
_TIMED_EPOCHS = 3
_TIMED_SHARE = 0.05
_LEAST_TIMED_ROWS = 1000

_Weights = Mapping[str, NDArray[np.float64]]


def fit_within(
    estimator: Estimator,
    parameter: str,
    X: Matrix,
    y: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    seconds: float,
) -> int:
    """Fit a forest or a neural network, with fewer trees or epochs where time is short.

    With time enough, the model is the one that `fit` makes. At least 5 trees or 3 epochs are
    fitted, however short the time. Networks are not timed, and keep their epochs, on fewer than
    about 2,000 rows.

    Parameters
    ----------
    estimator:
        Is fitted; its parameter is set to the number that the model has.
    parameter:
        Name of the estimator's parameter for the number of steps, ``"n_estimators"`` or
        ``"max_iter"``.
    X, y, sample_weight:
        Training part.
    seconds:
        Time for the fit, kept roughly.

    Returns
    -------
    int
        The number of trees or epochs.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> X, y = np.arange(40.0)[:, None], np.arange(40.0)
    >>> fit_within(RandomForestRegressor(n_estimators=20), "n_estimators", X, y, None, 1e-9)
    5
    """
    weights = {} if sample_weight is None else {"sample_weight": sample_weight}
    if isinstance(estimator, BaseEnsemble):
        return _fit_trees(estimator, parameter, X, y, weights, seconds)
    if isinstance(estimator, TransformedTargetRegressor):
        parameter = f"regressor__{parameter}"
    number = int(estimator.get_params()[parameter])
    if number > _TIMED_EPOCHS:
        affordable = _affordable_epochs(estimator, parameter, X, y, weights, seconds)
        number = int(np.clip(affordable, _TIMED_EPOCHS, number))
    estimator.set_params(**{parameter: number}).fit(X, y, **weights)
    return number


def seconds_a_step(
    estimator: Estimator,
    parameter: str,
    steps: int,
    X: Matrix,
    y: NDArray[Any],
    **fit_params: NDArray[np.float64],
) -> float:
    """Return the seconds that a tree, an epoch or a boosting round takes.

    A clone of the estimator is fitted with ``steps`` of them; the estimator is not changed.
    """
    few = clone(estimator).set_params(**{parameter: steps})
    started = time.monotonic()
    few.fit(X, y, **fit_params)
    return (time.monotonic() - started) / steps


def _affordable_epochs(
    network: Estimator,
    parameter: str,
    X: Matrix,
    y: NDArray[Any],
    weights: _Weights,
    seconds: float,
) -> float:
    """Return the epochs that there is time for; infinite on data too small to be timed."""
    n_rows = X.shape[0]
    few = max(_LEAST_TIMED_ROWS, int(_TIMED_SHARE * n_rows))
    if n_rows <= 2 * few:
        return np.inf
    # Spread over all rows: the first rows of data sorted by label have only one class.
    rows = np.arange(0, n_rows, n_rows // few)
    part = {name: values[rows] for name, values in weights.items()}
    an_epoch = seconds_a_step(network, parameter, _TIMED_EPOCHS, rows_of(X, rows), y[rows], **part)
    return seconds / (an_epoch * n_rows / len(rows))


def _fit_trees(
    forest: Estimator, parameter: str, X: Matrix, y: NDArray[Any], weights: _Weights, seconds: float
) -> int:
    """Fit a few trees, then add the others that there is time for."""
    wanted = int(forest.get_params()[parameter])
    first = min(_FIRST_TREES, wanted)
    started = time.monotonic()
    forest.set_params(**{parameter: first, "warm_start": True}).fit(X, y, **weights)
    a_tree = (time.monotonic() - started) / first
    number = int(np.clip(seconds / a_tree, first, wanted))
    if number > first:
        forest.set_params(**{parameter: number}).fit(X, y, **weights)
    forest.set_params(warm_start=False)
    return number
