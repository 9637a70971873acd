"""How long a fitted pipeline takes to predict, told from what was fitted."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline

#: Milliseconds a tree for 1,000 rows, measured on digits, kc1, ccpp and german.
_TREE_MS = {"lightgbm": 0.04, "xgboost": 0.015, "catboost": 0.01, "sklearn": 0.12}
_HISTOGRAM_TREE_MS = 0.04
#: Milliseconds a support vector, and a cell of the rows that neighbours are looked for in.
_SUPPORT_VECTOR_MS = 0.01
_NEIGHBOUR_MS = 3e-4
_PIPELINE_MS = 2.0


def prediction_ms(pipeline: Pipeline) -> float:
    """Milliseconds for 1,000 rows on one core, within a factor of about three.

    Not from a clock: the same pipeline is always told the same, on any machine, so that what is
    decided by it can be repeated.

    Parameters
    ----------
    pipeline:
        Fitted, of a run's iteration.
    """
    return _PIPELINE_MS + _of(pipeline[-1])


def _of(estimator: Any) -> float:
    if hasattr(estimator, "estimators_"):  # a forest's, or one for each class
        members = list(estimator.estimators_)
        if all(hasattr(m, "tree_") for m in members):
            return _TREE_MS["sklearn"] * len(members)
        return sum(_of(m) for m in members)
    for inside in ("estimator_", "regressor_"):  # a wrapper's
        if hasattr(estimator, inside):
            return _of(getattr(estimator, inside))
    if hasattr(estimator, "calibrated_classifiers_"):
        return sum(_of(c.estimator) for c in estimator.calibrated_classifiers_)
    if hasattr(estimator, "support_vectors_"):
        return _SUPPORT_VECTOR_MS * int(estimator.support_vectors_.shape[0])
    if hasattr(estimator, "_fit_X"):  # neighbours
        return float(_NEIGHBOUR_MS * estimator.n_samples_fit_ * estimator.n_features_in_)
    if hasattr(estimator, "n_trees_per_iteration_"):
        return float(_HISTOGRAM_TREE_MS * estimator.n_iter_ * estimator.n_trees_per_iteration_)
    package = type(estimator).__module__.partition(".")[0]
    if package == "lightgbm":
        return _TREE_MS[package] * int(estimator.booster_.num_trees())
    if package == "xgboost":
        n_classes = getattr(estimator, "n_classes_", 2)
        a_round = n_classes if n_classes > 2 else 1
        return _TREE_MS[package] * estimator.get_booster().num_boosted_rounds() * a_round
    if package == "catboost":
        return _TREE_MS[package] * int(estimator.tree_count_)
    return 0.5
