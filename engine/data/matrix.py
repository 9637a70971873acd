"""Checks of a feature matrix: two-dimensional, named, numeric, finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.data.dataset import Matrix
from engine.errors import DataException

_HOW_TO_ENCODE = (
    "Without featurization only numeric columns can be used: leave out preprocess=False or "
    "featurization='off', or encode or drop them"
)


def as_frame(table: Any, name: str) -> pd.DataFrame:
    if isinstance(table, pd.DataFrame):
        return table
    if hasattr(table, "to_pandas"):  # pyarrow Table, polars DataFrame, Ray Dataset
        frame = table.to_pandas()
        if isinstance(frame, pd.DataFrame):
            return frame
    raise DataException(
        f"{name} is {describe(table)}; allowed are a pandas, polars or pyarrow table, "
        "a Ray Dataset, or the path of a CSV or Parquet file"
    )


def check_matrix(
    X: Any, name: str, feature_names: Any = None, any_type: bool = False
) -> tuple[Matrix, tuple[str, ...]]:
    """A two-dimensional matrix and its column names.

    Numeric; with ``any_type`` columns may hold anything, and what is not numeric is a DataFrame.
    """
    if hasattr(X, "to_pandas") and not isinstance(X, pd.DataFrame):
        X = as_frame(X, name)
    if isinstance(X, pd.Series):
        X = X.to_frame()
    if sparse.issparse(X):
        matrix: Matrix = sparse.csr_matrix(X)
    elif isinstance(X, pd.DataFrame):
        matrix = X.reset_index(drop=True)
    else:
        try:
            matrix = np.asarray(X)
        except ValueError as error:
            raise DataException(f"{name} is not a rectangular table: {error}") from error
    if matrix.ndim != 2:
        raise DataException(
            f"{name} has the shape {matrix.shape}; expected (n_rows, n_columns)"
            + (". A single column is given as X.reshape(-1, 1)" if matrix.ndim == 1 else "")
        )
    if 0 in matrix.shape:
        raise DataException(f"{name} is empty: its shape is {matrix.shape}")
    names = _column_names(matrix, name, feature_names)
    if any_type and isinstance(matrix, np.ndarray) and matrix.dtype.kind not in "fiub":
        matrix = pd.DataFrame(matrix, columns=list(names)).infer_objects()
    if isinstance(matrix, pd.DataFrame):
        if not any_type:
            _check_numeric_frame(matrix, name)
    elif not sparse.issparse(matrix):
        matrix = _as_float_array(matrix, name, names)
    elif matrix.dtype.kind not in "fiub":
        raise DataException(f"{name} is a sparse matrix of {matrix.dtype}; expected numbers")
    _no_infinity(matrix, name, names)
    return matrix, names


def _column_names(matrix: Matrix, name: str, feature_names: Any) -> tuple[str, ...]:
    if feature_names is not None:
        names = tuple(str(column) for column in feature_names)
        if len(names) != matrix.shape[1]:
            raise DataException(
                f"feature_names has {len(names)} names, {name} has {matrix.shape[1]} columns"
            )
    elif isinstance(matrix, pd.DataFrame):
        names = tuple(str(column) for column in matrix.columns)
    else:
        names = tuple(f"column_{index}" for index in range(matrix.shape[1]))
    no_duplicates(names, name)
    return names


def no_duplicates(names: Sequence[str], name: str) -> None:
    counts = pd.Series(list(names)).value_counts()
    repeated = [str(column) for column in counts.index[counts > 1]]
    if repeated:
        raise DataException(
            f"{name} has more than one column named {repeated[:10]}; column names must be unique"
        )


def _check_numeric_frame(frame: pd.DataFrame, name: str) -> None:
    bad = {
        str(column): str(dtype)
        for column, dtype in frame.dtypes.items()
        if not (pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_bool_dtype(dtype))
        or pd.api.types.is_complex_dtype(dtype)
    }
    if bad:
        listed = ", ".join(f"{column!r} ({dtype})" for column, dtype in list(bad.items())[:10])
        more = f" and {len(bad) - 10} more" if len(bad) > 10 else ""
        raise DataException(f"{name} has columns that are not numeric: {listed}{more}. "
                            f"{_HOW_TO_ENCODE}")  # fmt: skip


def _as_float_array(array: NDArray[Any], name: str, names: tuple[str, ...]) -> NDArray[Any]:
    if array.dtype.kind == "f" and array.dtype.itemsize in (4, 8):
        return np.ascontiguousarray(array)
    if array.dtype.kind in "fiub":
        return array.astype(np.float64)
    if array.dtype.kind == "O":
        bad = []
        columns = np.empty(array.shape, dtype=np.float64)
        for index, column in enumerate(names):
            try:
                if any(isinstance(value, str) for value in array[:, index]):
                    raise TypeError  # "1.5" would convert, yet text is text in every row
                columns[:, index] = pd.Series(array[:, index]).astype("float64")
            except (TypeError, ValueError):
                bad.append(column)
        if not bad:
            return columns
    else:
        bad = list(names)
    raise DataException(
        f"{name} has columns that are not numeric: {bad[:10]} (of dtype {array.dtype}). "
        f"{_HOW_TO_ENCODE}"
    )


def _no_infinity(matrix: Matrix, name: str, names: tuple[str, ...]) -> None:
    if sparse.issparse(matrix):
        bad = np.unique(matrix.indices[np.isinf(matrix.data)])
    elif isinstance(matrix, pd.DataFrame):
        floats = [
            index for index, dtype in enumerate(matrix.dtypes) if getattr(dtype, "kind", "") == "f"
        ]
        bad = np.array(
            [
                index
                for index in floats
                if np.isinf(matrix.iloc[:, index].to_numpy(dtype=np.float64, na_value=np.nan)).any()
            ],
            dtype=int,
        )
    else:
        # The sum of finite numbers can only overflow when they are huge: look closer just then.
        if np.isfinite(matrix.sum()):
            return
        bad = np.flatnonzero(np.isinf(matrix).any(axis=0))
    if len(bad):
        raise DataException(
            f"{name} has infinite values in the columns {[names[index] for index in bad[:10]]}; "
            "replace them, for example by NaN for a missing value"
        )


def take(X: Matrix, rows: NDArray[Any]) -> Matrix:
    return X[rows].reset_index(drop=True) if isinstance(X, pd.DataFrame) else X[rows]


def describe(value: object) -> str:
    if value is None:
        return "None"
    text = repr(value)
    return f"{type(value).__name__} ({text if len(text) <= 40 else text[:37] + '...'})"
