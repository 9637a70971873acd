"""Histogram gradient boosting of scikit-learn."""

from __future__ import annotations

from itertools import islice
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from engine.data.dataset import Matrix
from engine.errors import ModelException
from engine.pipelines.estimators.wrappers import fitted_inside
from engine.pipelines.fitting.timed_fit import seconds_a_step
from engine.pipelines.libraries.contributions import Contributions, shap_tree_contributions
from engine.pipelines.libraries.library import BoosterLibrary, Method, StoppedFit
from engine.pipelines.libraries.trees import SPLITS_ON_CATEGORIES, Link, Node, Trees
from engine.pipelines.protocols import Estimator

HistogramModel: TypeAlias = HistGradientBoostingClassifier | HistGradientBoostingRegressor
#: Rounds that are fitted and timed where time is limited.
_PROBED_ROUNDS = 5


class HistogramBoosting(BoosterLibrary[HistogramModel]):
    """``HistGradientBoostingClassifier`` and ``HistGradientBoostingRegressor``.

    A fit cannot be stopped from outside: within a time limit, its rounds are limited to those that
    the time of the first few allows. Its patience does not grow.
    """

    module = "sklearn"
    distribution = "scikit-learn"
    rounds_parameter = "max_iter"
    tree_ms = 0.04

    def owns(self, estimator: object) -> bool:
        """Whether an estimator is a histogram booster; other estimators of scikit-learn are not.

        Examples
        --------
        >>> from sklearn.linear_model import Ridge
        >>> library = HistogramBoosting()
        >>> library.owns(HistGradientBoostingRegressor()), library.owns(Ridge())
        (True, False)
        """
        return isinstance(estimator, HistogramModel)

    def fit_with_early_stopping(self, estimator: Estimator, fit: StoppedFit) -> int:
        """Fit ``estimator`` with as many rounds at most as the deadline allows.

        A few rounds are timed first when a deadline is set.
        """
        if fit.deadline.is_set:
            estimator.set_params(max_iter=_affordable_rounds(estimator, fit))
        estimator.set_params(early_stopping=True, n_iter_no_change=fit.patience)
        estimator.fit(fit.X, fit.y, **fit.weights, X_val=fit.X_valid, y_val=fit.y_valid)
        # The first score is the one before any round.
        return max(1, int(np.argmax(fitted_inside(estimator).validation_score_)))

    def fitted_rounds(self, fitted: HistogramModel) -> int:
        """Return the rounds of the model, those after the best one included."""
        return int(fitted.n_iter_)

    def predict_at(
        self, estimator: Estimator, rounds: int, method: Method, X: Matrix
    ) -> NDArray[Any]:
        """Predict with the stage of the model after ``rounds``.

        Examples
        --------
        >>> X, y = np.arange(40.0)[:, None], np.arange(40.0)
        >>> booster = HistGradientBoostingRegressor(max_iter=20).fit(X, y)
        >>> early, late = (
        ...     HistogramBoosting().predict_at(booster, rounds, "predict", X) for rounds in (1, 20)
        ... )
        >>> bool(np.abs(y - late).mean() < np.abs(y - early).mean())
        True
        """
        stages = getattr(estimator, f"staged_{method}")(X)
        return np.asarray(next(islice(stages, rounds - 1, None)))

    def contributions(self, fitted: HistogramModel) -> Contributions | None:
        """Return shap's values for trees; ``None`` for a model with splits on categories."""
        if fitted.is_categorical_ is not None and np.any(fitted.is_categorical_):
            return None  # shap does not follow splits by category
        return shap_tree_contributions(fitted)

    def trees(self, fitted: HistogramModel) -> Trees:
        """Read the trees and start values of the model; only squared error for regression."""
        link: Link = "identity"
        # Neither start values nor trees are public.
        base = np.ravel(fitted._baseline_prediction).astype(np.float64)
        if hasattr(fitted, "classes_"):
            link = "logistic" if len(base) == 1 else "softmax"
        elif fitted.loss != "squared_error":
            raise ModelException(f"cannot convert the loss {fitted.loss!r} to ONNX")
        trees = [
            (output, _nodes(predictor.nodes))
            for stage in fitted._predictors
            for output, predictor in enumerate(stage)
        ]
        return Trees(trees, base, "<=", link)

    def n_trees(self, fitted: HistogramModel) -> int:
        """Return the rounds times the trees of a round.

        Examples
        --------
        >>> model = HistGradientBoostingClassifier(max_iter=4)
        >>> HistogramBoosting().n_trees(model.fit(np.arange(9)[:, None], np.arange(9) % 3))
        12
        """
        return int(fitted.n_iter_ * fitted.n_trees_per_iteration_)


def _affordable_rounds(estimator: HistogramModel, fit: StoppedFit) -> int:
    """Return the rounds that there is time for: a few at least, the estimator's limit at most."""
    seconds = fit.deadline.left()
    a_round = seconds_a_step(estimator, "max_iter", _PROBED_ROUNDS, fit.X, fit.y)
    affordable = int(max(seconds - _PROBED_ROUNDS * a_round, 0.0) / a_round)
    return int(min(max(affordable, _PROBED_ROUNDS), estimator.max_iter))


def _nodes(table: NDArray[Any]) -> list[Node]:
    if table["is_categorical"].any():
        raise ModelException(SPLITS_ON_CATEGORIES)
    return [
        Node(values=(float(node["value"]),))
        if node["is_leaf"]
        else Node(
            int(node["feature_idx"]),
            float(node["num_threshold"]),
            int(node["left"]),
            int(node["right"]),
            bool(node["missing_go_to_left"]),
        )
        for node in table
    ]
