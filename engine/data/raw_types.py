"""Types of a table's columns as the user gave them, before they are read."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any

import pandas as pd


class RawType(StrEnum):
    """What the values of a raw column are."""

    INTEGER = "integer"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    #: Mixed values, dates with a time zone, and all other types.
    OTHER = "other"


def raw_types(X: object) -> tuple[RawType, ...]:
    """Return the type of each column; nothing where X is no table but an array.

    Parameters
    ----------
    X:
        pandas, polars or pyarrow table, or an array.

    Examples
    --------
    >>> table = pd.DataFrame({"n": [1, 2], "x": [0.5, None], "who": ["Ann", None]})
    >>> [str(kind) for kind in raw_types(table)]
    ['integer', 'float', 'text']
    >>> raw_types([[1.0, 2.0]])
    ()
    """
    if isinstance(X, pd.DataFrame):
        return tuple(_type_of(X.iloc[:, index]) for index in range(X.shape[1]))
    if hasattr(X, "to_pandas") and hasattr(X, "slice"):  # polars, pyarrow
        head = X.slice(0, 0).to_pandas()
        return raw_types(head) if isinstance(head, pd.DataFrame) else ()
    return ()


_OF_DTYPE: tuple[tuple[Callable[[Any], bool], RawType], ...] = (
    (pd.api.types.is_bool_dtype, RawType.BOOLEAN),
    (pd.api.types.is_integer_dtype, RawType.INTEGER),
    (pd.api.types.is_float_dtype, RawType.FLOAT),
)
_OF_OBJECTS = {"string": RawType.TEXT, "boolean": RawType.BOOLEAN}


def _type_of(series: pd.Series) -> RawType:
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return RawType.OTHER
    if pd.api.types.is_object_dtype(dtype):
        found = pd.api.types.infer_dtype(series, skipna=True)
        return _OF_OBJECTS.get(found, RawType.OTHER)
    for holds, kind in _OF_DTYPE:
        if holds(dtype):
            return kind
    if pd.api.types.is_datetime64_dtype(dtype):
        return RawType.DATE
    return RawType.TEXT if isinstance(dtype, pd.StringDtype) else RawType.OTHER
