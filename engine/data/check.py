"""What the user hands over as data, checked and brought into one shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from engine.data.columns import Column, infer_columns, normalise
from engine.data.dataset import Dataset, Layout
from engine.data.featurization import FeaturizationConfig
from engine.data.matrix import as_frame, check_matrix, describe, no_duplicates, take
from engine.data.target import (
    as_labels,
    check_splits,
    check_target,
    check_weight,
    plain_labels,
    positive_code,
    renumber,
    rows_with_label,
    same_length,
)
from engine.errors import DataException
from engine.metrics.metric import Task

_DIRECT_KEYS = (
    "X",
    "y",
    "sample_weight",
    "X_valid",
    "y_valid",
    "sample_weight_valid",
    "cv_splits_indices",
    "feature_names",
    "class_labels",
)
_TABLE_KEYS = ("training_data", "validation_data", "label", "weight", "drop_columns")


def check_data(
    raw: object,
    task: Task,
    *,
    exclude_nan_labels: bool = True,
    featurization: FeaturizationConfig | None = None,
    positive_label: Any = None,
    source: str = "get_data()",
) -> Dataset:
    """Check what ``get_data()`` returned, or what the configuration holds.

    Parameters
    ----------
    raw:
        A mapping with ``X``, ``y`` and optionally ``sample_weight``, ``X_valid``, ``y_valid``,
        ``sample_weight_valid``, ``cv_splits_indices``, ``feature_names``, ``class_labels``; or with
        ``training_data`` and ``label`` and optionally ``validation_data``, ``weight``,
        ``drop_columns``.
    task:
        ``classification`` or ``regression``.
    exclude_nan_labels:
        Drop rows without a target (with a note that says how many) instead of refusing them.
    featurization:
        How columns are featurized; ``None``: they must be numeric.
    positive_label:
        Of two classes, the one whose own metrics are wanted.
    source:
        Where the data came from, for the error messages.

    Raises
    ------
    DataException
        One clear sentence: what was given, what is expected.
    """
    if not isinstance(raw, Mapping):
        raise DataException(
            f"{source} returned {describe(raw)}; it must return a dict with 'X' and 'y', "
            "or with 'training_data' and 'label'"
        )
    given = {key: value for key, value in raw.items() if value is not None}
    unknown = [str(key) for key in given if key not in (*_DIRECT_KEYS, *_TABLE_KEYS)]
    if unknown:
        raise DataException(
            f"{source} has the unknown keys {unknown}; known are {[*_DIRECT_KEYS, *_TABLE_KEYS]}"
        )
    if "training_data" in given:
        given = _split_tables(given, source)
    missing = [key for key in ("X", "y") if key not in given]
    if missing:
        raise DataException(
            f"{source} has no {' and no '.join(repr(key) for key in missing)}; it has "
            f"{sorted(map(str, given)) or 'nothing'}. Needed: 'X' and 'y', "
            "or 'training_data' and 'label'"
        )
    any_type = featurization is not None
    X, names = check_matrix(given["X"], "X", given.get("feature_names"), any_type)
    y = as_labels(given["y"], "y")
    same_length(X, "X", y, "y")
    weight = check_weight(given.get("sample_weight"), X, "sample_weight")
    splits = check_splits(given.get("cv_splits_indices"), len(y))
    notes: list[str] = []
    keep = rows_with_label(y, "y", task, exclude_nan_labels, notes)
    if keep is not None:
        X, y = take(X, keep), y[keep]
        weight = None if weight is None else weight[keep]
        splits = renumber(splits, keep)
    y, classes = check_target(y, task, given.get("class_labels"))
    positive = None if positive_label is None else positive_code(positive_label, classes)
    dataset = Dataset(X, y, classes, names, weight, cv_splits_indices=splits, positive=positive)
    if "X_valid" in given or "y_valid" in given:
        dataset = _with_validation(dataset, given, any_type, exclude_nan_labels, notes)
    if featurization is not None and not sparse.issparse(dataset.X):
        dataset = _with_layout(dataset, featurization)
        if featurization.for_onnx and dataset.layout is not None:
            _tell_what_onnx_lacks(dataset.layout, notes)
    return replace(dataset, notes=tuple(notes))


def check_features(X: Any, dataset: Dataset, name: str = "X_valid") -> Any:
    """Rows without a target, to be explained, in the form of ``dataset.X``.

    Raises
    ------
    DataException
        When they do not have the dataset's columns.
    """
    any_type = dataset.layout is not None or isinstance(dataset.X, pd.DataFrame)
    matrix, names = check_matrix(X, name, None, any_type)
    _same_columns(matrix, names, dataset, name)
    if isinstance(matrix, np.ndarray) and isinstance(dataset.X, pd.DataFrame):
        matrix = pd.DataFrame(matrix, columns=list(dataset.feature_names))
    if isinstance(matrix, pd.DataFrame):
        found = pd.Index([str(column) for column in matrix.columns])
        matrix = matrix.iloc[:, found.get_indexer(pd.Index(dataset.feature_names))]
        if dataset.layout is not None:
            matrix = _ready(matrix, dataset.layout.columns)
        if not isinstance(dataset.X, pd.DataFrame):
            matrix = matrix.to_numpy(dtype=np.float64, na_value=np.nan)
    return matrix


def _same_columns(X: Any, names: Sequence[str], dataset: Dataset, name: str) -> None:
    if X.shape[1] != dataset.X.shape[1] or (
        isinstance(X, pd.DataFrame) and isinstance(dataset.X, pd.DataFrame)
        and set(names) != set(dataset.feature_names)
    ):  # fmt: skip
        raise DataException(
            f"{name} has the columns {list(names)[:20]} ({X.shape[1]}); "
            f"X has {list(dataset.feature_names)[:20]} ({dataset.X.shape[1]})"
        )


def _ready(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Each column as its purpose wants it; infinity was refused before, so nothing is lost."""
    return pd.DataFrame(
        {c.name: normalise(frame.iloc[:, i], c.purpose) for i, c in enumerate(columns)}
    )


