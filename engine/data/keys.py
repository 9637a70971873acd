"""The keys of what ``get_data()`` returns, and one form for both ways to give data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.data.matrix import as_frame, describe, no_duplicates
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


def _split_tables(given: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Return features, target and weights of the tables as arrays."""
    mixed = [key for key in ("X", "y", "X_valid", "y_valid") if key in given]
    if mixed:
        raise DataException(f"{source} has both 'training_data' and {mixed}; give one or the other")
    label, weight = given.get("label"), given.get("weight")
    if label is None:
        raise DataException(
            f"{source} has 'training_data' but no label column; name it with 'label' in "
            "get_data(), or label_column_name in AutoMLConfig"
        )
    result: dict[str, Any] = {
        key: given[key] for key in ("cv_splits_indices", "class_labels") if key in given
    }
    for table_key, suffix in zip(TABLE_KEYS, ("", "_valid"), strict=True):
        if table_key not in given:
            continue
        table = as_frame(given[table_key], table_key)
        drop = [label, *([weight] if weight is not None else []), *given.get("drop_columns", ())]
        absent = [column for column in drop if column not in table.columns]
        if absent:
            raise DataException(
                f"{table_key} has no column {absent}; its columns are {list(table.columns)[:50]}"
            )
        no_duplicates([str(column) for column in table.columns], table_key)
        result[f"X{suffix}"] = table.drop(columns=drop)
        result[f"y{suffix}"] = table[label]
        if weight is not None:
            result[f"sample_weight{suffix}"] = table[weight]
    return result
