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

from engine.data.dataset import Matrix
from engine.errors import DataException


class NumericMatrix(TransformerMixin, BaseEstimator):
    """Turn raw numeric columns into a float matrix, and fill missing values on request.

    Columns of a DataFrame are found by name: their order may differ from training, further columns
    are ignored, and a missing column raises `DataException`.

    Parameters
    ----------
    fill_missing:
        Replace NaN by the column's mean in training, 0 for a column without values. Otherwise NaN
        is passed on, for estimators that handle it themselves.

    Attributes
    ----------
    n_features_in_:
        Number of columns seen in `fit`.
    feature_names_in_:
        Their names, when `fit` saw a DataFrame.
    fill_values_:
        (n_features_in_,) means in training; only with ``fill_missing``.

    Examples
    --------
    >>> NumericMatrix().fit_transform(np.array([[1.0, 4.0], [np.nan, 6.0]])).tolist()
    [[1.0, 4.0], [1.0, 6.0]]
    """

    def __init__(self, fill_missing: bool = True) -> None:
        self.fill_missing = fill_missing

    def fit(self, X: Matrix, y: NDArray[Any] | None = None) -> NumericMatrix:
        """Take over the columns' names and, to fill missing values, their means."""
        self.n_features_in_ = X.shape[1]
        if isinstance(X, pd.DataFrame):
            self.feature_names_in_ = np.array([str(name) for name in X.columns], dtype=object)
        elif hasattr(self, "feature_names_in_"):
            del self.feature_names_in_
        if self.fill_missing:
            self.fill_values_ = _column_means(self._as_matrix(X))
        return self

    def transform(self, X: Matrix) -> Matrix:
        """Return X as floats; an array without NaN is not copied.

        Raises
        ------
        DataException
            When ``X`` lacks a column, has another width, or values that are not numbers.

        Examples
        --------
        >>> train = pd.DataFrame({"a": [1.0, 3.0], "b": [5.0, 7.0]})
        >>> matrix = NumericMatrix().fit(train)
        >>> matrix.transform(pd.DataFrame({"b": [6.0], "more": [0.0], "a": [None]})).tolist()
        [[2.0, 6.0]]
        """
        check_is_fitted(self, "n_features_in_")
        matrix = self._as_matrix(X)
        if not self.fill_missing:
            return matrix
        values = matrix.data if sparse.issparse(matrix) else matrix
        missing = np.isnan(values)
        if not missing.any():
            return matrix
        filled = matrix.copy()
        if sparse.issparse(matrix):
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

    def get_featurization_summary(self) -> list[dict[str, Any]]:
        """Return the summary of `DataTransformer`, in which every column is numeric and kept."""
        steps = ["Imputer"] if self.fill_missing else []
        return [
            {
                "RawFeatureName": name,
                "TypeDetected": "Numeric",
                "Dropped": "No",
                "Reason": "",
                "EngineeredFeatureCount": 1,
                "Transformations": steps,
            }
            for name in self.get_engineered_feature_names()
        ]

    def _as_matrix(self, X: Matrix) -> Matrix:
        if isinstance(X, pd.DataFrame):
            X = self._select(X)
        if sparse.issparse(X):
            # 32-bit indices: scikit-learn's linear models refuse wider ones.
            X = sparse.csr_matrix(X)
            matrix = X if X.dtype.kind == "f" else X.astype(np.float64)
        else:
            matrix = _as_array(X)
        if matrix.ndim != 2 or matrix.shape[1] != self.n_features_in_:
            raise DataException(
                f"X has the shape {matrix.shape}; the model was fitted with "
                f"{self.n_features_in_} columns and expects (n_rows, {self.n_features_in_})"
            )
        return matrix

    def _select(self, frame: pd.DataFrame) -> pd.DataFrame:
        names = getattr(self, "feature_names_in_", None)
        if names is None:
            return frame
        columns = pd.Index([str(name) for name in frame.columns])
        if columns.equals(pd.Index(names)):
            return frame
        missing = [str(name) for name in names if name not in columns]
        if missing:
            raise DataException(
                f"X lacks the columns {missing[:20]}, which the model was fitted with"
            )
        return frame.iloc[:, columns.get_indexer(pd.Index(names))]


def _as_array(X: Matrix) -> NDArray[Any]:
    try:
        if isinstance(X, pd.DataFrame):
            return X.to_numpy(dtype=np.float64, na_value=np.nan)
        array = np.asarray(X)
        return array if array.dtype.kind == "f" else array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise DataException(f"X has values that are not numbers: {error}") from error


def _column_means(matrix: Matrix) -> NDArray[np.float64]:
    if sparse.issparse(matrix):
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
