"""Numbers behind the report's charts: how good a model's out-of-fold predictions are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from engine.data.dataset import Dataset

Array = NDArray[np.float64]

#: Classes that charts show.
_MOST_CLASSES = 12
#: Points of a curve.
_POINTS = 100
#: Intervals of predicted probability in a calibration curve.
_BINS = 10
#: Rows in the chart of true and predicted values, a random choice of them.
_SCATTER = 600
#: Bars in the histogram of residuals.
_BARS = 30


def quality_of(dataset: Dataset, predictions: Array) -> dict[str, Any]:
    """Compute the values of the report's charts, ready for JSON.

    Parameters
    ----------
    dataset:
        The targets; features are not used.
    predictions:
        Out-of-fold predictions, as in `engine.evaluation.cross_validation.Evaluation`. Rows with
        NaN were not predicted and are left out.

    Returns
    -------
    dict
        ``n_rows``: number of predicted rows. Classification, for at most 12 classes: ``classes``
        (labels), ``confusion`` (row counts, a line a true class), ``roc``, ``pr`` and
        ``calibration`` (a ``label`` and ``points`` a class, of two classes only the second; classes
        without rows are left out). Regression: ``scatter`` (true values, predicted values; at most
        600 rows) and ``residuals`` (``counts`` and ``edges`` of a histogram).

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> data = check_data({"X": np.zeros((4, 1)), "y": ["a", "a", "b", "b"]}, "classification")
    >>> predictions = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]])
    >>> quality = quality_of(data, predictions)
    >>> quality["confusion"]
    [[2, 0], [1, 1]]
    >>> quality["roc"][0]["label"], quality["roc"][0]["points"][-1]
    ('b', [1.0, 1.0])
    """
    y = dataset.y if dataset.X_valid is None else dataset.y_valid
    assert y is not None
    known = np.isfinite(predictions.reshape(len(predictions), -1)).all(axis=1)
    predictions, targets = predictions[known], dataset.target(y)[known]
    if dataset.classes is None:
        return _regression(targets.astype(float), predictions.reshape(-1))
    return _classification(targets, predictions, [str(label) for label in dataset.classes])


def _classification(
    targets: NDArray[np.int64], predictions: Array, labels: list[str]
) -> dict[str, Any]:
    codes = np.arange(len(labels))
    counts = confusion_matrix(targets, predictions.argmax(axis=1), labels=codes)
    result: dict[str, Any] = {
        "n_rows": len(targets),
        "classes": labels[:_MOST_CLASSES],
        "confusion": counts[:_MOST_CLASSES, :_MOST_CLASSES].tolist(),
        "roc": [],
        "pr": [],
        "calibration": [],
    }
    # The curves of the first of two classes mirror those of the second.
    for code in codes[1:] if len(labels) == 2 else codes[:_MOST_CLASSES]:
        truth = targets == code
        if truth.all() or not truth.any():
            continue
        for name, points in _curves(truth, predictions[:, code]).items():
            result[name].append({"label": labels[code], "points": points})
    return result


def _curves(truth: NDArray[np.bool_], score: Array) -> dict[str, list[list[float]]]:
    """Return points of one class's curves; ``score`` is its predicted probability."""
    false, true, _ = roc_curve(truth, score)
    precision, recall, _ = precision_recall_curve(truth, score)
    return {
        "roc": _thin(false, true),
        "pr": _thin(recall[::-1], precision[::-1]),
        "calibration": _calibration(truth, score),
    }


def _regression(truth: Array, predicted: Array) -> dict[str, Any]:
    chosen = np.arange(len(truth))
    if len(chosen) > _SCATTER:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, _SCATTER, replace=False))
    residuals = truth - predicted
    middle = float(np.median(residuals))
    # Where all residuals are equal, the histogram still needs a width.
    half = max(float(np.abs(residuals - middle).max()), 1e-6 * max(1.0, abs(middle)))
    counts, edges = np.histogram(residuals, bins=_BARS, range=(middle - half, middle + half))
    return {
        "n_rows": len(truth),
        "scatter": [_round(truth[chosen]), _round(predicted[chosen])],
        "residuals": {"counts": counts.tolist(), "edges": _round(edges)},
    }


def _calibration(truth: NDArray[np.bool_], score: Array) -> list[list[float]]:
    """Return (mean prediction, share of rows of the class) for each tenth of the unit interval."""
    bins = np.minimum((score * _BINS).astype(int), _BINS - 1)
    points = []
    for number in range(_BINS):
        mine = bins == number
        if mine.any():
            points.append([float(score[mine].mean()), float(truth[mine].mean())])
    return [_round(np.array(point)) for point in points]


def _thin(x: Array, y: Array) -> list[list[float]]:
    """Choose evenly spaced points of a curve, its ends among them."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(_POINTS, len(x))).round().astype(int))
    return [_round(np.array(point)) for point in zip(x[chosen], y[chosen], strict=True)]


def _round(values: Array) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]
