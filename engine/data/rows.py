"""Checks of what belongs to the rows of a feature matrix: weights and folds."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Fold, Matrix
from engine.data.matrix import in_pandas, unmasked
from engine.errors import DataException


def same_length(X: Matrix, X_name: str, other: Sized, other_name: str) -> None:
    """Raise `DataException` unless ``other`` has a value for each row of ``X``."""
    if X.shape[0] != len(other):
        raise DataException(
            f"{X_name} has {X.shape[0]} rows but {other_name} has {len(other)}; "
            "they must have the same length"
        )


def check_weight(weight: object, X: Matrix, name: str) -> NDArray[np.float64] | None:
    """Return the sample weights as float64, shape (n_rows,); ``None`` stays ``None``.

    Raises
    ------
    DataException
        When they are not numbers, not finite, negative, all zero, or too few or too many.

    Examples
    --------
    >>> check_weight([1, 2], np.zeros((2, 3)), "sample_weight")
    array([1., 2.])
    """
    if weight is None:
        return None
    try:
        given: NDArray[Any] = np.asarray(unmasked(in_pandas(weight)))
        if given.dtype.kind in "mMcUS":
            raise TypeError(f"{given.dtype} is no number")
        array = given.astype(np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise DataException(f"{name} must be numbers: {error}") from error
    if array.ndim != 1 and (array.ndim != 2 or array.shape[1] != 1):
        raise DataException(f"{name} has the shape {array.shape}; expected (n_rows,)")
    array = array.reshape(-1)
    same_length(X, "X", array, name)
    if not np.isfinite(array).all() or (array < 0).any() or not array.any():
        raise DataException(f"{name} must be finite, not negative and not all zero")
    return array


def check_splits(splits: object, n_rows: int) -> tuple[Fold, ...] | None:
    """Return the user's folds as int64 arrays; ``None`` stays ``None``.

    Parameters
    ----------
    splits:
        Iterable of pairs (train rows, validation rows), each an array of row numbers.
    n_rows:
        Number of rows of the training data.

    Raises
    ------
    DataException
        When there is no fold, a part is empty or holds other than row numbers, or both parts of a
        fold share a row.

    Examples
    --------
    >>> check_splits([([0, 1], [2]), ([1, 2], [0])], n_rows=3)
    ((array([0, 1]), array([2])), (array([1, 2]), array([0])))
    """
    if splits is None:
        return None
    folds: list[tuple[NDArray[Any], NDArray[Any]]] = []
    try:
        for train, valid in splits:  # type: ignore[attr-defined]
            folds.append((np.asarray(train), np.asarray(valid)))
    except (TypeError, ValueError) as error:
        raise DataException(
            "cv_splits_indices must be a list of pairs (train rows, validation rows)"
        ) from error
    for number, fold in enumerate(folds):
        if not all(_are_row_numbers(rows, n_rows) for rows in fold):
            raise DataException(
                f"cv_splits_indices: fold {number} must hold row numbers from 0 to "
                f"{n_rows - 1}, at least one in each part (of a mask: np.flatnonzero(mask))"
            )
        if len(np.intersect1d(*fold)):
            raise DataException(
                f"cv_splits_indices: fold {number} has rows in both its parts; "
                "a row that is trained on cannot validate"
            )
    if not folds:
        raise DataException("cv_splits_indices has no folds")
    return tuple((train.astype(np.int64), valid.astype(np.int64)) for train, valid in folds)


def _are_row_numbers(rows: NDArray[Any], n_rows: int) -> bool:
    is_list = rows.ndim == 1 and len(rows) > 0 and rows.dtype.kind in "iu"
    return is_list and bool(rows.min() >= 0 and rows.max() < n_rows)


def renumber(splits: tuple[Fold, ...] | None, keep: NDArray[np.bool_]) -> tuple[Fold, ...] | None:
    """Return the folds in the row numbers of the rows that are kept.

    Examples
    --------
    >>> renumber(((np.array([0, 2]), np.array([1, 3])),), np.array([True, False, True, True]))
    ((array([0, 1]), array([2])),)
    """
    if splits is None:
        return None
    new_number = np.cumsum(keep) - 1
    return tuple(
        (new_number[train[keep[train]]], new_number[valid[keep[valid]]]) for train, valid in splits
    )
