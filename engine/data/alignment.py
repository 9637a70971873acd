"""Rows of any kind, brought into the columns that training had: by name where there are names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.dataset import Matrix, is_sparse
from engine.data.matrix import as_frame, describe, is_foreign_table, text_names, unmasked
from engine.errors import DataException


def align(
    X: object,
    names: Sequence[str],
    *,
    named: bool = True,
    needed: Collection[str] | None = None,
    what: str = "X",
) -> Matrix:
    """Return rows in the columns of training.

    Columns of a table are found by name: their order is free and further columns are left out. An
    array has the columns of training in their order.

    Parameters
    ----------
    X:
        (n_rows, n_columns): list, numpy array, scipy sparse matrix, or pandas, polars or pyarrow
        table.
    names:
        Names of the training columns, in their order.
    named:
        Whether these names are the user's. Where they are not, a table without columns of these
        names is taken by position.
    needed:
        Names that a table must have; default: all.
    what:
        Name of the rows in error messages.

    Returns
    -------
    numpy.ndarray, pandas.DataFrame or scipy.sparse.csr_matrix
        A DataFrame has columns of ``names``, as far as they are there, in their order.

    Raises
    ------
    DataException
        When there are no rows, a column is missing or comes twice, the width of an array is
        another one, or ``X`` is no table.

    Examples
    --------
    >>> table = pd.DataFrame({"b": [6.0], "more": [0.0], "a": [5.0]})
    >>> align(table, ["a", "b"]).to_dict("records")
    [{'a': 5.0, 'b': 6.0}]
    >>> align(table[["b"]], ["a", "b"])
    Traceback (most recent call last):
    ...
    engine.errors.DataException: X lacks the columns ['a'], which the model was fitted with
    """
    if is_foreign_table(X):
        X = as_frame(X, what)
    if isinstance(X, pd.DataFrame):
        rows: Matrix = _aligned_frame(X, names, named, needed, what)
    else:
        rows = sparse.csr_matrix(X) if is_sparse(X) else _as_array(X, what)
        _check_width(rows.shape, names, what)
    if not rows.shape[0]:
        raise DataException(f"{what} has no rows; give at least one")
    return rows


def _aligned_frame(
    frame: pd.DataFrame,
    names: Sequence[str],
    named: bool,
    needed: Collection[str] | None,
    what: str,
) -> pd.DataFrame:
    found = text_names(frame.columns)
    if found == list(names):
        return frame if list(frame.columns) == found else frame.set_axis(found, axis=1)
    missing = [name for name in (names if needed is None else needed) if name not in set(found)]
    if missing and not named:
        _check_width(frame.shape, names, what)
        return frame.set_axis(list(names), axis=1)
    if missing:
        raise DataException(
            f"{what} lacks the columns {missing[:20]}, which the model was fitted with"
        )
    place: dict[str, int] = {}
    wanted, repeated = set(names), set()
    for index, name in enumerate(found):
        if name in wanted:
            repeated |= {name} & place.keys()
            place[name] = index
    if repeated:
        raise DataException(
            f"{what} has more than one column named {sorted(repeated)[:10]}; a column that the "
            "model was fitted with must be there once"
        )
    there = [name for name in names if name in place]
    return frame.iloc[:, [place[name] for name in there]].set_axis(there, axis=1)


def _as_array(X: object, what: str) -> np.ndarray:
    if isinstance(X, pd.Series):
        raise DataException(
            f"{what} is a pandas Series; give a table: {what}.to_frame().T for one row of it, "
            f"{what}.to_frame() for one column"
        )
    if isinstance(X, Mapping):
        raise DataException(
            f"{what} is {describe(X)}; give a table: pandas.DataFrame({what}) for columns, "
            f"pandas.DataFrame([{what}]) for one row"
        )
    if isinstance(X, Sequence) and len(X) and isinstance(X[0], Mapping):
        raise DataException(f"{what} is a list of dicts; give a table: pandas.DataFrame({what})")
    try:
        array: np.ndarray = np.asarray(unmasked(X))
    except ValueError as error:
        raise DataException(f"{what} is not a rectangular table: {error}") from error
    return array


def _check_width(shape: tuple[int, ...], names: Sequence[Any], what: str) -> None:
    if len(shape) != 2 or shape[1] != len(names):
        raise DataException(
            f"{what} has the shape {shape}; the model was fitted with {len(names)} "
            f"columns and expects (n_rows, {len(names)})"
        )
