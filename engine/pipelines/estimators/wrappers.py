"""Access to the estimators inside the catalogue's wrappers of boosters."""

from __future__ import annotations

from typing import Any

from engine.pipelines.estimators.catboost_categories import TextCategories
from engine.pipelines.estimators.labels import EncodedLabels


def given_inside(estimator: object) -> Any:
    """Return the innermost estimator as it was given, which wrappers clone before they fit it.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> given_inside(EncodedLabels(DecisionTreeClassifier(max_depth=3)))
    DecisionTreeClassifier(max_depth=3)
    """
    while isinstance(estimator, EncodedLabels | TextCategories):
        estimator = estimator.estimator
    return estimator


def fitted_inside(estimator: object) -> Any:
    """Return the innermost fitted estimator.

    Raises
    ------
    AttributeError
        When a wrapper is not fitted.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> model = EncodedLabels(DecisionTreeClassifier()).fit(np.eye(2), np.array(["no", "yes"]))
    >>> fitted_inside(model).get_depth()
    1
    """
    while isinstance(estimator, EncodedLabels | TextCategories):
        estimator = estimator.estimator_
    return estimator
