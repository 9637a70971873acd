"""Trees as ONNX nodes, in the precision in which their libraries compare.

The converters there are for LightGBM and XGBoost compare in single precision, which sends rows
near a threshold down the other branch; scikit-learn's forgets where missing values go, and cannot
write histogram boosting with NumPy 2.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ModelException


@dataclass(frozen=True)
class Node:
    """A split, ``feature`` against ``threshold``, or a leaf with its ``values``, one an output."""

    feature: int = 0
    threshold: float = 0.0
    left: int = 0
    right: int = 0
    missing_left: bool = False
    values: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Trees:
    """A tree, a forest or boosted trees.

    Attributes
    ----------
    trees:
        (first of its outputs, nodes) each; the first node is the root.
    base:
        (n_outputs,) what the trees' leaves are added to.
    comparison:
        ``BRANCH_LEQ`` or ``BRANCH_LT``: when a row goes left.
    link:
        From sums to predictions: ``identity``, ``logistic`` (of one sum, two classes) or
        ``softmax``.
    rounded:
        Whether rows are rounded to single precision before.
    """

    trees: Sequence[tuple[int, Sequence[Node]]]
    base: NDArray[np.float64]
    comparison: str
    link: str
    rounded: bool = False

    def attributes(self) -> dict[str, Any]:
        """Of ONNX's ``TreeEnsembleRegressor``, version 3."""
        from onnx import numpy_helper

        numbers = [(t, n, node) for t, (_, nodes) in enumerate(self.trees)
                   for n, node in enumerate(nodes)]  # fmt: skip
        leaves = [
            (t, n, self.trees[t][0] + k, value)
            for t, n, node in numbers
            for k, value in enumerate(node.values or ())
        ]
        tensor = numpy_helper.from_array
        return {
            "n_targets": len(self.base),
            "base_values_as_tensor": tensor(self.base, "base"),
            "nodes_treeids": [t for t, _, _ in numbers],
            "nodes_nodeids": [n for _, n, _ in numbers],
            "nodes_featureids": [node.feature for _, _, node in numbers],
            "nodes_modes": [
                self.comparison if node.values is None else "LEAF" for _, _, node in numbers
            ],
            "nodes_values_as_tensor": tensor(
                np.array([node.threshold for _, _, node in numbers]), "thresholds"
            ),
            "nodes_truenodeids": [node.left for _, _, node in numbers],
            "nodes_falsenodeids": [node.right for _, _, node in numbers],
            "nodes_missing_value_tracks_true": [int(node.missing_left) for _, _, node in numbers],
            "target_treeids": [t for t, _, _, _ in leaves],
            "target_nodeids": [n for _, n, _, _ in leaves],
            "target_ids": [output for _, _, output, _ in leaves],
            "target_weights_as_tensor": tensor(np.array([v for _, _, _, v in leaves]), "weights"),
        }


def trees_of(model: Any) -> Trees | None:
    """The trees of a fitted estimator of scikit-learn, LightGBM or XGBoost; ``None``: it has none.

    Raises
    ------
    ModelException
        For splits on categories, and objectives other than the usual ones.
    """
    module = type(model).__module__
    if module.startswith("lightgbm."):
        return _lightgbm(model)
    if module.startswith("xgboost."):
        return _xgboost(model)
    if module.startswith("sklearn.ensemble._hist_gradient_boosting"):
        return _histogram(model)
    if module == "sklearn.tree._classes":
        return _forest([model], getattr(model, "classes_", None))
    if module == "sklearn.ensemble._forest":
        return _forest(model.estimators_, getattr(model, "classes_", None))
    return None


_NO_CATEGORIES = (
    "the model splits on categories; a run with enable_onnx_compatible_models=True encodes them"
)


def _lightgbm(model: Any) -> Trees:
    booster = model.booster_
    best = booster.best_iteration
    dump = booster.dump_model(num_iteration=best if best > 0 else None)
    kind = str(dump.get("objective", "")).split()
    links = {"binary": "logistic", "multiclass": "softmax", "regression": "identity"}
    if not kind or kind[0] not in links or any(w in kind for w in ("sqrt", "zero_as_missing")):
        raise ModelException(f"cannot convert LightGBM's objective {' '.join(kind)!r} to ONNX")
    each = int(dump["num_tree_per_iteration"])
    trees = [
        (number % each, list(_lightgbm_nodes(tree["tree_structure"])))
        for number, tree in enumerate(dump["tree_info"])
    ]
    return Trees(trees, np.zeros(each), "BRANCH_LEQ", links[kind[0]])


