"""Scores of predictions, by the names of the metrics."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from engine.metrics import scores


def score_regression(
    y_test: Any,
    y_pred: Any,
    metrics: Collection[str] | None = None,
    y_max: float | None = None,
    y_min: float | None = None,
    *more: object,
    sample_weight: Any = None,
    **ignored: object,
) -> dict[str, float]:
    """Score predictions of a regression.

    Parameters
    ----------
    y_test, y_pred:
        (n_rows,) true and predicted values.
    metrics:
        Names of the metrics; default: all.
    y_max, y_min:
        Largest and smallest target, whose distance the ``normalized_`` metrics are divided by;
        default: those of ``y_test``.
    sample_weight:
        (n_rows,) weights.

    Examples
    --------
    >>> score_regression([1.0, 3.0], [1.0, 2.0], ["mean_absolute_error"])
    {'mean_absolute_error': 0.5}
    """
    y_range = None if y_max is None or y_min is None else float(y_max) - float(y_min)
    found = scores.score_regression(
        np.asarray(y_test, dtype=np.float64).ravel(),
        np.asarray(y_pred, dtype=np.float64).ravel(),
        _weights(sample_weight),
        y_range,
    )
    return _chosen(found, metrics)


def score_classification(
    y_test: Any,
    y_pred_probs: Any,
    metrics: Collection[str] | None = None,
    class_labels: Any = None,
    train_labels: Any = None,
    sample_weight: Any = None,
    *more: object,
    **ignored: object,
) -> dict[str, float]:
    """Score class probabilities.

    Parameters
    ----------
    y_test:
        (n_rows,) true labels.
    y_pred_probs:
        (n_rows, n_classes) probabilities.
    metrics:
        Names of the metrics; default: all.
    class_labels, train_labels:
        The labels in the order of the columns; default: those of ``y_test``, sorted.
    sample_weight:
        (n_rows,) weights.

    Examples
    --------
    >>> score_classification(["no", "yes"], [[0.9, 0.1], [0.4, 0.6]], ["accuracy"])
    {'accuracy': 1.0}
    """
    labels = next((x for x in (train_labels, class_labels) if x is not None), np.unique(y_test))
    places = {label: code for code, label in enumerate(np.asarray(labels).tolist())}
    codes = np.array([places[label] for label in np.asarray(y_test).ravel().tolist()])
    probabilities = np.asarray(y_pred_probs, dtype=np.float64)
    found = scores.score_classification(codes, probabilities, _weights(sample_weight))
    return _chosen(found, metrics)


def _weights(sample_weight: Any) -> Any:
    return None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64).ravel()


def _chosen(found: dict[str, float], metrics: Collection[str] | None) -> dict[str, float]:
    return {name: value for name, value in found.items() if metrics is None or name in metrics}
