"""Column types of a dataset: inferred once, and each column brought into the form of its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.data.columns import Column, infer_columns, normalise
from engine.data.dataset import Dataset, Layout, Matrix
from engine.data.featurization import FeaturizationConfig
from engine.errors import DataException


def with_layout(dataset: Dataset, config: FeaturizationConfig) -> Dataset:
    """Infer the column types of a dataset and store each column in a form that is fast to fit.

    A table of complete numeric columns stays as it is: it needs no featurization.

    Raises
    ------
    DataException
        When the configuration names unknown columns, no column is left to learn from, or no
        column has a counterpart in ONNX although only such columns may be used.
    """
    columns = infer_columns(
        dataset.X, dataset.feature_names, config.column_purposes, config.drop_columns
    )
    if all(column.purpose == "Numeric" for column in columns) and not (
        config.transformer_params or _has_missing(dataset.X)
    ):
        return dataset
    X_valid = dataset.X_valid
    if X_valid is not None:
        X_valid = normalised(in_order(X_valid, dataset.feature_names), columns)
    notes = (*dataset.notes, *_lacking_in_onnx(columns)) if config.for_onnx else dataset.notes
    return replace(
        dataset,
        X=normalised(dataset.X, columns),
        X_valid=X_valid,
        layout=Layout(columns, config),
        notes=notes,
    )


def in_order(X: Matrix, names: Sequence[str]) -> Matrix:
    """Return a DataFrame's columns in the order of ``names``; an array as it is."""
    if not isinstance(X, pd.DataFrame):
        return X
    found = pd.Index([str(column) for column in X.columns])
    return X.iloc[:, found.get_indexer(pd.Index(names))]


def normalised(X: Matrix, columns: Sequence[Column]) -> Matrix:
    """Return a DataFrame with each column in the form of its type; an array as it is.

    Infinite values have been refused before, so that no value is lost.
    """
    if not isinstance(X, pd.DataFrame):
        return X
    return pd.DataFrame({c.name: normalise(X.iloc[:, i], c.purpose) for i, c in enumerate(columns)})


def _lacking_in_onnx(columns: Sequence[Column]) -> tuple[str, ...]:
    """Return a warning about the columns that ONNX models do not take, if there are any."""
    used = [column for column in columns if column.purpose != "Ignore"]
    lacking = [column.name for column in used if column.purpose in ("DateTime", "Text")]
    if len(lacking) == len(used):
        raise DataException(
            f"the columns {lacking[:20]} are dates or text, which ONNX models do not take, and "
            "there are no others; leave enable_onnx_compatible_models out"
        )
    if not lacking:
        return ()
    return (
        f"the columns {lacking[:20]} are left out: dates and text have no counterpart in ONNX "
        "(enable_onnx_compatible_models)",
    )


def _has_missing(X: Matrix) -> bool:
    if isinstance(X, pd.DataFrame):
        return bool(X.isna().to_numpy().any())
    return bool(np.isnan(X.sum()))
