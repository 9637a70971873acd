"""Prediction time of a fitted pipeline, estimated from the size of its model."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

from engine.pipelines.estimators.wrappers import fitted_inside
from engine.pipelines.libraries.registry import library_of

#: Milliseconds for 1,000 rows, measured on digits, kc1, ccpp and german: a tree of a forest, a
#: support vector, and a cell of the rows among which neighbours are looked for. The trees of
#: boosters are in `engine.pipelines.libraries`.
_FOREST_TREE_MS = 0.12
_SUPPORT_VECTOR_MS = 0.01
_NEIGHBOUR_MS = 3e-4
#: The first step and the scaler; an estimator whose time does not grow with its model.
_PIPELINE_MS = 2.0
_SMALL_MS = 0.5


def prediction_ms(pipeline: Pipeline) -> float:
    """Estimate the milliseconds for 1,000 rows on one core, within a factor of about three.

    No clock is read: the same pipeline has the same estimate on any machine, so that decisions
    that depend on it can be repeated.

    Parameters
    ----------
    pipeline:
        A fitted pipeline of the catalogue.

    Examples
    --------
    >>> from sklearn.ensemble import RandomForestRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> forest = RandomForestRegressor(n_estimators=50)
    >>> prediction_ms(make_pipeline(forest).fit([[0], [1], [2]], [0, 1, 2]))
    8.0
    """
    return _PIPELINE_MS + _estimator_ms(pipeline[-1])


def _estimator_ms(estimator: Any) -> float:
    library = library_of(estimator)
    if library is not None:
        return library.prediction_ms(fitted_inside(estimator))
    if hasattr(estimator, "estimators_"):  # a forest's, or one for each class
        members = list(estimator.estimators_)
        if all(hasattr(m, "tree_") for m in members):
            return _FOREST_TREE_MS * len(members)
        return sum(_estimator_ms(m) for m in members)
    for inside in ("estimator_", "regressor_"):  # a wrapper's
        if hasattr(estimator, inside):
            return _estimator_ms(getattr(estimator, inside))
    if hasattr(estimator, "calibrated_classifiers_"):
        return sum(_estimator_ms(c.estimator) for c in estimator.calibrated_classifiers_)
    if hasattr(estimator, "support_vectors_"):
        return _SUPPORT_VECTOR_MS * int(estimator.support_vectors_.shape[0])
    if hasattr(estimator, "n_samples_fit_"):  # neighbours
        return float(_NEIGHBOUR_MS * estimator.n_samples_fit_ * estimator.n_features_in_)
    return _SMALL_MS
