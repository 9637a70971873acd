"""Scores of predictions: all metrics of a task, one of them, and means over folds.

The formulas lie in `engine.metrics.classification` and `engine.metrics.regression`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.metrics import classification, regression
from engine.metrics.metric import (
    BINARY_METRICS,
    CLASSIFICATION_METRICS,
    REGRESSION_METRICS,
    Metric,
)
from engine.metrics.scored import Array, ScoredClasses, ScoredValues


def score_classification(
    y_true: NDArray[np.int64],
    probabilities: Array,
    sample_weight: Array | None = None,
    positive: int | None = None,
) -> dict[str, float]:
    """Compute all classification metrics.

    Parameters
    ----------
    y_true:
        Class codes ``0 .. n_classes - 1``, shape (n_rows,).
    probabilities:
        Shape (n_rows, n_classes), one column a class code.
    sample_weight:
        Shape (n_rows,), or ``None`` for equal weights.
    positive:
        The code of the positive class of two: the metrics called ``_binary`` are added.

    Returns
    -------
    dict
        Metric name to value. AUC and average precision are NaN where only one class is present.

    Examples
    --------
    >>> y, probabilities = np.array([0, 1]), np.array([[0.9, 0.1], [0.4, 0.6]])
    >>> scores = score_classification(y, probabilities)
    >>> scores["accuracy"], round(scores["log_loss"], 4)
    (1.0, 0.3081)
    """
    scored = ScoredClasses(y_true, probabilities, sample_weight, positive)
    names = [*CLASSIFICATION_METRICS, *(BINARY_METRICS if positive is not None else ())]
    return {name: classification.FORMULAS[name](scored) for name in names}


def score_regression(
    y_true: Array,
    y_pred: Array,
    sample_weight: Array | None = None,
    y_range: float | None = None,
) -> dict[str, float]:
    """Compute all regression metrics.

    Parameters
    ----------
    y_true, y_pred:
        Shape (n_rows,).
    sample_weight:
        Shape (n_rows,), or ``None`` for equal weights.
    y_range:
        Width of the whole target, ``max - min``, by which the ``normalized_`` metrics are divided;
        default: that of ``y_true``.

    Returns
    -------
    dict
        Metric name to value; NaN where a metric is not defined.

    Examples
    --------
    >>> scores = score_regression(np.array([1.0, 3.0]), np.array([2.0, 4.0]))
    >>> scores["mean_absolute_error"], scores["normalized_mean_absolute_error"]
    (1.0, 0.5)
    """
    scored = ScoredValues(y_true, y_pred, sample_weight, y_range)
    return {name: regression.FORMULAS[name](scored) for name in REGRESSION_METRICS}


def score_one(
    metric: Metric,
    y_true: NDArray[Any],
    predicted: Array,
    sample_weight: Array | None = None,
    y_range: float | None = None,
    positive: int | None = None,
) -> float:
    """Compute one metric, for searches that need it thousands of times.

    Parameters
    ----------
    metric:
        Classification or regression; decides what the other arguments mean.
    y_true, predicted, sample_weight, y_range, positive:
        As in `score_classification` and `score_regression`.

    Returns
    -------
    float
        The value that the functions for all metrics give.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> y, probabilities = np.array([0, 1]), np.array([[0.9, 0.1], [0.6, 0.4]])
    >>> score_one(METRICS["accuracy"], y, probabilities)
    0.5
    """
    if metric.task == "regression":
        values = ScoredValues(y_true, predicted, sample_weight, y_range)
        return regression.FORMULAS[metric.name](values)
    classes = ScoredClasses(y_true, predicted, sample_weight, positive)
    return classification.FORMULAS[metric.name](classes)


#: Metrics that a fold whose validation part holds a single class leaves undefined: the mean skips
#: such folds.
_SKIP_UNDEFINED_FOLDS = frozenset(
    {
        "AUC_weighted",
        "AUC_macro",
        "AUC_binary",
        "average_precision_score_weighted",
        "average_precision_score_macro",
        "average_precision_score_binary",
    }
)


def mean_over_folds(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Average each metric over the folds, with equal weights.

    A metric that is NaN in a fold is NaN in the mean. AUC and average precision are the exception:
    their mean is taken over the folds that define them.

    Parameters
    ----------
    folds:
        Metric name to value, for at least one fold; all have the same names.

    Examples
    --------
    >>> nan = float("nan")
    >>> mean_over_folds([{"AUC_macro": 0.5, "r2_score": 0.5}, {"AUC_macro": nan, "r2_score": nan}])
    {'AUC_macro': 0.5, 'r2_score': nan}
    """
    means = {}
    for name in folds[0]:
        values = np.array([fold[name] for fold in folds])
        if name in _SKIP_UNDEFINED_FOLDS and not np.isnan(values).all():
            values = values[~np.isnan(values)]
        means[name] = float(values.mean())
    return means
