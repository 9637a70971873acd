"""First step of a pipeline over numbers alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from engine.data.alignment import align
from engine.data.dataset import Matrix, is_sparse
from engine.data.matrix import text_names
from engine.data.reading import as_numbers
from engine.data.values import has_too_large, without_too_large


class NumericMatrix(TransformerMixin, BaseEstimator):
    """Turn raw numeric columns into a float matrix, and fill missing values on request.

    Columns of a table are found by name: their order may differ from training, further columns are
    ignored, and a missing column raises `DataException`. Without names a table is taken by
    position, like an array. Values that are not numbers, infinite or beyond single precision count
    as missing, with an `UnreadableValuesWarning`.

    Parameters
    ----------
    fill_missing:
        Replace NaN by the column's mean in training, 0 for a column without values. Otherwise NaN
        is passed on, for estimators that handle it themselves.
    names:
        Names of the columns, where `fit` sees an array of columns that have names. Default: those
        of the table that `fit` sees, if it is one.

    Attributes
    ----------
    n_features_in_:
        Number of columns seen in `fit`.
    feature_names_in_:
        Their names; only where there are any.
    fill_values_:
        (n_features_in_,) means in training; only with ``fill_missing``.

    Examples
    --------
    >>> NumericMatrix().fit_transform(np.array([[1.0, 4.0], [np.nan, 6.0]])).tolist()
    [[1.0, 4.0], [1.0, 6.0]]
    """

    def __init__(self, fill_missing: bool = True, names: Sequence[str] | None = None) -> None:
        self.fill_missing = fill_missing
        self.names = names

    def fit(self, X: Matrix, y: NDArray[Any] | None = None) -> NumericMatrix:
        """Take over the columns' names and, to fill missing values, their means."""
        self.n_features_in_ = X.shape[1]
        names = self.names
        if names is None and isinstance(X, pd.DataFrame):
            names = text_names(X.columns)
        if names is not None:
            self.feature_names_in_ = np.array(names, dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if self.fill_missing:
            self.fill_values_ = _column_means(self.read(X))
        return self

    def transform(self, X: Matrix) -> Matrix:
        """Return X as floats; an array without NaN is not copied.

        Raises
        ------
        DataException
            When ``X`` has no rows, lacks a column or has another width.

        Examples
        --------
        >>> train = pd.DataFrame({"a": [1.0, 3.0], "b": [5.0, 7.0]})
        >>> matrix = NumericMatrix().fit(train)
        >>> matrix.transform(pd.DataFrame({"b": [6.0], "more": [0.0], "a": [None]})).tolist()
        [[2.0, 6.0]]
        """
        check_is_fitted(self, "n_features_in_")
        matrix = self.read(X)
        if not self.fill_missing:
            return matrix
        values = matrix.data if is_sparse(matrix) else matrix
        missing = np.isnan(values)
        if not missing.any():
            return matrix
        filled = matrix.copy()
        if is_sparse(matrix):
            filled.data[missing] = self.fill_values_[matrix.indices[missing]]
        else:
            filled[missing] = np.broadcast_to(self.fill_values_, matrix.shape)[missing]
        return filled

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[Any]:
        """Return the columns' names, or ``column_0``, ``column_1``, ... without names."""
        check_is_fitted(self, "n_features_in_")
        if input_features is not None:
            return np.asarray(input_features, dtype=object)
        names = getattr(self, "feature_names_in_", None)
        if names is not None:
            return np.asarray(names)
        return np.array([f"column_{i}" for i in range(self.n_features_in_)], dtype=object)

    def get_engineered_feature_names(self) -> list[str]:
        """Return the names of the columns that the estimator sees, in their order."""
        return [str(name) for name in self.get_feature_names_out()]

    def get_source_columns(self) -> list[str]:
        """See `DataTransformer.get_source_columns`: every column stays itself."""
        return self.get_engineered_feature_names()

    def get_featurization_summary(self, is_user_friendly: bool = True) -> list[dict[str, Any]]:
        """Return the summary of `DataTransformer`, in which every column is numeric and kept."""
        steps = ["Imputer"] if self.fill_missing else []
        params: dict[str, Any] = (
            {} if is_user_friendly else {"TransformationParams": {s: {} for s in steps}}
        )
        return [
            {
                "RawFeatureName": name,
                "TypeDetected": "Numeric",
                "Dropped": "No",
                "Reason": "",
                "EngineeredFeatureCount": 1,
                "Transformations": steps,
                **params,
            }
            for name in self.get_engineered_feature_names()
        ]

    def get_stats_feature_type_summary(self) -> list[dict[str, Any]]:
        """Return a dict for each raw column: ``RawFeatureName`` and ``TypeDetected``."""
        names = self.get_engineered_feature_names()
        return [{"RawFeatureName": name, "TypeDetected": "Numeric"} for name in names]

    def read(self, X: Matrix) -> Matrix:
        """Return X as floats in the columns of training, NaN for missing values."""
        check_is_fitted(self, "n_features_in_")
        names = getattr(self, "feature_names_in_", None)
        X = align(X, list(self.get_feature_names_out()), named=names is not None)
        if is_sparse(X):
            # 32-bit indices: scikit-learn's linear models refuse wider ones.
            matrix = X if X.dtype.kind == "f" else X.astype(np.float64)
            if has_too_large(matrix.data):
                matrix = matrix.copy()
                matrix.data = without_too_large(matrix.data)
            return matrix
        if isinstance(X, np.ndarray) and X.dtype.kind in "fiub":
            matrix = X if X.dtype.kind == "f" else X.astype(np.float64)
            if not has_too_large(matrix):
                return matrix
        if isinstance(X, np.ndarray):
            X = pd.DataFrame(X, columns=list(self.get_feature_names_out()))
        return as_numbers(X)


def _column_means(matrix: Matrix) -> NDArray[np.float64]:
    if is_sparse(matrix):
        total: NDArray[np.float64] = np.asarray(
            sparse.csr_matrix(
                (np.nan_to_num(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape
            ).sum(axis=0)
        ).ravel()
        absent = np.bincount(matrix.indices[np.isnan(matrix.data)], minlength=matrix.shape[1])
    else:
        present = ~np.isnan(matrix)
        total = np.asarray(np.sum(matrix, axis=0, where=present, dtype=np.float64))
        absent = matrix.shape[0] - present.sum(axis=0)
    known = matrix.shape[0] - absent
    return np.divide(total, known, out=np.zeros(len(total)), where=known > 0)
