"""XGBoost behind the contract of booster libraries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Matrix
from engine.deadline import Deadline
from engine.errors import ModelException
from engine.pipelines.estimators.wrappers import fitted_inside, given_inside
from engine.pipelines.libraries.contributions import (
    Array,
    Contributions,
    dense,
    split_contributions,
)
from engine.pipelines.libraries.library import BoosterLibrary, Method, StoppedFit
from engine.pipelines.libraries.patience import patience_after
from engine.pipelines.libraries.trees import SPLITS_ON_CATEGORIES, Link, Node, Trees
from engine.pipelines.protocols import Estimator

if TYPE_CHECKING:
    from xgboost import Booster, XGBModel
    from xgboost.callback import TrainingCallback

_LINKS: dict[str, Link] = {
    "binary:logistic": "logistic",
    "multi:softprob": "softmax",
    "reg:squarederror": "identity",
}


class XGBoost(BoosterLibrary["XGBModel"]):
    """XGBoost's scikit-learn estimators."""

    module = "xgboost"
    distribution = "xgboost-cpu"
    rounds_parameter = "n_estimators"
    tree_ms = 0.015

    def fit_with_early_stopping(self, estimator: Estimator, fit: StoppedFit) -> int:
        """Fit ``estimator`` with callbacks for patience and the deadline.

        The callbacks are removed afterwards. The model keeps the rounds after the best one.
        """
        given = given_inside(estimator)
        given.set_params(callbacks=_callbacks(fit.patience, fit.deadline))
        estimator.fit(
            fit.X, fit.y, **fit.weights, eval_set=[(fit.X_valid, fit.y_valid)], verbose=False
        )
        fitted = fitted_inside(estimator)
        # The callbacks' classes are local to a function: pickle would refuse the model.
        fitted.set_params(callbacks=None)
        given.set_params(callbacks=None)
        # There is no best round when time was over in the first, before early stopping looked.
        best = _best_round(fitted.get_booster())
        return self.fitted_rounds(fitted) if best is None else best + 1

    def fitted_rounds(self, fitted: XGBModel) -> int:
        """Return the rounds of the booster, those after the best one included."""
        return int(fitted.get_booster().num_boosted_rounds())

    def predict_at(
        self, estimator: Estimator, rounds: int, method: Method, X: Matrix
    ) -> NDArray[Any]:
        """Predict with ``iteration_range``, the first ``rounds`` of the booster."""
        return np.asarray(getattr(estimator, method)(X, iteration_range=(0, rounds)))

    def contributions(self, fitted: XGBModel) -> Contributions | None:
        """Return XGBoost's own SHAP values, up to the best round."""

        def contributions(X: Matrix) -> tuple[Array, Array]:
            import xgboost

            booster = fitted.get_booster()
            best = _best_round(booster)
            found = booster.predict(
                xgboost.DMatrix(dense(X), enable_categorical=True),
                pred_contribs=True,
                iteration_range=(0, 0) if best is None else (0, best + 1),
            )
            return split_contributions(np.asarray(found), X.shape[1])

        return contributions

    def trees(self, fitted: XGBModel) -> Trees:
        """Read the trees from the model's JSON, up to the best round.

        Splits compare in single precision.
        """
        booster = fitted.get_booster()
        learner = json.loads(bytes(booster.save_raw("json")))["learner"]
        objective = learner["objective"]["name"]
        if objective not in _LINKS or learner["gradient_booster"]["name"] != "gbtree":
            raise ModelException(f"cannot convert XGBoost's objective {objective!r} to ONNX")
        content = learner["gradient_booster"]["model"]
        n_outputs = max(1, int(learner["learner_model_param"]["num_class"]))
        best = _best_round(booster)
        most = len(content["trees"]) if best is None else (best + 1) * n_outputs
        outputs, found = content["tree_info"][:most], content["trees"][:most]
        trees = [(int(o), _nodes(tree)) for o, tree in zip(outputs, found, strict=True)]
        base = _start_values(fitted, trees)
        return Trees(trees, base, "<", _LINKS[objective], rounded=True)

    def n_trees(self, fitted: XGBModel) -> int:
        """Return the rounds, times the number of classes when there are more than two.

        Examples
        --------
        >>> from types import SimpleNamespace
        >>> booster = SimpleNamespace(num_boosted_rounds=lambda: 10)
        >>> XGBoost().n_trees(SimpleNamespace(get_booster=lambda: booster, n_classes_=3))
        30
        """
        n_classes = int(getattr(fitted, "n_classes_", 2))
        return self.fitted_rounds(fitted) * (n_classes if n_classes > 2 else 1)


def _best_round(booster: Booster) -> int | None:
    """Return the number of the best round, from 0, or ``None`` without early stopping."""
    best = booster.attr("best_iteration")
    return None if best is None else int(best)


def _nodes(tree: dict[str, Any]) -> list[Node]:
    if any(tree.get("split_type", ())):
        raise ModelException(SPLITS_ON_CATEGORIES)
    columns = (
        "left_children",
        "right_children",
        "split_indices",
        "split_conditions",
        "default_left",
    )
    nodes = []
    for left, right, feature, condition, default_left in zip(
        *(tree[name] for name in columns), strict=True
    ):
        # The shortest decimal that gives the single again is not its value.
        threshold = float(np.float32(condition))
        if left == -1:
            nodes.append(Node(values=(threshold,)))
        else:
            nodes.append(Node(int(feature), threshold, int(left), int(right), bool(default_left)))
    return nodes


def _start_values(fitted: XGBModel, trees: Sequence[tuple[int, Sequence[Node]]]) -> Array:
    """Return the margins before the first tree: those of one row, less the leaves it falls in.

    How the model file writes them differs between XGBoost's versions.
    """
    row = np.zeros((1, fitted.get_booster().num_features()), dtype=np.float32)
    margins = np.ravel(fitted.predict(row, output_margin=True)).astype(np.float64)
    for output, nodes in trees:
        margins[output] -= _leaf_of_zeros(nodes)
    return margins


def _leaf_of_zeros(nodes: Sequence[Node]) -> float:
    node = nodes[0]
    while node.values is None:
        node = nodes[node.left if node.threshold > 0 else node.right]
    return node.values[0]


def _callbacks(patience: int, deadline: Deadline) -> list[TrainingCallback]:
    from xgboost.callback import EarlyStopping, TrainingCallback

    class PatientStopping(EarlyStopping):
        def after_iteration(
            self, model: Booster, epoch: int, evals_log: TrainingCallback.EvalsLog
        ) -> bool:
            self.rounds = patience_after(epoch, patience)
            return bool(super().after_iteration(model, epoch, evals_log))

    class StopAtDeadline(TrainingCallback):
        def after_iteration(
            self, model: Booster, epoch: int, evals_log: TrainingCallback.EvalsLog
        ) -> bool:
            return deadline.is_over

    return [PatientStopping(rounds=patience), StopAtDeadline()]
