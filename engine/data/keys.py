"""The keys of what ``get_data()`` returns, and one form for both ways to give data."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd

from engine.data.matrix import as_frame, describe, no_duplicates, text_names
from engine.errors import DataException

#: Arrays, which `AutoMLConfig` takes under the same names.
ARRAY_KEYS = (
    "X",
    "y",
    "sample_weight",
    "X_valid",
    "y_valid",
    "sample_weight_valid",
    "cv_splits_indices",
)
#: Tables with the target among their columns, which `AutoMLConfig` takes under the same names.
TABLE_KEYS = ("training_data", "validation_data")
#: What goes with arrays, and what goes with tables.
ARRAY_WORDS = (*ARRAY_KEYS, "feature_names", "class_labels")
TABLE_WORDS = (*TABLE_KEYS, "label", "weight", "drop_columns")
#: What goes with arrays and with tables.
_BESIDE_TABLES = ("cv_splits_indices", "class_labels")


def arrays_of(raw: object, source: str) -> dict[str, Any]:
    """Return the data under the keys of `ARRAY_WORDS`, tables split into features and target.

    Values that are ``None`` count as not given.

    Parameters
    ----------
    raw:
        What ``get_data()`` returned, or what the configuration holds.
    source:
        Name of the data's origin in error messages.

    Raises
    ------
    DataException
        When ``raw`` is no mapping, has unknown keys, lacks features or target, or mixes arrays
        with tables.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({"age": [30, 41], "city": ["Rome", "Oslo"], "left": [0, 1]})
    >>> arrays = arrays_of({"training_data": table, "label": "left"}, "get_data()")
    >>> list(arrays["X"].columns), list(arrays["y"])
    (['age', 'city'], [0, 1])
    """
    if not isinstance(raw, Mapping):
        raise DataException(
            f"{source} returned {describe(raw)}; it must return a dict with 'X' and 'y', "
            "or with 'training_data' and 'label'"
        )
    given = {key: value for key, value in raw.items() if value is not None}
    known = [*ARRAY_WORDS, *TABLE_WORDS]
    unknown = [str(key) for key in given if key not in known]
    if unknown:
        raise DataException(f"{source} has the unknown keys {unknown}; known are {known}")
    _without_effect(given, source)
    if "training_data" in given:
        given = _split_tables(given, source)
    missing = [key for key in ("X", "y") if key not in given]
    if missing:
        raise DataException(
            f"{source} has no {' and no '.join(repr(key) for key in missing)}; it has "
            f"{sorted(map(str, given)) or 'nothing'}. Needed: 'X' and 'y', "
            "or 'training_data' and 'label'"
        )
    return given


def _without_effect(given: Mapping[str, Any], source: str) -> None:
    """Raise `DataException` for keys that would be ignored beside the others."""
    tables = [key for key in TABLE_WORDS if key in given]
    if "training_data" in given:
        mixed = [key for key in ARRAY_WORDS if key in given and key not in _BESIDE_TABLES]
        if mixed:
            raise DataException(
                f"{source} has both 'training_data' and {mixed}; give one or the other. Weights "
                "and names are columns of the table"
            )
    elif tables:
        raise DataException(
            f"{source} has {tables} without 'training_data'; these go with a table, not with "
            "'X' and 'y'"
        )


def _split_tables(given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return features, target and weights of the tables as arrays."""
    label, weight = given.get("label"), given.get("weight")
    if label is None:
        raise DataException(
            f"{source} has 'training_data' but no label column; name it with 'label' in "
            "get_data(), or label_column_name in AutoMLConfig"
        )
    dropped = _list_of_columns(given.get("drop_columns", ()))
    if weight is not None and _is_same(weight, label):
        raise DataException(f"the column {label!r} is both the label and the weight")
    for word, column in (("label", label), ("weight", weight)):
        if column is not None and any(_is_same(column, other) for other in dropped):
            raise DataException(f"the column {column!r} is the {word} and among the dropped ones")
    result: dict[str, Any] = {key: given[key] for key in _BESIDE_TABLES if key in given}
    for table_key, suffix in zip(TABLE_KEYS, ("", "_valid"), strict=True):
        if table_key not in given:
            continue
        table = as_frame(given[table_key], table_key)
        no_duplicates(text_names(table.columns), table_key)
        used = [label, *([weight] if weight is not None else []), *dropped]
        places = _places_of(used, table, table_key)
        rest = [place for place in range(table.shape[1]) if place not in set(places)]
        result[f"X{suffix}"] = table.iloc[:, rest]
        result[f"y{suffix}"] = table.iloc[:, places[0]]
        if weight is not None:
            result[f"sample_weight{suffix}"] = table.iloc[:, places[1]]
    return result


def _places_of(columns: Sequence[object], table: pd.DataFrame, table_key: str) -> list[int]:
    """Return the numbers of the columns with these labels; a text finds other labels too."""
    labels, texts = list(table.columns), text_names(table.columns)
    places = []
    absent = []
    for column in columns:
        exact = [n for n, label in enumerate(labels) if _is_same(label, column)]
        found = exact or [n for n, text in enumerate(texts) if _is_same(text, column)]
        if found:
            places.append(found[0])
        else:
            absent.append(column)
    if absent:
        raise DataException(f"{table_key} has no column {absent}; its columns are {labels[:50]}")
    return places


def _list_of_columns(columns: object) -> list[object]:
    if isinstance(columns, str) or not isinstance(columns, Collection):
        return [columns]
    return list(columns)


def _is_same(one: object, other: object) -> bool:
    """Whether two labels of columns are equal; 1 and True are not, nor are arrays."""
    try:
        return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)
    except ValueError:
        return False
