"""CatBoost behind the contract of booster libraries."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.dataset import Matrix
from engine.deadline import Deadline
from engine.errors import ModelException
from engine.pipelines.estimators.catboost_categories import as_texts, categorical_columns
from engine.pipelines.estimators.wrappers import fitted_inside
from engine.pipelines.libraries.contributions import Array, Contributions, split_contributions
from engine.pipelines.libraries.library import BoosterLibrary, Method, StoppedFit
from engine.pipelines.libraries.patience import patience_after
from engine.pipelines.libraries.trees import Trees
from engine.pipelines.protocols import Estimator

if TYPE_CHECKING:
    import catboost


class CatBoost(BoosterLibrary["catboost.CatBoost"]):
    """CatBoost's scikit-learn estimators."""

    module = "catboost"
    distribution = "catboost"
    rounds_parameter = "iterations"
    tree_ms = 0.01

    def fit_with_early_stopping(self, estimator: Estimator, fit: StoppedFit) -> int:
        """Fit ``estimator`` with a callback for patience and the deadline.

        The rounds after the best one are dropped, except with ``fit.keep_all``.
        """
        estimator.fit(
            fit.X,
            fit.y,
            **fit.weights,
            eval_set=[(fit.X_valid, fit.y_valid)],
            use_best_model=not fit.keep_all,
            callbacks=[_PatientStopping(fit.patience, fit.deadline)],
        )
        best = fitted_inside(estimator).get_best_iteration()
        return 1 if best is None else int(best) + 1

    def fitted_rounds(self, fitted: catboost.CatBoost) -> int:
        """Return the trees of the model; a CatBoost tree has values for all classes."""
        return int(fitted.tree_count_)

    def predict_at(
        self, estimator: Estimator, rounds: int, method: Method, X: Matrix
    ) -> NDArray[Any]:
        """Predict with ``ntree_end``, the first ``rounds`` of the model."""
        return np.asarray(getattr(estimator, method)(X, ntree_end=rounds))

    def contributions(self, fitted: catboost.CatBoost) -> Contributions | None:
        """Return CatBoost's own SHAP values, computed in one thread."""

        def contributions(X: Matrix) -> tuple[Array, Array]:
            import catboost

            texts = as_texts(X)
            pool = catboost.Pool(
                texts if isinstance(texts, pd.DataFrame) else np.array(texts),
                cat_features=categorical_columns(X) or None,
            )
            found = fitted.get_feature_importance(pool, type="ShapValues", thread_count=1)
            return split_contributions(np.asarray(found), X.shape[1])

        return contributions

    def trees(self, fitted: catboost.CatBoost) -> Trees:
        """Raise `ModelException`: CatBoost's trees have another form."""
        raise ModelException(f"cannot convert a {type(fitted).__name__} to ONNX")

    def n_trees(self, fitted: catboost.CatBoost) -> int:
        """Return the number of trees, one a round for any number of classes."""
        return int(fitted.tree_count_)


class _PatientStopping:
    """Callback for early stopping with patience that grows, and for an end when time is over."""

    def __init__(self, patience: int, deadline: Deadline) -> None:
        self._patience = patience
        self._deadline = deadline
        self._best = np.inf
        self._best_round = 0

    def after_iteration(self, info: SimpleNamespace) -> bool:
        """Return whether the fit goes on."""
        loss = next(iter(info.metrics["validation"].values()))[-1]
        if loss < self._best:
            self._best, self._best_round = loss, info.iteration
        waited = info.iteration - self._best_round
        is_patient = waited < patience_after(info.iteration, self._patience)
        return is_patient and not self._deadline.is_over