def _with_layout(dataset: Dataset, config: FeaturizationConfig) -> Dataset:
    """Find out what the columns are, and bring them into the form that fits are fast on."""
    columns = infer_columns(
        dataset.X, dataset.feature_names, config.column_purposes, config.drop_columns
    )
    if all(column.purpose == "Numeric" for column in columns) and not (
        config.transformer_params or _has_missing(dataset.X)
    ):
        return dataset

    def ready(X: Any) -> Any:
        return _ready(X, columns) if isinstance(X, pd.DataFrame) else X

    changes: dict[str, Any] = {"X": ready(dataset.X), "layout": Layout(columns, config)}
    if dataset.X_valid is not None:
        X_valid = dataset.X_valid
        if isinstance(X_valid, pd.DataFrame):
            found = pd.Index([str(name) for name in X_valid.columns])
            X_valid = X_valid.iloc[:, found.get_indexer(pd.Index(dataset.feature_names))]
        changes["X_valid"] = ready(X_valid)
    return replace(dataset, **changes)


def _tell_what_onnx_lacks(layout: Layout, notes: list[str]) -> None:
    used = [column for column in layout.columns if column.purpose != "Ignore"]
    lacking = [column.name for column in used if column.purpose in ("DateTime", "Text")]
    if len(lacking) == len(used):
        raise DataException(
            f"the columns {lacking[:20]} are dates or text, which ONNX models do not take, and "
            "there are no others; leave enable_onnx_compatible_models out"
        )
    if lacking:
        notes.append(
            f"the columns {lacking[:20]} are left out: dates and text have no counterpart in ONNX "
            "(enable_onnx_compatible_models)"
        )


def _has_missing(X: Any) -> bool:
    if isinstance(X, pd.DataFrame):
        return bool(X.isna().to_numpy().any())
    return bool(np.isnan(X.sum()))


def _split_tables(given: dict[str, Any], source: str) -> dict[str, Any]:
    """A table with the target in it -> X and y."""
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
    for table_key, suffix in (("training_data", ""), ("validation_data", "_valid")):
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


def _with_validation(
    dataset: Dataset, given: Mapping[str, Any], any_type: bool, exclude: bool, notes: list[str]
) -> Dataset:
    missing = [key for key in ("X_valid", "y_valid") if key not in given]
    if missing:
        raise DataException(f"{missing[0]} is missing: X_valid and y_valid go together")
    if dataset.cv_splits_indices is not None:
        raise DataException("give X_valid and y_valid or cv_splits_indices, not both")
    X, names = check_matrix(given["X_valid"], "X_valid", given.get("feature_names"), any_type)
    _same_columns(X, names, dataset, "X_valid")
    y = as_labels(given["y_valid"], "y_valid")
    same_length(X, "X_valid", y, "y_valid")
    weight = check_weight(given.get("sample_weight_valid"), X, "sample_weight_valid")
    keep = rows_with_label(y, "y_valid", dataset.task, exclude, notes)
    if keep is not None:
        X, y = take(X, keep), y[keep]
        weight = None if weight is None else weight[keep]
    if dataset.classes is None:
        y = y.astype(np.float64)
    else:
        y = plain_labels(y)
        unseen = [label for label in np.unique(y).tolist() if label not in dataset.classes.tolist()]
        if unseen:
            raise DataException(f"y_valid has labels that y does not have: {unseen[:10]}")
        y = y.astype(dataset.classes.dtype)
    return replace(dataset, X_valid=X, y_valid=y, sample_weight_valid=weight)
