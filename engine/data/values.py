"""Values of a column in the form of its type, the same at training and at prediction."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd

#: Largest magnitude of a feature: beyond it scikit-learn's trees, which compute in single
#: precision, refuse a value.
LARGEST = float(np.finfo(np.float32).max)


def normalise(series: pd.Series, purpose: str) -> pd.Series:
    """Return a column's values in the form of their type, the same at training and prediction.

    Parameters
    ----------
    series:
        The column.
    purpose:
        Its type. ``Numeric`` gives float64, with NaN for values that are not numbers or beyond
        `LARGEST`.
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
            return _as_texts(series)
    return series


def parsed_numbers(series: pd.Series) -> pd.Series:
    """Return a column as float64, infinity included; NaN for values that are not numbers.

    Examples
    --------
    >>> parsed_numbers(pd.Series(["1.5", "many", "inf", 10**400], dtype=object)).tolist()
    [1.5, nan, inf, inf]
    """
    if series.dtype == np.float64:
        return series
    if pd.api.types.is_timedelta64_dtype(series.dtype):
        return series.dt.total_seconds()
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        return pd.Series(np.nan, index=series.index)
    if isinstance(series.dtype, pd.CategoricalDtype):
        series = series.astype(object)
    try:
        numbers = pd.to_numeric(series, errors="coerce")
    except (OverflowError, TypeError, ValueError, NotImplementedError):
        numbers = series.astype(object).map(_number)
    if getattr(numbers.dtype, "kind", "") == "c":
        numbers = series.astype(object).map(_number)
    return pd.Series(numbers.to_numpy(dtype=np.float64, na_value=np.nan), index=series.index)


def is_too_large(values: np.ndarray) -> np.ndarray:
    """Return which float values are infinite or beyond `LARGEST`.

    Examples
    --------
    >>> is_too_large(np.array([1.0, np.nan, -np.inf, 1e39])).tolist()
    [False, False, True, True]
    """
    return np.abs(values) > LARGEST


def has_too_large(values: np.ndarray) -> bool:
    """Whether a value is infinite or beyond `LARGEST`; NaN is not.

    Examples
    --------
    >>> has_too_large(np.array([[1.0, np.nan]])), has_too_large(np.array([-np.inf]))
    (False, True)
    """
    if not values.size:
        return False
    highest, lowest = np.fmax.reduce(values, axis=None), np.fmin.reduce(values, axis=None)
    return bool(highest > LARGEST or lowest < -LARGEST)


def without_too_large(values: np.ndarray) -> np.ndarray:
    """Return the values with NaN in place of those that `is_too_large`; a copy only if needed.

    Examples
    --------
    >>> without_too_large(np.array([1.0, np.inf])).tolist()
    [1.0, nan]
    """
    return np.where(is_too_large(values), np.nan, values) if has_too_large(values) else values


def valid_text(text: str) -> str:
    """Return a text that is valid Unicode: a lone surrogate, half a character, becomes ``?``.

    Examples
    --------
    >>> valid_text("whole"), valid_text("half " + chr(0xD800))
    ('whole', 'half ?')
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode("utf-8")
    return text


def _number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf")
    except (TypeError, ValueError):
        return float("nan")


def _as_numbers(series: pd.Series) -> pd.Series:
    numbers = parsed_numbers(series)
    values = numbers.to_numpy()
    # Values as large as that count as missing at prediction; training data never holds them.
    return numbers if not has_too_large(values) else numbers.where(~is_too_large(values), np.nan)


def _as_texts(series: pd.Series) -> pd.Series:
    texts = series.astype(object).where(series.notna(), "")
    try:
        return texts.astype(str)
    except UnicodeEncodeError:
        return texts.map(lambda value: valid_text(str(value))).astype(str)


def _as_categories(series: pd.Series) -> pd.Series:
    if isinstance(series.dtype, pd.CategoricalDtype):
        codes, uniques = series.cat.codes.to_numpy(), list(series.cat.categories)
        if all(type(value) is str for value in uniques):
            return series
    else:
        try:
            codes, found = pd.factorize(series)
            uniques = list(found)
        except (TypeError, NotImplementedError):  # unhashable values, nested Arrow types
            codes, found = pd.factorize(series.astype(object).map(repr))
            uniques = list(found)
    labels: dict[str, int] = {}
    place = np.array([labels.setdefault(_label(v), len(labels)) for v in uniques], dtype=np.int64)
    renumbered = [-1] * len(codes) if not len(place) else np.where(codes < 0, -1, place[codes])
    categories = pd.Index(list(labels))
    return pd.Series(pd.Categorical.from_codes(list(renumbered), categories), index=series.index)


def _label(value: Any) -> str:
    if isinstance(value, float | np.floating) and value == np.floor(value) and np.isfinite(value):
        return str(int(value))
    return valid_text(str(value))


def _as_dates(series: pd.Series) -> pd.Series:
    if pd.api.types.is_numeric_dtype(series.dtype):
        # pandas would count nanoseconds from 1970: 20240101 would be a moment of that year.
        return pd.Series(pd.NaT, index=series.index, dtype="datetime64[ns]")
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
