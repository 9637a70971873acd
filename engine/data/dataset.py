"""`Dataset`: training data that passed every check, and its summary."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.metrics.metric import Task

Matrix = Any  # numpy array, pandas DataFrame or scipy CSR matrix, two-dimensional
Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def rows_of(X: Matrix, rows: NDArray[Any]) -> Matrix:
    """Some rows of a table, by their numbers."""
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


@dataclass(frozen=True)
class Layout:
    """What the columns of a table are, and what the user wants done with them."""

    columns: tuple[Column, ...]
    config: FeaturizationConfig


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
    sample_weight:
        (n_rows,) float64, or ``None``.
    X_valid, y_valid, sample_weight_valid:
        A validation part kept out of training, or ``None``.
    cv_splits_indices:
        (train rows, validation rows) a fold as the user gave them, or ``None``.
    feature_names:
        Raw column names, as strings.
    notes:
        Warnings for the user, a sentence each.
    positive:
        The code of the positive class of two, where the user has named one.
    layout:
        How the columns are featurized; ``None`` where X is numeric and needs none of it.
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

    @property
    def task(self) -> Task:
        return "regression" if self.classes is None else "classification"

    @property
    def n_rows(self) -> int:
        return len(self.y)

    def target(self, labels: NDArray[Any]) -> NDArray[Any]:
        """Labels as class codes (int64); a regression target as it is (float64)."""
        return labels if self.classes is None else np.searchsorted(self.classes, labels)

    def without_features(self) -> Dataset:
        """The same with no columns in X: what scoring and splitting need, and small."""
        X_valid = self.X_valid
        if X_valid is not None:
            X_valid = np.empty((X_valid.shape[0], 0))
        return replace(self, X=np.empty((self.n_rows, 0)), X_valid=X_valid, layout=None)

    def summary(self) -> DataSummary:
        """What the search must know of the data without holding it."""
        counts = None if self.classes is None else np.unique(self.y, return_counts=True)[1]
        digest = hashlib.sha256(repr(self.X.shape).encode())
        digest.update(np.ascontiguousarray(self.target(self.y)).tobytes())
        return DataSummary(
            task=self.task,
            n_rows=self.n_rows,
            n_columns=self.X.shape[1],
            sparse=sparse.issparse(self.X),
            weighted=self.sample_weight is not None,
            class_counts=None if counts is None else tuple(int(count) for count in counts),
            validation="given" if self.X_valid is not None else "split",
            fingerprint=digest.hexdigest()[:16],
            notes=self.notes,
        )


@dataclass(frozen=True)
class DataSummary:
    """Size and kind of a `Dataset`; ``fingerprint`` tells whether two nodes hold the same one."""

    task: Task
    n_rows: int
    n_columns: int
    sparse: bool
    weighted: bool
    class_counts: tuple[int, ...] | None
    validation: Literal["given", "split"]
    fingerprint: str
    notes: tuple[str, ...] = ()
