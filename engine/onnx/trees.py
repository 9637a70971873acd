"""Trees as ONNX nodes, in the precision in which their libraries compare.

Existing converters for LightGBM and XGBoost compare in single precision, which sends rows near a
threshold down the other branch. Scikit-learn's forgets where missing values go, and cannot write
histogram boosting with NumPy 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import BaseDecisionTree

from engine.pipelines.libraries.registry import library_of
from engine.pipelines.libraries.trees import Node, Trees, decision_trees_of

if TYPE_CHECKING:
    from sklearn.tree._tree import Tree

_MODES = {"<=": "BRANCH_LEQ", "<": "BRANCH_LT"}


def trees_of(model: object) -> Trees | None:
    """Return the trees of a fitted estimator of scikit-learn or of a booster library.

    Returns
    -------
    Trees or None
        ``None`` for an estimator that is not made of trees.

    Raises
    ------
    ModelException
        For splits on categories, uncommon objectives, and CatBoost.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> tree = DecisionTreeRegressor().fit([[0.0], [1.0]], [10.0, 20.0])
    >>> [node.values for node in trees_of(tree).trees[0][1]]
    [None, (10.0,), (20.0,)]
    """
    library = library_of(model)
    if library is not None:
        return library.trees(model)
    decision_trees = decision_trees_of(model)
    if decision_trees is None:
        return None
    return _averaged(decision_trees, getattr(model, "classes_", None))


def tree_attributes(trees: Trees) -> dict[str, Any]:
    """Return the attributes of ONNX's ``TreeEnsembleRegressor``, version 3.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> tree = DecisionTreeRegressor().fit([[0.0], [1.0]], [10.0, 20.0])
    >>> attributes = tree_attributes(trees_of(tree))
    >>> attributes["nodes_modes"], attributes["nodes_truenodeids"]
    (['BRANCH_LEQ', 'LEAF', 'LEAF'], [1, 0, 0])
    """
    from onnx import numpy_helper

    numbers = [(t, n, node) for t, (_, nodes) in enumerate(trees.trees)
               for n, node in enumerate(nodes)]  # fmt: skip
    leaves = [
        (t, n, trees.trees[t][0] + k, value)
        for t, n, node in numbers
        for k, value in enumerate(node.values or ())
    ]
    split = _MODES[trees.comparison]
    tensor = numpy_helper.from_array
    return {
        "n_targets": len(trees.base),
        "base_values_as_tensor": tensor(trees.base, "base"),
        "nodes_treeids": [t for t, _, _ in numbers],
        "nodes_nodeids": [n for _, n, _ in numbers],
        "nodes_featureids": [node.feature for _, _, node in numbers],
        "nodes_modes": [split if node.values is None else "LEAF" for _, _, node in numbers],
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


def _averaged(decision_trees: Sequence[BaseDecisionTree], classes: NDArray[Any] | None) -> Trees:
    """Return the mean over trees, whose leaves hold the shares of classes or a value."""
    share = 1.0 / len(decision_trees)
    trees = [(0, _nodes(estimator.tree_, classes is not None, share))
             for estimator in decision_trees]  # fmt: skip
    n_outputs = 1 if classes is None else len(classes)
    return Trees(trees, np.zeros(n_outputs), "<=", "identity", rounded=True)


def _nodes(tree: Tree, is_classifier: bool, share: float) -> list[Node]:
    values = tree.value[:, 0, :]
    if is_classifier:
        values = values / values.sum(axis=1, keepdims=True)
    missing = getattr(tree, "missing_go_to_left", np.zeros(tree.node_count))
    return [
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
