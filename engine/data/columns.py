"""Column types, inferred from a table: numbers, categories, dates, text, or not used."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.errors import DataException

#: A column with more categories than this is ``CategoricalHash``.
FEW_CATEGORIES = 30

_ID_NAME = re.compile(r"(^|[_\W])(?i:id|uuid|guid|rowid|row_id|index)$|[a-z]I[dD]$")
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
    """

    name: str
    purpose: str
    reason: str = ""


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


def normalise(series: pd.Series, purpose: str) -> pd.Series:
    """Return a column's values in the form of their type, the same at training and prediction.

    Parameters
    ----------
    series:
        The column.
    purpose:
        Its type. ``Numeric`` gives float64, with NaN for values that are not numbers.
        ``Categorical`` and ``CategoricalHash`` give a pandas categorical of texts, where ``1``,
        ``1.0`` and ``"1"`` are the same category. ``DateTime`` gives datetime64 in UTC without
        time zone, ``Text`` gives str with ``""`` for missing. ``Ignore`` changes nothing.

    Examples
    --------
    >>> normalise(pd.Series(["1.5", "many"]), "Numeric").tolist()
    [1.5, nan]
    >>> normalise(pd.Series([1, 1.0, "1", None], dtype=object), "Categorical").tolist()
    ['1', '1', '1', nan]
    >>> str(normalise(pd.Series(["2024-05-01T12:00+02:00"]), "DateTime")[0])
    '2024-05-01 10:00:00'
    """
    match purpose:
        case "Numeric":
            return _as_numbers(series)
        case "Categorical" | "CategoricalHash":
            return _as_categories(series)
        case "DateTime":
            return _as_dates(series)
        case "Text":
            return series.astype(object).where(series.notna(), "").astype(str)
    return series


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
        return _infer_numbers(_as_numbers(series).to_numpy(), name)
    try:
        uniques = series.dropna().unique()
    except TypeError:
        return "Ignore", "its values are not single values"
    values = list(uniques[:_SAMPLE])
    if not isinstance(dtype, pd.CategoricalDtype):
        if not any(isinstance(value, str) for value in values):
            if not _all_numbers(values):
                return _infer_other(series, values)
            return _infer_numbers(_as_numbers(series).to_numpy(), name)
        if len(uniques) > 10 and _share_of_numbers(values) >= 0.99:
            return _infer_numbers(_as_numbers(series).to_numpy(), name)
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
    try:
        parsed = pd.to_numeric(pd.Series(list(values), dtype=object), errors="coerce")
    except TypeError:
        return 0.0
    return float(parsed.notna().mean())


def _look_like_dates(values: Sequence[Any]) -> bool:
    texts = [str(value) for value in values[:200]]
    if np.mean([bool(_DATE_LOOK.search(text)) for text in texts]) < 0.95:
        return False
    return bool(_as_dates(pd.Series(texts, dtype=object)).notna().mean() >= 0.95)


def _as_numbers(series: pd.Series) -> pd.Series:
    if series.dtype == np.float64:
        return series
    if pd.api.types.is_timedelta64_dtype(series.dtype):
        return series.dt.total_seconds()
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    numbers = pd.to_numeric(series, errors="coerce")
    numbers = pd.Series(numbers.to_numpy(dtype=np.float64, na_value=np.nan), index=series.index)
    # Infinity at prediction time counts as missing; training data never contains it.
    return numbers.where(np.isfinite(numbers.to_numpy()), np.nan)


def _as_categories(series: pd.Series) -> pd.Series:
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, uniques = series.cat.codes.to_numpy(), list(series.cat.categories)
        if all(type(value) is str for value in uniques):
            return series
    else:
        try:
            codes, found = pd.factorize(series)
            uniques = list(found)
        except TypeError:  # unhashable values
            codes, found = pd.factorize(series.astype(object).map(repr))
            uniques = list(found)
    labels: dict[str, int] = {}
    place = np.array([labels.setdefault(_label(v), len(labels)) for v in uniques], dtype=np.int64)
    renumbered = [-1] * len(codes) if not len(place) else np.where(codes < 0, -1, place[codes])
    categories = pd.Index(list(labels))
    return pd.Series(pd.Categorical.from_codes(list(renumbered), categories), index=series.index)


def _label(value: Any) -> str:
    if isinstance(value, float | np.floating) and value == np.floor(value):
        return str(int(value))
    return str(value)


def _as_dates(series: pd.Series) -> pd.Series:
    if isinstance(series.dtype, pd.PeriodDtype):
        series = series.dt.to_timestamp()
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if pd.api.types.is_datetime64_any_dtype(series.dtype):
            dates = pd.to_datetime(series, errors="coerce", utc=True)
        else:
            dates = pd.to_datetime(series, errors="coerce", utc=True, format="mixed")
    return dates.dt.tz_localize(None)
