"""Early stopping for the boosting libraries."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Matrix
from engine.deadline import Deadline
from engine.pipelines.estimators.wrappers import fitted_inside, given_inside
from engine.pipelines.libraries.library import BoosterLibrary, Method, StoppedFit
from engine.pipelines.libraries.patience import first_patience
from engine.pipelines.libraries.registry import library_of
from engine.pipelines.protocols import Estimator


def fit_with_early_stopping(
    estimator: Estimator,
    X: Matrix,
    y: NDArray[Any],
    sample_weight: NDArray[np.float64] | None,
    X_valid: Matrix,
    y_valid: NDArray[Any],
    seconds: float | None = None,
    keep_all: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> int:
    """Fit a boosting estimator of the catalogue until its validation loss stands still.

    Parameters
    ----------
    estimator:
        LightGBM, XGBoost, CatBoost or histogram gradient boosting, in its wrappers; is fitted.
    X, y, sample_weight:
        Training part.
    X_valid, y_valid:
        Validation part. Rows of classes that the training part lacks are left out; without rows
        all rounds are fitted.
    seconds:
        Stop earlier after this long; ``None`` for no limit. Histogram gradient boosting cannot be
        stopped: its rounds are limited to those that the time of the first few allows.
    keep_all:
        Keep the rounds after the best one too, so that `AtRounds` can go beyond it. LightGBM and
        CatBoost drop them otherwise.
    clock:
        Returns the present in seconds; infinity ends the fit where ``seconds`` may end it.

    Returns
    -------
    int
        The best number of rounds.

    Raises
    ------
    TypeError
        For an estimator of no boosting library.
    """
    library, given = _library(estimator), given_inside(estimator)
    if y.dtype.kind not in "f" or hasattr(given, "predict_proba"):
        X_valid, y_valid = _rows_of_known_classes(X_valid, y_valid, y)
    params = given.get_params()
    patience = first_patience(float(params.get("learning_rate") or 0.1))
    deadline = Deadline.after(seconds, clock)
    fit = StoppedFit(X, y, sample_weight, X_valid, y_valid, patience, deadline, keep_all)
    if len(y_valid):
        return library.fit_with_early_stopping(estimator, fit)
    estimator.fit(X, y, **fit.weights)
    return int(params.get(library.rounds_parameter, 100))


def _rows_of_known_classes(
    X_valid: Matrix, y_valid: NDArray[Any], y: NDArray[Any]
) -> tuple[Matrix, NDArray[Any]]:
    known = np.isin(y_valid, np.unique(y))
    return (X_valid, y_valid) if known.all() else (X_valid[known], y_valid[known])


class AtRounds:
    """A fitted boosting estimator as it was after some of its rounds; it only predicts.

    Parameters
    ----------
    estimator:
        From `fit_with_early_stopping`.
    rounds:
        At least 1; a number above the fitted rounds means all of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import HistGradientBoostingRegressor
    >>> X, y = np.arange(100.0)[:, None], np.arange(100.0)
    >>> booster = HistGradientBoostingRegressor(max_iter=50).fit(X, y)
    >>> first, last = AtRounds(booster, 1), AtRounds(booster, 50)
    >>> bool(abs(y - last.predict(X)).mean() < abs(y - first.predict(X)).mean())
    True
    """

    def __init__(self, estimator: Estimator, rounds: int) -> None:
        self._estimator: Any = estimator
        self._library = _library(estimator)
        self._rounds = min(rounds, self._library.fitted_rounds(fitted_inside(estimator)))

    @property
    def classes_(self) -> NDArray[Any]:
        """Class labels, in the order of the columns of `predict_proba`."""
        return np.asarray(self._estimator.classes_)

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return (n_rows,) labels or values."""
        return self._predict_at("predict", X)

    def predict_proba(self, X: Matrix) -> NDArray[np.float64]:
        """Return (n_rows, n_classes) probabilities."""
        return self._predict_at("predict_proba", X)

    def _predict_at(self, method: Method, X: Matrix) -> NDArray[Any]:
        return self._library.predict_at(self._estimator, self._rounds, method, X)


def _library(estimator: object) -> BoosterLibrary[Any]:
    library = library_of(estimator)
    if library is None:
        raise TypeError(f"{type(given_inside(estimator)).__name__} is of no boosting library")
    return library
