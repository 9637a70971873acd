"""Fitted trees in a form that no library owns, and access to those of scikit-learn's forests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import BaseDecisionTree

#: When a row goes left: its value is at most the threshold, or below it.
Comparison = Literal["<=", "<"]
#: From sums to predictions. ``logistic``: one sum, probabilities of two classes.
Link = Literal["identity", "logistic", "softmax"]

#: Why trees with splits on categories cannot be written in this form.
SPLITS_ON_CATEGORIES = (
    "the model splits on categories; a run with enable_onnx_compatible_models=True encodes them"
)

_FORESTS = (
    RandomForestClassifier,
    RandomForestRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
)


@dataclass(frozen=True)
class Node:
    """A split, ``feature`` against ``threshold``, or a leaf with its ``values``, one an output.

    ``left`` and ``right`` are places in the tree's list of nodes.
    """

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
        (n_outputs,) start values, to which leaves are added.
    comparison:
        When a row goes left.
    link:
        From sums to predictions.
    rounded:
        Whether rows are rounded to single precision before they are compared.
    """

    trees: Sequence[tuple[int, Sequence[Node]]]
    base: NDArray[np.float64]
    comparison: Comparison
    link: Link
    rounded: bool = False


def decision_trees_of(estimator: object) -> list[BaseDecisionTree] | None:
    """Return the decision trees that a tree or a forest of scikit-learn averages.

    Parameters
    ----------
    estimator:
        A fitted estimator of any kind.

    Returns
    -------
    list or None
        The trees; ``None`` for an estimator of another kind.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.tree import DecisionTreeRegressor
    >>> len(decision_trees_of(DecisionTreeRegressor().fit([[0], [1]], [0, 1])))
    1
    >>> decision_trees_of(Ridge()) is None
    True
    """
    if isinstance(estimator, BaseDecisionTree):
        return [estimator]
    return list(estimator.estimators_) if isinstance(estimator, _FORESTS) else None
