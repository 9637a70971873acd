"""Checks of what goes with the feature matrix: target, weights, folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.multiclass import type_of_target

from engine.data.dataset import Fold, Matrix
from engine.data.matrix import describe
from engine.errors import DataException
from engine.metrics.metric import Task


def as_labels(y: Any, name: str) -> NDArray[Any]:
    if sparse.issparse(y):
        raise DataException(f"{name} is a sparse matrix; give it as an array of shape (n_rows,)")
    if hasattr(y, "to_pandas") and not isinstance(y, (pd.Series, pd.DataFrame)):
        y = y.to_pandas()
    array: NDArray[Any]
    if isinstance(y, pd.Series) and isinstance(y.dtype, pd.api.extensions.ExtensionDtype):
        array = y.astype(object).to_numpy()
    else:
        array = np.asarray(y)
        if array.dtype.kind == "U" and not isinstance(y, np.ndarray):
            # numpy turns [1, "a"] into text; as objects the mix is seen.
            array = np.asarray(y, dtype=object)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array.reshape(-1)
    if array.ndim != 1:
        raise DataException(
            f"{name} has the shape {array.shape}; expected (n_rows,). "
            "Multi-label and multi-output targets are not supported"
        )
    return array


def same_length(X: Matrix, X_name: str, other: Any, other_name: str) -> None:
    if X.shape[0] != len(other):
        raise DataException(
            f"{X_name} has {X.shape[0]} rows but {other_name} has {len(other)}; "
            "they must have the same length"
        )


def check_weight(weight: Any, X: Matrix, name: str) -> NDArray[np.float64] | None:
    if weight is None:
        return None
    try:
        array = np.asarray(weight, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise DataException(f"{name} must be numbers: {error}") from error
    same_length(X, "X", array, name)
    if not np.isfinite(array).all() or (array < 0).any() or not array.any():
        raise DataException(f"{name} must be finite, not negative and not all zero")
    return array


def check_splits(splits: Any, n_rows: int) -> tuple[Fold, ...] | None:
    if splits is None:
        return None
    folds = []
    try:
        for train, valid in splits:
            folds.append((np.asarray(train), np.asarray(valid)))
    except (TypeError, ValueError) as error:
        raise DataException(
            "cv_splits_indices must be a list of pairs (train rows, validation rows)"
        ) from error
    for number, fold in enumerate(folds):
        for rows in fold:
            if (
                rows.ndim != 1
                or not len(rows)
                or rows.dtype.kind not in "iu"
                or rows.min() < 0
                or rows.max() >= n_rows
            ):
                raise DataException(
                    f"cv_splits_indices: fold {number} must hold row numbers from 0 to "
                    f"{n_rows - 1}, at least one in each part"
                )
        if len(np.intersect1d(*fold)):
            raise DataException(
                f"cv_splits_indices: fold {number} has rows in both its parts; "
                "a row that is trained on cannot validate"
            )
    if not folds:
        raise DataException("cv_splits_indices has no folds")
    return tuple((train.astype(np.int64), valid.astype(np.int64)) for train, valid in folds)


def renumber(splits: tuple[Fold, ...] | None, keep: NDArray[np.bool_]) -> tuple[Fold, ...] | None:
    """Row numbers after the rows that are not kept are gone."""
    if splits is None:
        return None
    new_number = np.cumsum(keep) - 1
    return tuple(
        (new_number[train[keep[train]]], new_number[valid[keep[valid]]]) for train, valid in splits
    )


def rows_with_label(
    y: NDArray[Any], name: str, task: Task, exclude: bool, notes: list[str]
) -> NDArray[np.bool_] | None:
    """A mask of the rows that have a target, or ``None`` when all have."""
    missing = np.asarray(pd.isna(y))
    n_missing = int(missing.sum())
    if not n_missing:
        return None
    if n_missing == len(y):
        raise DataException(f"{name} has no values: all {len(y)} are missing")
    if not exclude:
        raise DataException(
            f"{name} has {n_missing} missing values of {len(y)} and exclude_nan_labels is False"
        )
    notes.append(f"{n_missing} of {len(y)} rows have no value in {name} and are left out")
    return ~missing


def check_target(
    y: NDArray[Any], task: Task, class_labels: Any
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if task == "regression":
        try:
            target = y.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataException(
                f"y is not numeric ({describe(y[0])}, ...): task='regression' needs numbers; "
                "for classes use task='classification'"
            ) from error
        if not np.isfinite(target).all():
            raise DataException("y has infinite values")
        if np.ptp(target) == 0:
            raise DataException(f"y has one value only ({target[0]}); there is nothing to learn")
        return target, None
    labels = plain_labels(y)
    if labels.dtype.kind == "f" and type_of_target(labels) == "continuous":
        raise DataException(
            f"y holds fractions ({labels[0]}, ...), which are no classes; for a number use "
            "task='regression'"
        )
    classes = np.unique(labels)
    if len(classes) < 2:
        raise DataException(
            f"y has one class only ({classes[0]!r}); classification needs at least two"
        )
    if class_labels is not None:
        unlisted = np.setdiff1d(classes, plain_labels(np.asarray(class_labels)))
        if len(unlisted):
            raise DataException(f"y has labels that class_labels does not list: {unlisted[:10]}")
    return labels, classes


def plain_labels(y: NDArray[Any]) -> NDArray[Any]:
    """Labels as one numpy type: bool, integers, floats or strings."""
    if y.dtype.kind != "O":
        return y
    kinds = {
        "text"
        if isinstance(value, str)
        else "boolean"
        if isinstance(value, bool | np.bool_)
        else "number"
        if isinstance(value, int | float | np.number)
        else type(value).__name__
        for value in y
    }
    if len(kinds) > 1 or not kinds <= {"text", "boolean", "number"}:
        raise DataException(
            f"y mixes or holds types that cannot be classes ({', '.join(sorted(kinds))}); "
            "use only strings, only numbers or only booleans"
        )
    return np.array(y.tolist())


def positive_code(label: Any, classes: NDArray[Any] | None) -> int:
    """The code of the positive class.

    Raises
    ------
    DataException
        When there are not two classes, or it is none of them.
    """
    labels = [] if classes is None else classes.tolist()
    if len(labels) != 2:
        raise DataException(
            f"positive_label={label!r} is for two classes; the target has {len(labels)}"
        )
    # True == 1 in Python, but a user who mixes them has mistaken the column.
    found = [n for n, other in enumerate(labels) if other == label]
    if isinstance(label, bool | np.bool_) != isinstance(labels[0], bool) or not found:
        raise DataException(f"positive_label={label!r}: the target's labels are {labels}")
    return found[0]
