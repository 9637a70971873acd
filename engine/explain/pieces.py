"""Explanations of many rows, in pieces of about a second that any number of workers do."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.data.dataset import Matrix, is_sparse, rows_of
from engine.deadline import Deadline
from engine.explain.explainer import Explainer, engineered_explainer_of, explainer_of
from engine.explain.explanation import Explanation
from engine.pipelines.protocols import Predictor

Array = NDArray[np.float64]
#: Called with the rows done and all rows.
Progress = Callable[[int, int], None]

_FIRST_PIECE = 4
_LARGEST_PIECE = 2_000
_PIECE_SECONDS = 1.0


@dataclass(frozen=True)
class Work:
    """A model, and the rows to explain.

    Attributes
    ----------
    model:
        A fitted pipeline, or any model with ``predict_proba`` or ``predict``.
    background:
        Some training rows, which predictions are compared with.
    X:
        The rows to explain. Both tables have the form of the pipeline's input.
    columns:
        Names of the raw columns.
    source:
        Where the rows come from, for the report.
    features:
        ``raw``, or ``engineered`` for the columns that the pipeline's first step makes.
    random_state:
        Seed of sampled explanations.

    Examples
    --------
    >>> from engine.pipelines.build import build_pipeline
    >>> from engine.pipelines.spec import PipelineSpec
    >>> X = np.arange(12.0).reshape(6, 2) ** 2
    >>> model = build_pipeline(PipelineSpec("ElasticNet"), "regression").fit(X, X[:, 0])
    >>> work = Work(model, X, X[:1], ("first", "second"))
    >>> work.prepared() is work, work.explainer().explain(work.X).shape
    (True, (1, 2, 1))
    """

    model: Predictor
    background: Matrix
    X: Matrix
    columns: tuple[str, ...]
    source: str = ""
    features: str = "raw"
    random_state: int = 0

    def prepared(self) -> Work:
        """Transform background and X to the columns that ``features`` names."""
        if self.features == "raw":
            return self
        pipeline: Pipeline = self.model
        head = pipeline[0]
        X = head.transform(self.X)
        names = tuple(head.get_engineered_feature_names())
        return Work(
            self.model,
            head.transform(self.background),
            X,
            # The first step of an ensemble passes the raw columns on to the members.
            names if len(names) == X.shape[1] else self.columns,
            self.source,
            self.features,
            self.random_state,
        )

    def explainer(self) -> Explainer:
        """Make an explainer for `prepared` work; every worker makes its own."""
        if self.features == "raw":
            return explainer_of(self.model, self.background, self.columns, self.random_state)
        return engineered_explainer_of(self.model, self.background, self.random_state)


def in_this_process(work: Work, seconds: float | None = None) -> Explanation:
    """Explain piece by piece in this process.

    Parameters
    ----------
    work:
        The model and the rows.
    seconds:
        No piece is begun after this long, but one always is; default: all rows are explained.

    Examples
    --------
    >>> from engine.pipelines.build import build_pipeline
    >>> from engine.pipelines.spec import PipelineSpec
    >>> X = np.arange(12.0).reshape(6, 2) ** 2
    >>> model = build_pipeline(PipelineSpec("ElasticNet"), "regression").fit(X, X[:, 0])
    >>> explanation = in_this_process(Work(model, X, X, ("first", "second")))
    >>> totals = explanation.expected + explanation.values.sum(axis=1)
    >>> bool(np.allclose(totals[:, 0], model.predict(X)))
    True
    """
    deadline = Deadline.after(seconds, time.monotonic)
    work = work.prepared()
    explainer = work.explainer()
    pieces = Pieces(work.X.shape[0])
    while (rows := pieces.next()) is not None:
        if deadline.is_over and pieces.done:
            break
        began = time.monotonic()
        values = explainer.explain(rows_of(work.X, rows))
        pieces.add(rows, values, time.monotonic() - began)
    return as_explanation(work, explainer.expected, pieces)


class Pieces:
    """Hands out pieces of the rows and collects the results.

    A piece grows until it takes about a second. Rows are taken from all over the table, so that
    the rows that are done when time is over are a fair sample.

    Parameters
    ----------
    n_rows:
        Number of rows.

    Attributes
    ----------
    done:
        Rows and values of each piece that is done.

    Examples
    --------
    >>> pieces = Pieces(6)
    >>> rows = pieces.next()
    >>> len(rows)
    4
    >>> pieces.add(rows, np.zeros((4, 1, 1)), seconds=1.0)
    >>> len(pieces.next()), pieces.next(), pieces.n_done
    (2, None, 4)
    """

    def __init__(self, n_rows: int) -> None:
        self._order = np.random.default_rng(0).permutation(n_rows)
        self._next = 0
        self._size = _FIRST_PIECE
        self._again: list[NDArray[np.int64]] = []
        self.done: list[tuple[NDArray[np.int64], Array]] = []

    def next(self) -> NDArray[np.int64] | None:
        """Hand out the numbers of the next rows; ``None`` when all are handed out."""
        if self._again:
            return self._again.pop()
        if self._next >= len(self._order):
            return None
        rows = self._order[self._next : self._next + self._size]
        self._next += len(rows)
        return rows

    def add(self, rows: NDArray[np.int64], values: Array, seconds: float) -> None:
        """Take the values of a piece, and the seconds that it took."""
        self.done.append((rows, values))
        rate = len(rows) / max(seconds, 1e-3)
        self._size = int(np.clip(rate * _PIECE_SECONDS, 1, min(4 * self._size, _LARGEST_PIECE)))

    def lost(self, rows: NDArray[np.int64]) -> None:
        """Hand a piece out again, as the worker that had it has died.

        Examples
        --------
        >>> pieces = Pieces(3)
        >>> rows = pieces.next()
        >>> pieces.next() is None
        True
        >>> pieces.lost(rows)
        >>> pieces.next() is rows
        True
        """
        self._again.append(rows)

    @property
    def n_done(self) -> int:
        """Number of rows that are done."""
        return sum(len(rows) for rows, _ in self.done)


def as_explanation(work: Work, expected: Array, pieces: Pieces) -> Explanation:
    """Put the pieces together, in the order of the rows.

    Parameters
    ----------
    work:
        The prepared work.
    expected:
        (n_outputs,) expected outputs, from the explainer.
    pieces:
        At least one of them is done.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> X = np.array([[1.0], [2.0]])
    >>> work = Work(DummyRegressor().fit(X, [0.0, 0.0]), X, X, ("size",))
    >>> pieces = Pieces(2)
    >>> pieces.add(np.array([1, 0]), np.array([[[0.1]], [[0.0]]]), seconds=0.5)
    >>> as_explanation(work, np.zeros(1), pieces).values[:, 0, 0].tolist()
    [0.0, 0.1]
    """
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


def as_numbers(X: Matrix) -> Array:
    """Turn a table into numbers for the colours of plots.

    Categories become codes, dates their seconds since the epoch, missing values NaN.

    Examples
    --------
    >>> as_numbers(pd.DataFrame({"size": [1.5, None], "colour": ["red", "blue"]})).tolist()
    [[1.5, 1.0], [nan, 0.0]]
    """
    if is_sparse(X):
        return np.asarray(X.toarray(), dtype=np.float64)
    if not isinstance(X, pd.DataFrame):
        return np.asarray(X, dtype=np.float64)
    columns = []
    for index in range(X.shape[1]):
        column = X.iloc[:, index]
        if pd.api.types.is_bool_dtype(column) or pd.api.types.is_numeric_dtype(column):
            columns.append(column.to_numpy(dtype=np.float64, na_value=np.nan))
        elif pd.api.types.is_datetime64_any_dtype(column):
            seconds = column.dt.as_unit("us").astype("int64").to_numpy() / 1e6
            columns.append(np.where(column.isna(), np.nan, seconds))
        else:
            codes = pd.Categorical(column).codes.astype(np.float64)
            columns.append(np.where(codes < 0, np.nan, codes))
    return np.column_stack(columns)
