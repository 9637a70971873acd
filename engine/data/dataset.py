"""`Dataset`: training data that passed every check, and its summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.data.fingerprint import fingerprint
from engine.data.raw_types import RawType
from engine.metrics.metric import Task

#: A table in one of the three forms that raysmith takes; two-dimensional.
Matrix: TypeAlias = NDArray[Any] | pd.DataFrame | sparse.csr_matrix
#: Numbers of the training rows and of the validation rows.
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def rows_of(X: Matrix, rows: NDArray[Any]) -> Matrix:
    """Return some rows of a table, by their numbers.

    Examples
    --------
    >>> rows_of(pd.DataFrame({"a": [5, 6, 7]}), np.array([2, 0]))["a"].tolist()
    [7, 5]
    """
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def column_of(X: Matrix, index: int) -> pd.Series:
    """Return one column of a table, by its number.

    Examples
    --------
    >>> column_of(np.array([[5, 6], [7, 8]]), 1).tolist()
    [6, 8]
    """
    if is_sparse(X):
        return pd.Series(X[:, [index]].toarray().ravel())
    return X.iloc[:, index] if isinstance(X, pd.DataFrame) else pd.Series(X[:, index])


def is_sparse(X: object) -> TypeGuard[sparse.csr_matrix]:
    """Whether a table is a sparse matrix; `scipy.sparse.issparse` for the type checker.

    Examples
    --------
    >>> is_sparse(sparse.csr_matrix((2, 3))), is_sparse(np.zeros((2, 3)))
    (True, False)
    """
    return bool(sparse.issparse(X))


@dataclass(frozen=True)
class Layout:
    """Column types of a table, and how its columns are featurized.

    Attributes
    ----------
    columns:
        Name and type of each column.
    config:
        The user's changes to the automatic featurization.
    named:
        Whether the names of the columns are the user's.
    """

    columns: tuple[Column, ...]
    config: FeaturizationConfig
    named: bool = True


@dataclass(frozen=True)
class Dataset:
    """Training data that passed every check.

    Attributes
    ----------
    X:
        (n_rows, n_columns): float array, DataFrame, or CSR matrix.
    y:
        (n_rows,): class labels, or float64 for regression.
    classes:
        Sorted class labels; ``None`` for regression.
    feature_names:
        Raw column names, as strings.
    sample_weight:
        (n_rows,) float64, or ``None``.
    X_valid, y_valid, sample_weight_valid:
        A validation part kept out of training, or ``None``.
    cv_splits_indices:
        (train rows, validation rows) of each fold as the user gave them, or ``None``.
    notes:
        Warnings for the user, one sentence each.
    layout:
        How the columns are featurized; ``None`` for a numeric X that needs no featurization.
    positive:
        Code of the positive class, one of two, where the user has named one.
    named:
        Whether the user named the columns, in a table or by ``feature_names``; else the names are
        ``column_0``, ``column_1``, ...
    unreadable:
        Those of ``notes`` that say how many values cannot be read.
    raw_types:
        What the values of each column were before they were read; empty for arrays.

    Examples
    --------
    >>> data = Dataset(
    ...     X=np.array([[1.0], [2.0], [3.0]]), y=np.array(["no", "yes", "no"]),
    ...     classes=np.array(["no", "yes"]), feature_names=("age",),
    ... )
    >>> data.task, data.n_rows, data.target(data.y)
    ('classification', 3, array([0, 1, 0]))
    >>> data.summary().class_counts
    (2, 1)
    """

    X: Matrix
    y: NDArray[Any]
    classes: NDArray[Any] | None
    feature_names: tuple[str, ...]
    sample_weight: NDArray[np.float64] | None = None
    X_valid: Matrix | None = None
    y_valid: NDArray[Any] | None = None
    sample_weight_valid: NDArray[np.float64] | None = None
    cv_splits_indices: tuple[Fold, ...] | None = None
    notes: tuple[str, ...] = ()
    layout: Layout | None = None
    positive: int | None = None
    named: bool = False
    unreadable: tuple[str, ...] = ()
    raw_types: tuple[RawType, ...] = ()

    @property
    def task(self) -> Task:
        """``regression`` where there are no classes, else ``classification``."""
        return "regression" if self.classes is None else "classification"

    @property
    def n_rows(self) -> int:
        """Number of training rows."""
        return len(self.y)

    @property
    def columns(self) -> tuple[Column, ...]:
        """Name and type of each column; numbers where there is no layout."""
        if self.layout is not None:
            return self.layout.columns
        return tuple(Column(name, "Numeric") for name in self.feature_names)

    @cached_property
    def fingerprint(self) -> str:
        """Hash of the data, see `engine.data.fingerprint`; made once, as it reads all of X."""
        return fingerprint(self)

    def target(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Return labels as class codes (int64), or a regression target (float64) as it is."""
        return labels if self.classes is None else np.searchsorted(self.classes, labels)

    def without_features(self) -> Dataset:
        """Return the dataset with no columns in X, which is enough for scoring and splitting."""
        X_valid = self.X_valid
        if X_valid is not None:
            X_valid = np.empty((X_valid.shape[0], 0))
        return replace(self, X=np.empty((self.n_rows, 0)), X_valid=X_valid, layout=None)

    def summary(self) -> DataSummary:
        """Return size, classes and fingerprint, which the search needs instead of the data."""
        counts = None if self.classes is None else np.unique(self.y, return_counts=True)[1]
        return DataSummary(
            task=self.task,
            n_rows=self.n_rows,
            n_columns=self.X.shape[1],
            sparse=is_sparse(self.X),
            weighted=self.sample_weight is not None,
            class_counts=None if counts is None else tuple(int(count) for count in counts),
            validation=self._validation(),
            fingerprint=self.fingerprint,
            notes=self.notes,
            purposes={} if self.layout is None else Counter(c.purpose for c in self.columns),
            values_a_row=self.X.nnz / self.n_rows if is_sparse(self.X) else None,
        )

    def _validation(self) -> Literal["given", "folds", "split"]:
        if self.X_valid is not None:
            return "given"
        return "split" if self.cv_splits_indices is None else "folds"


@dataclass(frozen=True)
class DataSummary:
    """Size and kind of a `Dataset`.

    Attributes
    ----------
    task:
        ``classification`` or ``regression``.
    n_rows, n_columns:
        Size of the training part.
    sparse:
        Whether X is a sparse matrix.
    weighted:
        Whether there are sample weights.
    class_counts:
        Number of training rows of each class; ``None`` for regression.
    validation:
        ``given`` for data with its own validation part, ``folds`` for the user's own splits, else
        ``split``.
    fingerprint:
        Hash of the data, see `engine.data.fingerprint`: equal on two nodes that hold the same.
    notes:
        Warnings for the user, one sentence each.
    purposes:
        Type -> number of columns of that type; empty where no columns are featurized.
    values_a_row:
        Stored values of a row of a sparse X, in the mean; ``None`` for a dense X.
    """

    task: Task
    n_rows: int
    n_columns: int
    sparse: bool
    weighted: bool
    class_counts: tuple[int, ...] | None
    validation: Literal["given", "folds", "split"]
    fingerprint: str
    notes: tuple[str, ...] = ()
    purposes: Mapping[str, int] = field(default_factory=dict)
    values_a_row: float | None = None
