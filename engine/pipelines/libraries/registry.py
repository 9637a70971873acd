"""The known booster libraries, and which of them an estimator comes from."""

from __future__ import annotations

from typing import Any

from engine.pipelines.estimators.wrappers import given_inside
from engine.pipelines.libraries.catboost import CatBoost
from engine.pipelines.libraries.histogram import HistogramBoosting
from engine.pipelines.libraries.library import BoosterLibrary
from engine.pipelines.libraries.lightgbm import LightGBM
from engine.pipelines.libraries.xgboost import XGBoost

#: A new library is added here, and passes `tests/pipelines/libraries/test_libraries.py`.
LIBRARIES: tuple[BoosterLibrary[Any], ...] = (
    LightGBM(),
    XGBoost(),
    CatBoost(),
    HistogramBoosting(),
)


def library_of(estimator: object) -> BoosterLibrary[Any] | None:
    """Return the booster library that an estimator comes from.

    Parameters
    ----------
    estimator:
        Fitted or not, in the wrappers of the catalogue or without.

    Returns
    -------
    BoosterLibrary or None
        ``None`` for an estimator of any other kind.

    Examples
    --------
    >>> from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
    >>> library_of(HistGradientBoostingRegressor()).rounds_parameter
    'max_iter'
    >>> library_of(RandomForestRegressor()) is None
    True
    """
    inner = given_inside(estimator)
    return next((library for library in LIBRARIES if library.owns(inner)), None)
