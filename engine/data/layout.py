"""Column types of a dataset: inferred once, and each column brought into the form of its type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from engine.data.alignment import align
from engine.data.columns import Column, infer_columns
from engine.data.dataset import Dataset, Layout, Matrix, is_sparse
from engine.data.featurization import FeaturizationConfig
from engine.data.matrix import refuse_too_large
from engine.data.reading import Loss, notes_of_losses, read_columns
from engine.data.values import has_too_large, parsed_numbers
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
    X = dataset.X
    losses: dict[str, Loss] = {}
    if isinstance(X, pd.DataFrame) and not _is_plain(X, columns):
        _refuse_too_large_texts(X, columns)
        X, losses = read_columns(X, columns)
    if all(column.purpose == "Numeric" for column in columns) and not (
        config.transformer_params or _has_missing(X)
    ):
        return replace(dataset, X=X)
    lost = notes_of_losses(losses, columns, "X")
    columns = tuple(
        replace(c, unreadable=losses[c.name].share) if c.name in losses else c for c in columns
    )
    onnx = _lacking_in_onnx(columns) if config.for_onnx else ()
    return replace(
        dataset,
        X=X,
        layout=Layout(columns, config, dataset.named),
        notes=(*dataset.notes, *lost, *onnx),
        unreadable=(*dataset.unreadable, *lost),
    )


def like_training(X: Matrix, dataset: Dataset, name: str) -> tuple[Matrix, dict[str, Loss]]:
    """Return other rows in the form of ``dataset.X``, and what is lost in reading them.

    Parameters
    ----------
    X:
        Checked matrix with the dataset's columns, in any order where both have names.
    dataset:
        The training data after `with_layout`.
    name:
        Name of the rows in error messages.

    Raises
    ------
    DataException
        When a column is missing or cannot be read.
    """
    if is_sparse(X) and not is_sparse(dataset.X):
        X = X.toarray()
    X = align(X, dataset.feature_names, named=dataset.named, what=name)
    if isinstance(X, np.ndarray) and isinstance(dataset.X, pd.DataFrame):
        X = pd.DataFrame(X, columns=list(dataset.feature_names))
    losses: dict[str, Loss] = {}
    if isinstance(X, pd.DataFrame) and not (
        dataset.layout is None and _is_plain(X, dataset.columns)
    ):
        X, losses = read_columns(X, dataset.columns)
    if isinstance(X, pd.DataFrame) and not isinstance(dataset.X, pd.DataFrame):
        X = X.to_numpy(dtype=np.float64, na_value=np.nan)
    return X, losses


def _is_plain(X: pd.DataFrame, columns: Sequence[Column]) -> bool:
    """Whether all columns are numbers already."""
    kinds = (getattr(dtype, "kind", "O") for dtype in X.dtypes)
    return all(
        kind in "fiub" and column.purpose == "Numeric"
        for kind, column in zip(kinds, columns, strict=True)
    )


def _refuse_too_large_texts(X: pd.DataFrame, columns: Sequence[Column]) -> None:
    """Refuse infinite values among texts and objects, as among numbers before."""
    bad = [
        column.name
        for column, dtype in zip(columns, X.dtypes, strict=True)
        if column.purpose == "Numeric"
        and getattr(dtype, "kind", "O") not in "fiub"
        and has_too_large(parsed_numbers(X[column.name]).to_numpy())
    ]
    if bad:
        refuse_too_large("X", bad)


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
