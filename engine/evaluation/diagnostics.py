"""How good a model is, from its out-of-fold predictions: the numbers behind the report's charts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_curve, roc_curve

from engine.data.dataset import Dataset

_MOST_CLASSES = 12


_POINTS = 100


_BINS = 10


_SCATTER = 600


def quality_of(dataset: Dataset, predictions: NDArray[np.float64]) -> dict[str, Any]:
    """Plain values for charts.

    Parameters
    ----------
    dataset:
        The targets; features are not looked at.
    predictions:
        Out-of-fold predictions, as `engine.evaluation.cross_validation.Evaluation` has them; rows
        of NaN were not predicted.

    Returns
    -------
    dict
        Classification: ``classes``, ``confusion`` (counts, a row a true class), ``roc``, ``pr``
        and ``calibration`` (a list of points a class). Regression: ``scatter`` (true, predicted)
        and ``residuals`` (histogram). ``n_rows``: predicted ones.
    """
    y = dataset.y if dataset.X_valid is None else dataset.y_valid
    assert y is not None
    known = np.isfinite(predictions.reshape(len(predictions), -1)).all(axis=1)
    predictions = predictions[known]
    targets = dataset.target(y)[known]
    if dataset.classes is None:
        return _regression(targets.astype(float), predictions.reshape(-1))
    labels = [str(label) for label in dataset.classes]
    codes = np.arange(len(labels))
    result: dict[str, Any] = {"n_rows": len(targets), "classes": labels[:_MOST_CLASSES]}
    counts = confusion_matrix(targets, predictions.argmax(axis=1), labels=codes)
    result["confusion"] = counts[:_MOST_CLASSES, :_MOST_CLASSES].tolist()
    # Of two classes the second says it all.
    shown = codes[1:] if len(labels) == 2 else codes[:_MOST_CLASSES]
    for name in ("roc", "pr", "calibration"):
        result[name] = []
    for code in shown:
        truth, score = targets == code, predictions[:, code]
        if truth.all() or not truth.any():
            continue
        false, true, _ = roc_curve(truth, score)
        precision, recall, _ = precision_recall_curve(truth, score)
        label = labels[code]
        result["roc"].append({"label": label, "points": _thin(false, true)})
        result["pr"].append({"label": label, "points": _thin(recall[::-1], precision[::-1])})
        result["calibration"].append({"label": label, "points": _calibration(truth, score)})
    return result


def _regression(truth: NDArray[np.float64], predicted: NDArray[np.float64]) -> dict[str, Any]:
    chosen = np.arange(len(truth))
    if len(chosen) > _SCATTER:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, _SCATTER, replace=False))
    residuals = truth - predicted
    middle = float(np.median(residuals))
    # Wide enough for bins of their own where all residuals are the same.
    half = max(float(np.abs(residuals - middle).max()), 1e-6 * max(1.0, abs(middle)))
    counts, edges = np.histogram(residuals, bins=30, range=(middle - half, middle + half))
    return {
        "n_rows": len(truth),
        "scatter": [_round(truth[chosen]), _round(predicted[chosen])],
        "residuals": {"counts": counts.tolist(), "edges": _round(edges)},
    }


def _calibration(truth: NDArray[np.bool_], score: NDArray[np.float64]) -> list[list[float]]:
    """(mean prediction, share of rows that are of the class) of each tenth of the scores."""
    bins = np.minimum((score * _BINS).astype(int), _BINS - 1)
    points = []
    for number in range(_BINS):
        mine = bins == number
        if mine.any():
            points.append([float(score[mine].mean()), float(truth[mine].mean())])
    return [_round(np.array(point)) for point in points]


def _thin(x: NDArray[np.float64], y: NDArray[np.float64]) -> list[list[float]]:
    """A curve by at most a hundred points of it, its ends among them."""
    chosen = np.unique(np.linspace(0, len(x) - 1, min(_POINTS, len(x))).round().astype(int))
    return [_round(np.array(point)) for point in zip(x[chosen], y[chosen], strict=True)]


def _round(values: NDArray[np.float64]) -> list[float]:
    return [float(f"{value:.6g}") for value in values.tolist()]
