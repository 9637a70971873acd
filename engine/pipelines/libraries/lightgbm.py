"""LightGBM behind the contract of booster libraries."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Matrix
from engine.deadline import Deadline
from engine.errors import ModelException
from engine.pipelines.estimators.wrappers import fitted_inside
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
    from lightgbm import LGBMModel
    from lightgbm.callback import CallbackEnv

_LINKS: dict[str, Link] = {
    "binary": "logistic",
    "multiclass": "softmax",
    "regression": "identity",
}


class LightGBM(BoosterLibrary["LGBMModel"]):
    """LightGBM's scikit-learn estimators."""

    module = "lightgbm"
    distribution = "lightgbm"
    rounds_parameter = "n_estimators"
    tree_ms = 0.04

    def fit_with_early_stopping(self, estimator: Estimator, fit: StoppedFit) -> int:
        """Fit ``estimator`` with callbacks for patience and the deadline.

        The rounds after the best one are dropped, except with ``fit.keep_all``.
        """
        stopping = _PatientStopping(fit.patience, fit.keep_all)
        with warnings.catch_warnings():
            # The new parameters, eval_X and eval_y, forget to encode the labels in 4.7.
            warnings.filterwarnings("ignore", message="The argument 'eval_set' is deprecated")
            estimator.fit(
                fit.X,
                fit.y,
                **fit.weights,
                eval_set=[(fit.X_valid, fit.y_valid)],
                callbacks=[stopping, _StopAtDeadline(fit.deadline)],
            )
        return max(1, stopping.best or int(fitted_inside(estimator).n_estimators_))

    def fitted_rounds(self, fitted: LGBMModel) -> int:
        """Return the rounds of the booster."""
        return int(fitted.booster_.current_iteration())

    def predict_at(
        self, estimator: Estimator, rounds: int, method: Method, X: Matrix
    ) -> NDArray[Any]:
        """Predict with ``num_iteration``, the first ``rounds`` of the booster."""
        return np.asarray(getattr(estimator, method)(X, num_iteration=rounds))

    def contributions(self, fitted: LGBMModel) -> Contributions | None:
        """Return LightGBM's own SHAP values (``pred_contrib``)."""

        def contributions(X: Matrix) -> tuple[Array, Array]:
            found = fitted.predict(dense(X), pred_contrib=True)
            return split_contributions(np.asarray(found), X.shape[1])

        return contributions

    def trees(self, fitted: LGBMModel) -> Trees:
        """Read the trees from the booster's dump, up to the best round."""
        booster = fitted.booster_
        best = booster.best_iteration
        dump = booster.dump_model(num_iteration=best if best > 0 else None)
        objective = str(dump.get("objective", "")).split()
        unusual = any(word in objective for word in ("sqrt", "zero_as_missing"))
        if not objective or objective[0] not in _LINKS or unusual:
            name = " ".join(objective)
            raise ModelException(f"cannot convert LightGBM's objective {name!r} to ONNX")
        n_outputs = int(dump["num_tree_per_iteration"])
        trees = [
            (number % n_outputs, list(_nodes(tree["tree_structure"])))
            for number, tree in enumerate(dump["tree_info"])
        ]
        return Trees(trees, np.zeros(n_outputs), "<=", _LINKS[objective[0]])

    def n_trees(self, fitted: LGBMModel) -> int:
        """Return the number of trees in the booster.

        Examples
        --------
        >>> import numpy as np
        >>> from lightgbm import LGBMClassifier
        >>> model = LGBMClassifier(n_estimators=4, min_child_samples=1, verbosity=-1)
        >>> LightGBM().n_trees(model.fit(np.arange(9)[:, None], np.arange(9) % 3))
        12
        """
        return int(fitted.booster_.num_trees())


def _nodes(root: dict[str, Any]) -> Iterator[Node]:
    """Number the nodes of a dumped tree breadth first."""
    waiting, count = [root], 1
    for node in waiting:
        if "split_feature" not in node:
            yield Node(values=(float(node["leaf_value"]),))
            continue
        if node["decision_type"] != "<=":
            raise ModelException(SPLITS_ON_CATEGORIES)
        threshold = float(node["threshold"])
        # Where training had no missing values, LightGBM takes them for zeros.
        missing_left = {"NaN": bool(node["default_left"]), "None": threshold >= 0.0}
        if node["missing_type"] not in missing_left:
            raise ModelException("cannot convert LightGBM's zero_as_missing to ONNX")
        yield Node(
            int(node["split_feature"]),
            threshold,
            count,
            count + 1,
            missing_left[node["missing_type"]],
        )
        waiting += [node["left_child"], node["right_child"]]
        count += 2


class _PatientStopping:
    """LightGBM's early stopping with patience that grows.

    With ``keep_all``, LightGBM does not drop the rounds that came after the best.
    """

    order = 30

    def __init__(self, patience: int, keep_all: bool) -> None:
        import lightgbm

        self.best: int | None = None
        self._patience = patience
        self._keep_all = keep_all
        self._stopping: Any = lightgbm.early_stopping(patience, verbose=False)

    def __call__(self, env: CallbackEnv) -> None:
        from lightgbm.callback import EarlyStopException

        self._stopping.stopping_rounds = patience_after(env.iteration, self._patience)
        try:
            self._stopping(env)
        except EarlyStopException as stop:
            self.best = stop.best_iteration + 1
            if not self._keep_all:
                raise
            raise EarlyStopException(env.iteration, stop.best_score) from None


class _StopAtDeadline:
    """Callback that ends a fit when its time is over."""

    order = 40  # after early stopping has noted the round

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    def __call__(self, env: CallbackEnv) -> None:
        if self._deadline.is_over:
            from lightgbm.callback import EarlyStopException

            raise EarlyStopException(env.iteration, env.evaluation_result_list or [])
