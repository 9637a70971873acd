"""Column types, inferred from a table: numbers, categories, dates, text, or not used."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.values import normalise, parsed_numbers
from engine.errors import DataException

#: A column with more categories than this is ``CategoricalHash``.
FEW_CATEGORIES = 30

_ID_NAME = re.compile(r"(^|[_\W])(?i:id|uuid|guid|rowid|row_id|index)$|[a-z]I[dD]$")
#: Name that pandas gives to a column without a heading, as `DataFrame.to_csv` writes the index.
_NO_HEADING = re.compile(r"$|Unnamed: \d+$")
_ID_SHARE = 0.98
_SAMPLE = 500
_DATE_LOOK = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}:\d{2}")


@dataclass(frozen=True)
class Column:
    """A raw column and its type.

    Attributes
    ----------
    name:
        Name of the column.
    purpose:
        Its type, one of `engine.data.featurization.PURPOSES`.
    reason:
        Why it is ignored; empty for a column that is used.
    unreadable:
        Share of its values in training, between 0 and 1, that are not of its type and count as
        missing.
    """

    name: str
    purpose: str
    reason: str = ""
    unreadable: float = field(default=0.0, repr=False)


def infer_columns(
    X: pd.DataFrame | NDArray[Any],
    names: Sequence[str],
    purposes: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
) -> tuple[Column, ...]:
    """Infer the type of every column from its dtype, its values and, for IDs, its name.

    Constant columns, columns without values and IDs are ``Ignore``. The target plays no part.

    Parameters
    ----------
    X:
        (n_rows, n_columns) table.
    names:
        Column names.
    purposes:
        Column name -> type, where the user has named it.
    drop:
        Columns that the user left out.

    Raises
    ------
    DataException
        When the user named columns that ``X`` does not have, or every column is ignored.

    Examples
    --------
    >>> table = pd.DataFrame({
    ...     "age": [30, 41, 17], "city": ["Rome", "Oslo", "Rome"],
    ...     "born": ["1994-03-01", "1983-11-30", "2007-01-09"], "one": [1, 1, 1],
    ... })
    >>> for column in infer_columns(table, list(table.columns)):
    ...     print(column)
    Column(name='age', purpose='Numeric', reason='')
    Column(name='city', purpose='Categorical', reason='')
    Column(name='born', purpose='DateTime', reason='')
    Column(name='one', purpose='Ignore', reason='constant')
    """
    purposes = purposes or {}
    unknown = [name for name in (*purposes, *drop) if name not in names]
    if unknown:
        raise DataException(
            f"featurization names the columns {unknown[:10]}, which X does not have; it has "
            f"{list(names)[:50]}"
        )
    columns = []
    for index, name in enumerate(names):
        if name in drop:
            columns.append(Column(name, "Ignore", "dropped by the configuration"))
        elif name in purposes:
            reason = "ignored by the configuration" if purposes[name] == "Ignore" else ""
            columns.append(Column(name, purposes[name], reason))
        else:
            columns.append(Column(name, *_infer_column(X, index, name)))
    if all(column.purpose == "Ignore" for column in columns):
        reasons = "; ".join(f"{column.name}: {column.reason}" for column in columns[:10])
        raise DataException(f"X has no column to learn from ({reasons})")
    return tuple(columns)


def _infer_column(X: pd.DataFrame | NDArray[Any], index: int, name: str) -> tuple[str, str]:
    """Return the type of a column, and the reason when it is ignored."""
    if isinstance(X, pd.DataFrame):
        return _infer_series(X.iloc[:, index], name)
    return _infer_numbers(X[:, index], name)


def _infer_series(series: pd.Series, name: str) -> tuple[str, str]:
    if series.isna().all():
        return "Ignore", "all values are missing"
    dtype = series.dtype
    if pd.api.types.is_datetime64_any_dtype(dtype) or isinstance(dtype, pd.PeriodDtype):
        return _unless_constant(series, "DateTime")
    if pd.api.types.is_complex_dtype(dtype):
        return "Ignore", f"its type, {dtype}, is not supported"
    if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_timedelta64_dtype(dtype):
        return _infer_numbers(normalise(series, "Numeric").to_numpy(), name)
    try:
        uniques = series.dropna().unique()
    except (TypeError, NotImplementedError):
        return "Ignore", "its values are not single values"
    values = list(uniques[:_SAMPLE])
    if not isinstance(dtype, pd.CategoricalDtype):
        if not any(isinstance(value, str) for value in values):
            if not _all_numbers(values):
                return _infer_other(series, values)
            return _infer_numbers(normalise(series, "Numeric").to_numpy(), name)
        if len(uniques) > 10 and _share_of_numbers(values) >= 0.99:
            return _infer_numbers(normalise(series, "Numeric").to_numpy(), name)
        if _look_like_dates(values):
            return _unless_constant(series, "DateTime")
    n_present = int(series.notna().sum())
    words = float(np.mean([len(str(value).split()) for value in values]))
    many = len(uniques) > FEW_CATEGORIES
    if many and words >= 3:
        return "Text", ""
    if many and n_present >= 50 and len(uniques) >= _ID_SHARE * n_present:
        return "Ignore", "an ID: almost every value is another one"
    if len(uniques) == 1 and n_present == len(series):
        return "Ignore", "constant"
    return ("CategoricalHash" if many else "Categorical"), ""


def _infer_numbers(values: NDArray[Any], name: str) -> tuple[str, str]:
    missing = np.isnan(values)
    if missing.all():
        return "Ignore", "all values are missing"
    if not missing.any() and values.min() == values.max():
        return "Ignore", "constant"
    if _NO_HEADING.match(name) and len(values) > 1 and (np.diff(values) == 1).all():
        return "Ignore", "a row number: it has no heading and counts up"
    if (
        _ID_NAME.search(name)
        and len(values) >= 50
        and not missing.any()
        and (values == np.floor(values)).all()
        and len(np.unique(values)) == len(values)
    ):
        return "Ignore", "an ID: every value is another one"
    return "Numeric", ""


def _infer_other(series: pd.Series, values: list[Any]) -> tuple[str, str]:
    """Infer the type of a column of objects that are neither texts nor numbers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parsed = pd.to_datetime(pd.Series(values, dtype=object), errors="coerce", utc=True)
    if parsed.notna().all():
        return _unless_constant(series, "DateTime")
    return "Ignore", f"its values, of type {type(values[0]).__name__}, are not supported"


def _unless_constant(series: pd.Series, purpose: str) -> tuple[str, str]:
    if series.nunique(dropna=False) == 1:
        return "Ignore", "constant"
    return purpose, ""


def _all_numbers(values: Sequence[Any]) -> bool:
    return _share_of_numbers(values) == 1.0


def _share_of_numbers(values: Sequence[Any]) -> float:
    return float(parsed_numbers(pd.Series(list(values), dtype=object)).notna().mean())


def _look_like_dates(values: Sequence[Any]) -> bool:
    texts = [str(value) for value in values[:200]]
    if np.mean([bool(_DATE_LOOK.search(text)) for text in texts]) < 0.95:
        return False
    return bool(normalise(pd.Series(texts, dtype=object), "DateTime").notna().mean() >= 0.95)
