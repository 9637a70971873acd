"""Explains many rows: pieces of a second or so, done by workers until the time is over.

Knows no Ray: who does a piece is the caller's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from engine.data.dataset import rows_of
from engine.explain.explainer import Explainer, engineered_explainer_of, explainer_of
from engine.explain.explanation import Explanation

Array = NDArray[np.float64]

_FIRST_PIECE = 4
_LARGEST_PIECE = 2_000
_PIECE_SECONDS = 1.0


@dataclass(frozen=True)
class Work:
    """What is to be explained.

    Attributes
    ----------
    model:
        Fitted.
    background:
        Some training rows.
    X:
        The rows to explain; all three in the form of the pipeline's first step's input.
    columns:
        Names of the raw columns.
    source:
        Where the rows came from, in words.
    features:
        ``raw``, or ``engineered`` for the columns that the pipeline's first step makes.
    """

    model: Any
    background: Any
    X: Any
    columns: tuple[str, ...]
    source: str = ""
    features: str = "raw"
    random_state: int = 0

    def prepared(self) -> Work:
        """With background and X in the words of ``features``."""
        if self.features == "raw":
            return self
        head = self.model[0]
        return Work(
            self.model,
            head.transform(self.background),
            head.transform(self.X),
            tuple(head.get_engineered_feature_names()),
            self.source,
            self.features,
            self.random_state,
        )

    def explainer(self) -> Explainer:
        """Made anew by everyone who does pieces of ``prepared`` work."""
        if self.features == "raw":
            return explainer_of(self.model, self.background, self.columns, self.random_state)
        return engineered_explainer_of(self.model, self.background, self.random_state)


def in_this_process(work: Work, seconds: float | None = None) -> Explanation:
    """Explain piece by piece, here.

    Parameters
    ----------
    seconds:
        After so long no further piece is begun; ``None``: all rows.
    """
    until = None if seconds is None else time.monotonic() + seconds
    work = work.prepared()
    explainer = work.explainer()
    pieces = Pieces(work.X.shape[0])
    while (rows := pieces.next()) is not None:
        if until is not None and time.monotonic() > until and pieces.done:
            break
        began = time.monotonic()
        values = explainer.explain(rows_of(work.X, rows))
        pieces.add(rows, values, time.monotonic() - began)
    return as_explanation(work, explainer.expected, pieces)


class Pieces:
    """Hands out pieces of the rows, as large as takes about a second, and collects the results.

    Rows are taken from all over the table, so that those that are done when time is over are a
    fair sample.
    """

    def __init__(self, n_rows: int) -> None:
        self._order = np.random.default_rng(0).permutation(n_rows)
        self._next = 0
        self._size = _FIRST_PIECE
        self._again: list[NDArray[np.int64]] = []
        self.done: list[tuple[NDArray[np.int64], Array]] = []

    def next(self) -> NDArray[np.int64] | None:
        """The numbers of the next rows; ``None`` when all are handed out."""
        if self._again:
            return self._again.pop()
        if self._next >= len(self._order):
            return None
        rows = self._order[self._next : self._next + self._size]
        self._next += len(rows)
        return rows

    def add(self, rows: NDArray[np.int64], values: Array, seconds: float) -> None:
        """A piece is done."""
        self.done.append((rows, values))
        rate = len(rows) / max(seconds, 1e-3)
        self._size = int(np.clip(rate * _PIECE_SECONDS, 1, min(4 * self._size, _LARGEST_PIECE)))

    def lost(self, rows: NDArray[np.int64]) -> None:
        """Who did a piece has died: it is handed out again."""
        self._again.append(rows)

    @property
    def n_done(self) -> int:
        return sum(len(rows) for rows, _ in self.done)


def as_explanation(work: Work, expected: Array, pieces: Pieces) -> Explanation:
    """The pieces as one, in the order of the rows."""
    rows = np.concatenate([rows for rows, _ in pieces.done])
    values = np.concatenate([values for _, values in pieces.done])
    order = np.argsort(rows)
    rows, values = rows[order], values[order]
    model = work.model
    classes = None
    if values.shape[2] > 1 or hasattr(model, "predict_proba"):
        found = getattr(model, "classes_", np.arange(values.shape[2]))
        classes = tuple(str(label) for label in found)
    return Explanation(
        values,
        np.asarray(expected, dtype=np.float64),
        work.columns,
        classes,
        rows,
        as_numbers(rows_of(work.X, rows)),
        work.X.shape[0],
        work.source,
    )


def as_numbers(X: Any) -> Array:
    """(n_rows, n_columns) for the colours of plots: categories by code, dates by their seconds."""
    if sparse.issparse(X):
        return np.asarray(X.toarray(), dtype=np.float64)
    if not isinstance(X, pd.DataFrame):
        return np.asarray(X, dtype=np.float64)
    columns = []
    for index in range(X.shape[1]):
        column = X.iloc[:, index]
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
        elif pd.api.types.is_datetime64_any_dtype(column):
            seconds = column.astype("int64").to_numpy() / 1e9
            columns.append(np.where(column.isna(), np.nan, seconds))
        else:
            codes = pd.Categorical(column).codes.astype(np.float64)
            columns.append(np.where(codes < 0, np.nan, codes))
    return np.column_stack(columns)


Progress = Callable[[int, int], None]
