"""Checks of a feature matrix: two-dimensional, named, numeric, finite."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.data.dataset import Matrix, is_sparse
from engine.data.values import LARGEST, has_too_large, is_too_large, valid_text
from engine.errors import DataException

#: Methods by which tables of other libraries become pandas tables: that of pyarrow, polars and Ray,
#: and that of lazy tables such as `engine.data.tabular_dataset.TabularDataset`.
_CONVERSIONS = ("to_pandas", "to_pandas_dataframe")
_HOW_TO_ENCODE = (
    "Without featurization only numeric columns can be used: leave out preprocess=False or "
    "featurization='off', or encode or drop them"
)


def as_frame(table: object, name: str) -> pd.DataFrame:
    """Return a table of any supported kind as a pandas DataFrame.

    Parameters
    ----------
    table:
        A pandas, polars or pyarrow table, a Ray Dataset, or anything with a method ``to_pandas`` or
        ``to_pandas_dataframe`` that returns a pandas table.
    name:
        Name of the table in error messages.

    Raises
    ------
    DataException
        For anything else.
    """
    frame = in_pandas(table)
    if isinstance(frame, pd.DataFrame):
        return frame
    raise DataException(
        f"{name} is {describe(table)}; allowed are a pandas, polars or pyarrow table, "
        "a Ray Dataset, or the path of a CSV or Parquet file"
    )


def is_foreign_table(value: object) -> bool:
    """Whether a value is a table or column of another library, which `in_pandas` converts.

    Examples
    --------
    >>> import pyarrow
    >>> is_foreign_table(pyarrow.table({"a": [1]})), is_foreign_table(pd.DataFrame())
    (True, False)
    """
    return not isinstance(value, pd.DataFrame | pd.Series | pd.Index) and any(
        callable(getattr(value, method, None)) for method in _CONVERSIONS
    )


def in_pandas(value: Any) -> Any:
    """Return a table or column of another library in pandas, anything else as it is.

    Examples
    --------
    >>> import pyarrow
    >>> in_pandas(pyarrow.table({"a": [1]}))["a"].tolist(), in_pandas([1, 2])
    ([1], [1, 2])
    """
    if not is_foreign_table(value):
        return value
    method = next(name for name in _CONVERSIONS if callable(getattr(value, name, None)))
    return getattr(value, method)()


def check_matrix(
    X: object,
    name: str,
    feature_names: Iterable[object] | None = None,
    any_type: bool = False,
) -> tuple[Matrix, tuple[str, ...]]:
    """Return a two-dimensional matrix and its column names.

    Parameters
    ----------
    X:
        (n_rows, n_columns): list, numpy array, scipy sparse matrix, or pandas, polars or pyarrow
        table.
    name:
        Name of the matrix in error messages.
    feature_names:
        Column names; default: those of the table, else ``column_0``, ``column_1``, ...
    any_type:
        Whether columns may hold dates, texts and categories. An array with such columns becomes a
        DataFrame.

    Returns
    -------
    tuple
        A float array, a DataFrame or a CSR matrix, and the names as strings.

    Raises
    ------
    DataException
        When it is empty, not two-dimensional, has values that are infinite or beyond single
        precision, has repeated names, or has columns that are not numeric although they must be.

    Examples
    --------
    >>> check_matrix([[1, 2], [3, 4]], "X")
    (array([[1., 2.],
           [3., 4.]]), ('column_0', 'column_1'))
    """
    matrix = _as_table(X, name)
    names = _column_names(matrix, name, feature_names)
    if any_type and isinstance(matrix, np.ndarray) and matrix.dtype.kind not in "fiub":
        matrix = pd.DataFrame(matrix, columns=list(names)).infer_objects()
    if isinstance(matrix, pd.DataFrame):
        matrix = matrix.set_axis(list(names), axis=1)
        if not any_type:
            _check_numeric_frame(matrix, name)
    elif not is_sparse(matrix):
        matrix = _as_float_array(matrix, name, names)
    elif matrix.dtype.kind not in "fiub":
        raise DataException(f"{name} is a sparse matrix of {matrix.dtype}; expected numbers")
    _no_infinity(matrix, name, names)
    return matrix, names


def _as_table(X: object, name: str) -> Matrix:
    """Return an array, a DataFrame or a CSR matrix with rows and columns."""
    if is_foreign_table(X):
        X = as_frame(X, name)
    if isinstance(X, pd.Series):
        X = X.to_frame()
    if is_sparse(X):
        matrix: Matrix = sparse.csr_matrix(X)
    elif isinstance(X, pd.DataFrame):
        matrix = X.reset_index(drop=True)
    else:
        try:
            matrix = np.asarray(unmasked(X))
        except ValueError as error:
            raise DataException(f"{name} is not a rectangular table: {error}") from error
    if matrix.ndim != 2:
        raise DataException(
            f"{name} has the shape {matrix.shape}; expected (n_rows, n_columns)"
            + (". A single column is given as X.reshape(-1, 1)" if matrix.ndim == 1 else "")
        )
    if 0 in matrix.shape:
        raise DataException(f"{name} is empty: its shape is {matrix.shape}")
    return matrix


def _column_names(
    matrix: Matrix, name: str, feature_names: Iterable[object] | None
) -> tuple[str, ...]:
    if feature_names is not None:
        names = _given_names(feature_names)
        if len(names) != matrix.shape[1]:
            raise DataException(
                f"feature_names has {len(names)} names, {name} has {matrix.shape[1]} columns"
            )
        if isinstance(matrix, pd.DataFrame) and text_names(matrix.columns) != list(names):
            raise DataException(
                f"feature_names names the columns of an array; {name} is a table with the columns "
                f"{list(matrix.columns)[:20]}: rename these, or leave feature_names out"
            )
    elif isinstance(matrix, pd.DataFrame):
        names = tuple(text_names(matrix.columns))
    else:
        names = tuple(f"column_{index}" for index in range(matrix.shape[1]))
    no_duplicates(names, name)
    return names


def _given_names(feature_names: Iterable[object]) -> tuple[str, ...]:
    if isinstance(feature_names, str):
        raise DataException(f"feature_names is the text {feature_names!r}; give a list of names")
    try:
        return tuple(text_names(feature_names))
    except TypeError as error:
        raise DataException(
            f"feature_names is {describe(feature_names)}; give a list of names"
        ) from error


def no_duplicates(names: Sequence[str], name: str) -> None:
    """Raise `DataException` when a column name occurs twice.

    Examples
    --------
    >>> no_duplicates(["a", "b", "a"], "X")
    Traceback (most recent call last):
    ...
    engine.errors.DataException: X has more than one column named ['a']; column names must be unique
    """
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
    bad = list(names)
    if array.dtype.kind == "O":
        columns, bad = _objects_as_floats(array, names)
        if not bad:
            return columns
    raise DataException(
        f"{name} has columns that are not numeric: {bad[:10]} (of dtype {array.dtype}). "
        f"{_HOW_TO_ENCODE}"
    )


def _objects_as_floats(
    array: NDArray[Any], names: Sequence[str]
) -> tuple[NDArray[np.float64], list[str]]:
    """Return the columns of an object array as floats, and the names of those that are none."""
    bad = []
    columns = np.empty(array.shape, dtype=np.float64)
    for index, column in enumerate(names):
        try:
            if any(isinstance(value, str) for value in array[:, index]):
                raise TypeError  # "1.5" would convert, yet text is text in every row
            columns[:, index] = pd.Series(array[:, index]).astype("float64")
        except OverflowError:
            columns[:, index] = np.inf
        except (TypeError, ValueError):
            bad.append(column)
    return columns, bad


def _no_infinity(matrix: Matrix, name: str, names: Sequence[str]) -> None:
    bad = _too_large_columns(matrix)
    if bad:
        refuse_too_large(name, [names[index] for index in bad])


def refuse_too_large(name: str, columns: Sequence[str]) -> NoReturn:
    """Raise the `DataException` for columns with infinite or too large values."""
    raise DataException(
        f"{name} has infinite values, or values beyond {LARGEST:.1e}, in the columns "
        f"{list(columns[:10])}; replace them, for example by NaN for a missing value"
    )


def _too_large_columns(matrix: Matrix) -> list[int]:
    """Return the numbers of the columns that hold an infinite or too large value."""
    if is_sparse(matrix):
        return np.unique(matrix.indices[is_too_large(matrix.data)]).tolist()
    if isinstance(matrix, pd.DataFrame):
        return [
            index
            for index, dtype in enumerate(matrix.dtypes)
            if getattr(dtype, "kind", "") == "f"
            and has_too_large(matrix.iloc[:, index].to_numpy(dtype=np.float64, na_value=np.nan))
        ]
    if not has_too_large(matrix):
        return []
    return np.flatnonzero(is_too_large(matrix).any(axis=0)).tolist()


def unmasked(array: object) -> object:
    """Return a numpy masked array with missing values in place of the masked ones.

    Examples
    --------
    >>> unmasked(np.ma.masked_array([1, 2], mask=[False, True]))
    array([ 1., nan])
    """
    if not isinstance(array, np.ma.MaskedArray):
        return array
    if not np.ma.is_masked(array):
        return array.data
    is_numeric = array.dtype.kind in "fiub"
    filled: NDArray[Any] = np.array(array.data, dtype=np.float64 if is_numeric else object)
    filled[np.ma.getmaskarray(array)] = np.nan if is_numeric else None
    return filled


def text_names(names: Iterable[object]) -> list[str]:
    """Return column names as texts.

    Raises
    ------
    DataException
        When a name is not valid Unicode.

    Examples
    --------
    >>> text_names(["a", 0, ("b", 1)])
    ['a', '0', "('b', 1)"]
    """
    texts = [str(name) for name in names]
    broken = [text for text in texts if valid_text(text) != text]
    if broken:
        raise DataException(f"the column names {broken[:10]!a} are not valid Unicode; rename them")
    return texts


def has_names(X: object) -> bool:
    """Whether the user named the columns: a table has names, an array or a list has none."""
    return isinstance(X, pd.DataFrame | pd.Series) or is_foreign_table(X)


def take(X: Matrix, rows: NDArray[Any]) -> Matrix:
    """Return the rows of a boolean mask; a DataFrame's rows are numbered anew.

    Examples
    --------
    >>> take(pd.DataFrame({"a": [5, 6, 7]}), np.array([False, True, True])).index.tolist()
    [0, 1]
    """
    return X[rows].reset_index(drop=True) if isinstance(X, pd.DataFrame) else X[rows]


def describe(value: object) -> str:
    """Return type and value, shortened, for an error message.

    Examples
    --------
    >>> describe([1, 2])
    'list ([1, 2])'
    """
    if value is None:
        return "None"
    text = repr(value)
    return f"{type(value).__name__} ({text if len(text) <= 40 else text[:37] + '...'})"
