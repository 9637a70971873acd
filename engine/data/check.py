"""Checks of a user's data, which end in one `Dataset`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.dataset import Dataset, Matrix
from engine.data.featurization import FeaturizationConfig
from engine.data.keys import arrays_of
from engine.data.layout import in_order, normalised, with_layout
from engine.data.matrix import check_matrix, take
from engine.data.rows import check_splits, check_weight, renumber, same_length
from engine.data.target import (
    as_labels,
    check_target,
    check_valid_target,
    positive_code,
    rows_with_label,
)
from engine.errors import DataException
from engine.metrics.metric import Task


def check_data(
    raw: object,
    task: Task,
    *,
    exclude_nan_labels: bool = True,
    featurization: FeaturizationConfig | None = None,
    positive_label: object = None,
    source: str = "get_data()",
) -> Dataset:
    """Check what ``get_data()`` returned, or what the configuration holds.

    Parameters
    ----------
    raw:
        A mapping with ``X``, ``y`` and optionally ``sample_weight``, ``X_valid``, ``y_valid``,
        ``sample_weight_valid``, ``cv_splits_indices``, ``feature_names``, ``class_labels``; or with
        ``training_data`` and ``label`` and optionally ``validation_data``, ``weight``,
        ``drop_columns``.
    task:
        ``classification`` or ``regression``.
    exclude_nan_labels:
        Drop rows without a target (with a note that says how many) instead of refusing them.
    featurization:
        How columns are featurized; ``None``: they must be numeric.
    positive_label:
        The class, one of two, whose own metrics are wanted.
    source:
        Name of the data's origin in error messages.

    Raises
    ------
    DataException
        With one sentence that says what was given and what is expected.

    Examples
    --------
    >>> data = check_data({"X": [[1, 2], [3, 4]], "y": ["no", "yes"]}, "classification")
    >>> data.n_rows, data.feature_names, data.classes.tolist()
    (2, ('column_0', 'column_1'), ['no', 'yes'])
    >>> check_data({"X": [[1, 2], [3, 4]], "y": [0]}, "classification")
    Traceback (most recent call last):
    ...
    engine.errors.DataException: X has 2 rows but y has 1; they must have the same length
    """
    arrays = arrays_of(raw, source)
    any_type = featurization is not None
    dataset = _training_part(arrays, task, any_type, exclude_nan_labels)
    if positive_label is not None:
        dataset = replace(dataset, positive=positive_code(positive_label, dataset.classes))
    if "X_valid" in arrays or "y_valid" in arrays:
        dataset = _with_validation(dataset, arrays, any_type, exclude_nan_labels)
    if featurization is not None and not sparse.issparse(dataset.X):
        dataset = with_layout(dataset, featurization)
    return dataset


def check_features(X: object, dataset: Dataset, name: str = "X_valid") -> Matrix:
    """Return rows without a target, such as rows to explain, in the form of ``dataset.X``.

    Parameters
    ----------
    X:
        (n_rows, n_columns), with the columns of the dataset in any order.
    dataset:
        The checked training data.
    name:
        Name of the rows in error messages.

    Raises
    ------
    DataException
        When they do not have the dataset's columns.

    Examples
    --------
    >>> import pandas as pd
    >>> frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 5.0]})
    >>> data = check_data({"X": frame, "y": [0, 1]}, "classification")
    >>> list(check_features(frame[["b", "a"]], data).columns)
    ['a', 'b']
    """
    any_type = dataset.layout is not None or isinstance(dataset.X, pd.DataFrame)
    matrix, names = check_matrix(X, name, None, any_type)
    _same_columns(matrix, names, dataset, name)
    if isinstance(matrix, np.ndarray) and isinstance(dataset.X, pd.DataFrame):
        matrix = pd.DataFrame(matrix, columns=list(dataset.feature_names))
    if not isinstance(matrix, pd.DataFrame):
        return matrix
    matrix = in_order(matrix, dataset.feature_names)
    if dataset.layout is not None:
        matrix = normalised(matrix, dataset.layout.columns)
    if not isinstance(dataset.X, pd.DataFrame):
        matrix = matrix.to_numpy(dtype=np.float64, na_value=np.nan)
    return matrix


def _training_part(
    arrays: Mapping[str, Any], task: Task, any_type: bool, exclude_nan_labels: bool
) -> Dataset:
    """Check features, target, weights and folds, and drop the rows without a target."""
    X, names = check_matrix(arrays["X"], "X", arrays.get("feature_names"), any_type)
    y = as_labels(arrays["y"], "y")
    same_length(X, "X", y, "y")
    weight = check_weight(arrays.get("sample_weight"), X, "sample_weight")
    splits = check_splits(arrays.get("cv_splits_indices"), len(y))
    keep, notes = rows_with_label(y, "y", exclude_nan_labels)
    if keep is not None:
        X, y = take(X, keep), y[keep]
        weight = None if weight is None else weight[keep]
        splits = renumber(splits, keep)
    y, classes = check_target(y, task, arrays.get("class_labels"))
    return Dataset(X, y, classes, names, weight, cv_splits_indices=splits, notes=notes)


def _with_validation(
    dataset: Dataset, arrays: Mapping[str, Any], any_type: bool, exclude_nan_labels: bool
) -> Dataset:
    """Check the validation part against the training part and add it to the dataset."""
    missing = [key for key in ("X_valid", "y_valid") if key not in arrays]
    if missing:
        raise DataException(f"{missing[0]} is missing: X_valid and y_valid go together")
    if dataset.cv_splits_indices is not None:
        raise DataException("give X_valid and y_valid or cv_splits_indices, not both")
    X, names = check_matrix(arrays["X_valid"], "X_valid", arrays.get("feature_names"), any_type)
    _same_columns(X, names, dataset, "X_valid")
    y = as_labels(arrays["y_valid"], "y_valid")
    same_length(X, "X_valid", y, "y_valid")
    weight = check_weight(arrays.get("sample_weight_valid"), X, "sample_weight_valid")
    keep, notes = rows_with_label(y, "y_valid", exclude_nan_labels)
    if keep is not None:
        X, y = take(X, keep), y[keep]
        weight = None if weight is None else weight[keep]
    return replace(
        dataset,
        X_valid=X,
        y_valid=check_valid_target(y, dataset.classes),
        sample_weight_valid=weight,
        notes=(*dataset.notes, *notes),
    )


def _same_columns(X: Matrix, names: Sequence[str], dataset: Dataset, name: str) -> None:
    are_frames = isinstance(X, pd.DataFrame) and isinstance(dataset.X, pd.DataFrame)
    same_names = not are_frames or set(names) == set(dataset.feature_names)
    if X.shape[1] != dataset.X.shape[1] or not same_names:
        raise DataException(
            f"{name} has the columns {list(names)[:20]} ({X.shape[1]}); "
            f"X has {list(dataset.feature_names)[:20]} ({dataset.X.shape[1]})"
        )
