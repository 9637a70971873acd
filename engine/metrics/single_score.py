"""One metric's score, faster than all of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics as sk

from engine.metrics.metric import REGRESSION_METRICS
from engine.metrics.scores import _spearman, score_regression


def log_loss_of_own(
    own: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> NDArray[np.float64]:
    """The log loss from the probabilities of each row's own class, (..., n_rows): (...,)."""
    logs = np.log(np.clip(own, np.finfo(np.float64).eps, 1.0))
    return np.asarray(-np.average(logs, axis=-1, weights=weight))


def score_one(
    name: str,
    y_true: NDArray[Any],
    predicted: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None = None,
    y_range: float | None = None,
) -> float:
    """One metric, as `score_classification` and `score_regression` give it, but fast.

    For searches that need one metric hundreds of times; the others are not computed.
    """
    weight = np.ones(len(y_true)) if sample_weight is None else sample_weight
    if name in REGRESSION_METRICS:
        return _one_of_regression(name, y_true, predicted, sample_weight, weight, y_range)
    n_classes = predicted.shape[1]
    if name == "log_loss":
        totals = predicted.sum(axis=1)
        own = predicted[np.arange(len(y_true)), y_true] / np.where(totals > 0, totals, 1.0)
        own = np.where(totals > 0, own, 1.0 / n_classes)
        return float(log_loss_of_own(own, weight))
    if name in ("AUC_weighted", "AUC_macro"):
        return _area(name, y_true, predicted, weight)
    if name == "average_precision_score_weighted":
        present = np.unique(y_true)
        one_hot = (y_true[:, None] == present[None, :]).astype(np.int8)
        return float(
            sk.average_precision_score(
                one_hot, predicted[:, present], average="weighted", sample_weight=sample_weight
            )
        )
    y_pred = predicted.argmax(axis=1)
    if name == "accuracy":
        return float(np.average(y_pred == y_true, weights=weight))
    confusion = np.bincount(
        y_true * n_classes + y_pred, weights=weight, minlength=n_classes * n_classes
    ).reshape(n_classes, n_classes)
    hits, real, claimed = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    present = real > 0
    if name in ("balanced_accuracy", "norm_macro_recall"):
        balanced = float(np.mean(hits[present] / real[present]))
        chance = 1.0 / n_classes
        return balanced if name == "balanced_accuracy" else (balanced - chance) / (1.0 - chance)
    precision = np.divide(hits, claimed, out=np.zeros(n_classes), where=claimed > 0)
    if name == "precision_score_weighted":
        return float(np.average(precision[present], weights=real[present]))
    f1 = np.divide(2 * hits, real + claimed, out=np.zeros(n_classes), where=real + claimed > 0)
    weights = real[present] if name == "f1_score_weighted" else None
    return float(np.average(f1[present], weights=weights))


def _area(
    name: str, y_true: NDArray[Any], predicted: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Area under the ROC curve of each class present, from ranks (ties count half)."""
    present = np.unique(y_true)
    if len(present) < 2:
        return math.nan
    areas, support = [], []
    for label in present:
        mine = y_true == label
        scores, place = np.unique(predicted[:, label], return_inverse=True)
        up = np.bincount(place[mine], weights=weight[mine], minlength=len(scores))
        down = np.bincount(place[~mine], weights=weight[~mine], minlength=len(scores))
        below = np.cumsum(down) - down
        total = up.sum() * down.sum()
        areas.append(float((up * (below + down / 2)).sum() / total) if total > 0 else math.nan)
        support.append(float(weight[mine].sum()))
    return float(np.average(areas, weights=support if name == "AUC_weighted" else None))


def _one_of_regression(
    name: str,
    y_true: NDArray[Any],
    predicted: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None,
    weight: NDArray[np.float64],
    y_range: float | None,
) -> float:
    if name == "spearman_correlation":
        return _spearman(y_true, predicted, sample_weight)
    if name in ("median_absolute_error", "root_mean_squared_log_error"):
        return score_regression(y_true, predicted, sample_weight, y_range)[name]
    y_range = float(np.ptp(y_true)) if y_range is None else y_range
    off = predicted - y_true
    if name.endswith("absolute_error"):
        value = float(np.average(np.abs(off), weights=weight))
    else:
        value = math.sqrt(float(np.average(off * off, weights=weight)))
    if name == "r2_score":
        spread = np.average((y_true - np.average(y_true, weights=weight)) ** 2, weights=weight)
        return float(1.0 - value * value / spread) if spread > 0 else float(value == 0)
    if name.startswith("normalized_"):
        return value / y_range if y_range > 0 else math.nan
    return value
