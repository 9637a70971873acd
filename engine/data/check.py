"""Checks of a user's data, which end in one `Dataset`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from engine.data.dataset import Dataset, Matrix, is_sparse
from engine.data.featurization import FeaturizationConfig
from engine.data.keys import arrays_of
from engine.data.layout import like_training, with_layout
from engine.data.matrix import check_matrix, has_names, take
from engine.data.raw_types import raw_types
from engine.data.reading import Loss, notes_of_losses, warn_of_losses
from engine.data.rows import check_splits, check_weight, renumber, same_length
from engine.data.target import (
    as_labels,
    check_target,
    check_valid_target,
    positive_code,
    rows_with_label,
    whole_labels,
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
    try:
        return _checked(
            arrays_of(raw, source), task, exclude_nan_labels, featurization, positive_label
        )
    except (DataException, MemoryError):
        raise
    except Exception as error:
        # A value that even pandas cannot look at, such as a signalling NaN.
        raise DataException(
            f"the data of {source} cannot be checked: {type(error).__name__}: {error}; convert its "
            "columns to numbers, texts or dates"
        ) from error


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
    rows, losses = _checked_rows(X, dataset, name)
    warn_of_losses(losses, dataset.columns)
    return rows


def _checked(
    arrays: Mapping[str, Any],
    task: Task,
    exclude_nan_labels: bool,
    featurization: FeaturizationConfig | None,
    positive_label: object,
) -> Dataset:
    any_type = featurization is not None
    dataset = _training_part(arrays, task, any_type, exclude_nan_labels)
    if positive_label is not None:
        dataset = replace(dataset, positive=positive_code(positive_label, dataset.classes))
    if featurization is not None and not is_sparse(dataset.X):
        dataset = with_layout(dataset, featurization)
    if any(key in arrays for key in ("X_valid", "y_valid", "sample_weight_valid")):
        dataset = _with_validation(dataset, arrays, exclude_nan_labels)
    return dataset


def _checked_rows(X: object, dataset: Dataset, name: str) -> tuple[Matrix, dict[str, Loss]]:
    """Return other rows in the form of ``dataset.X``, and what is lost in reading them."""
    any_type = dataset.layout is not None or isinstance(dataset.X, pd.DataFrame)
    matrix, names = check_matrix(X, name, None, any_type)
    by_name = dataset.named and has_names(X)
    if len(names) != len(dataset.feature_names) or (
        by_name and set(names) != set(dataset.feature_names)
    ):
        raise DataException(
            f"{name} has the columns {list(names)[:20]} ({len(names)}); "
            f"X has {list(dataset.feature_names)[:20]} ({len(dataset.feature_names)})"
        )
    if isinstance(matrix, pd.DataFrame) and not has_names(X):
        matrix = matrix.set_axis(list(dataset.feature_names), axis=1)
    return like_training(matrix, dataset, name)


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
        y = whole_labels(y) if task == "classification" else y
    if weight is not None and not weight.any():
        raise DataException("sample_weight is zero in all rows that have a target")
    if task == "regression" and "class_labels" in arrays:
        raise DataException("class_labels: only for task='classification'")
    y, classes = check_target(y, task, arrays.get("class_labels"))
    return Dataset(
        X,
        y,
        classes,
        names,
        weight,
        cv_splits_indices=splits,
        notes=notes,
        named=has_names(arrays["X"]) or "feature_names" in arrays,
        raw_types=raw_types(arrays["X"]),
    )


def _with_validation(
    dataset: Dataset, arrays: Mapping[str, Any], exclude_nan_labels: bool
) -> Dataset:
    """Check the validation part against the training part and add it to the dataset."""
    missing = [key for key in ("X_valid", "y_valid") if key not in arrays]
    if missing:
        raise DataException(f"{missing[0]} is missing: X_valid and y_valid go together")
    if dataset.cv_splits_indices is not None:
        raise DataException("give X_valid and y_valid or cv_splits_indices, not both")
    X, losses = _checked_rows(arrays["X_valid"], dataset, "X_valid")
    y = as_labels(arrays["y_valid"], "y_valid")
    same_length(X, "X_valid", y, "y_valid")
    weight = check_weight(arrays.get("sample_weight_valid"), X, "sample_weight_valid")
    keep, notes = rows_with_label(y, "y_valid", exclude_nan_labels)
    if keep is not None:
        X, y = take(X, keep), y[keep]
        weight = None if weight is None else weight[keep]
        if weight is not None and not weight.any():
            raise DataException("sample_weight_valid is zero in all rows that have a target")
    lost = notes_of_losses(losses, dataset.columns, "X_valid")
    return replace(
        dataset,
        X_valid=X,
        y_valid=check_valid_target(y, dataset.classes),
        sample_weight_valid=weight,
        notes=(*dataset.notes, *notes, *lost),
        unreadable=(*dataset.unreadable, *lost),
    )