def _lightgbm_nodes(root: dict[str, Any]) -> Iterator[Node]:
    waiting, count = [root], 1
    for node in waiting:
        if "split_feature" not in node:
            yield Node(values=(float(node["leaf_value"]),))
            continue
        if node["decision_type"] != "<=":
            raise ModelException(_NO_CATEGORIES)
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


def _xgboost(model: Any) -> Trees:
    booster = model.get_booster()
    learner = json.loads(bytes(booster.save_raw("json")))["learner"]
    objective = learner["objective"]["name"]
    links = {
        "binary:logistic": "logistic", "multi:softprob": "softmax",
        "reg:squarederror": "identity",
    }  # fmt: skip
    if objective not in links or learner["gradient_booster"]["name"] != "gbtree":
        raise ModelException(f"cannot convert XGBoost's objective {objective!r} to ONNX")
    content = learner["gradient_booster"]["model"]
    n_outputs = max(1, int(learner["learner_model_param"]["num_class"]))
    rounds = booster.attr("best_iteration")
    most = len(content["trees"]) if rounds is None else (int(rounds) + 1) * n_outputs
    trees = [
        (int(output), _xgboost_nodes(tree))
        for output, tree in zip(content["tree_info"][:most], content["trees"][:most], strict=True)
    ]
    # How the base score is written has changed with XGBoost's versions: a row tells what it is.
    row = np.zeros((1, booster.num_features()), dtype=np.float32)
    margin = np.ravel(model.predict(row, output_margin=True)).astype(np.float64)
    for output, nodes in trees:
        margin[output] -= _leaf_of_zeros(nodes)
    return Trees(trees, margin, "BRANCH_LT", links[objective], rounded=True)


def _xgboost_nodes(tree: dict[str, Any]) -> list[Node]:
    if any(tree.get("split_type", ())):
        raise ModelException(_NO_CATEGORIES)
    columns = ("left_children", "right_children", "split_indices", "split_conditions",
               "default_left")  # fmt: skip
    nodes = []
    for left, right, feature, condition, default_left in zip(
        *(tree[name] for name in columns), strict=True
    ):
        # The shortest decimal that gives the single again is not its value.
        condition = np.float32(condition)
        if left == -1:
            nodes.append(Node(values=(float(condition),)))
        else:
            nodes.append(
                Node(int(feature), float(condition), int(left), int(right), bool(default_left))
            )
    return nodes


def _leaf_of_zeros(nodes: Sequence[Node]) -> float:
    node = nodes[0]
    while node.values is None:
        node = nodes[node.left if node.threshold > 0 else node.right]
    return node.values[0]


def _histogram(model: Any) -> Trees:
    base = np.ravel(model._baseline_prediction).astype(np.float64)
    trees = []
    for stage in model._predictors:
        for output, predictor in enumerate(stage):
            if predictor.nodes["is_categorical"].any():
                raise ModelException(_NO_CATEGORIES)
            nodes = [
                Node(values=(float(node["value"]),))
                if node["is_leaf"]
                else Node(
                    int(node["feature_idx"]),
                    float(node["num_threshold"]),
                    int(node["left"]),
                    int(node["right"]),
                    bool(node["missing_go_to_left"]),
                )
                for node in predictor.nodes
            ]
            trees.append((output, nodes))
    if not hasattr(model, "classes_"):
        if model.loss != "squared_error":
            raise ModelException(f"cannot convert the loss {model.loss!r} to ONNX")
        link = "identity"
    else:
        link = "logistic" if len(base) == 1 else "softmax"
    return Trees(trees, base, "BRANCH_LEQ", link)


def _forest(estimators: Sequence[Any], classes: Any) -> Trees:
    """The mean over trees, each of which says the shares of classes, or a value, of a leaf."""
    share = 1.0 / len(estimators)
    trees = []
    for estimator in estimators:
        tree = estimator.tree_
        values = tree.value[:, 0, :]
        if classes is not None:
            values = values / values.sum(axis=1, keepdims=True)
        missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
        nodes = [
            Node(values=tuple(float(v) * share for v in values[n]))
            if tree.children_left[n] == -1
            else Node(
                int(tree.feature[n]),
                float(tree.threshold[n]),
                int(tree.children_left[n]),
                int(tree.children_right[n]),
                bool(missing[n]),
            )
            for n in range(tree.node_count)
        ]
        trees.append((0, nodes))
    n_outputs = 1 if classes is None else len(classes)
    return Trees(trees, np.zeros(n_outputs), "BRANCH_LEQ", "identity", rounded=True)
