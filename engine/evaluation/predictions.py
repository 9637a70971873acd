"""Predictions of fitted models: in the order of all classes, out of fold, and scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset, Fold, Matrix
from engine.metrics.scores import score_classification, score_regression

Array = NDArray[np.float64]


def predict(model: Any, X: Matrix, dataset: Dataset) -> Array:
    """Return values (n_rows,), or probabilities (n_rows, n_classes) as ``dataset.classes`` lists.

    A class that the model's training rows did not hold gets probability 0.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> from sklearn.dummy import DummyClassifier
    >>> data = check_data({"X": np.zeros((3, 1)), "y": ["a", "b", "c"]}, "classification")
    >>> model = DummyClassifier().fit([[0.0], [0.0]], ["b", "c"])  # has not seen class a
    >>> predict(model, np.zeros((1, 1)), data).tolist()
    [[0.0, 0.5, 0.5]]
    """
    if dataset.classes is None:
        return np.asarray(model.predict(X), dtype=np.float64).reshape(-1)
    probabilities = np.asarray(model.predict_proba(X), dtype=np.float64)
    if has_all_classes(model, dataset):
        return probabilities
    full = np.zeros((len(probabilities), len(dataset.classes)))
    full[:, np.searchsorted(dataset.classes, model.classes_)] = probabilities
    return full


def has_all_classes(model: Any, dataset: Dataset) -> bool:
    """Whether the model's training rows held every class; true for regression."""
    return dataset.classes is None or len(model.classes_) == len(dataset.classes)


def out_of_fold(
    dataset: Dataset, folds: Mapping[int, Fold], predicted: Mapping[int, Array]
) -> Array:
    """Combine the folds' predictions into predictions of all rows.

    Parameters
    ----------
    dataset:
        The data that the folds divide.
    folds:
        Number to (train rows, validation rows).
    predicted:
        Number to predictions of the validation rows; folds may be missing.

    Returns
    -------
    ndarray
        (n_rows,) or (n_rows, n_classes). The mean where several folds validated a row, NaN where
        none did.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> data = check_data({"X": np.zeros((3, 1)), "y": [1.0, 2.0, 3.0]}, "regression")
    >>> folds = {0: (np.array([1, 2]), np.array([0])), 1: (np.array([0]), np.array([1, 2]))}
    >>> out_of_fold(data, folds, {1: np.array([2.5, 2.5])}).tolist()
    [nan, 2.5, 2.5]
    """
    shape = (dataset.n_rows,) if dataset.classes is None else (dataset.n_rows, len(dataset.classes))
    total, count = np.zeros(shape), np.zeros(shape)
    for number, values in predicted.items():
        valid = folds[number][1]
        total[valid] += values
        count[valid] += 1
    with np.errstate(invalid="ignore"):
        return total / count


def score(
    dataset: Dataset, y: NDArray[Any], predicted: Array, weight: Array | None
) -> dict[str, float]:
    """Compute all metrics of the dataset's task.

    Parameters
    ----------
    dataset:
        Names the classes and the positive one, or the width of the target.
    y, predicted, weight:
        Labels or values, predictions as `predict` returns them, and weights, of the same rows.

    Raises
    ------
    ValueError
        When a prediction is NaN or infinite.
    """
    if not np.isfinite(predicted).all():
        raise ValueError(f"the model predicted NaN or infinity for {_count_bad(predicted)} rows")
    if dataset.classes is None:
        return score_regression(y, predicted, weight, y_range=float(np.ptp(dataset.y)))
    return score_classification(dataset.target(y), predicted, weight, dataset.positive)


def _count_bad(predicted: Array) -> int:
    return int((~np.isfinite(predicted)).reshape(len(predicted), -1).any(axis=1).sum())
