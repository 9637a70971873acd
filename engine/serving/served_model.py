"""A model behind an endpoint: rows of several requests in, a prediction or a problem for each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.plain_values import plain
from engine.serving.drift import Drift
from engine.serving.failures import failure
from engine.serving.problems import RequestProblem
from engine.serving.rows import AnyRows, check_values, has_doubtful_values, joined
from engine.serving.schema import ModelSchema


class ServedModel:
    """A fitted pipeline of a run, and what its endpoint tells of it.

    Parameters
    ----------
    model:
        The fitted pipeline.
    version:
        Number of the endpoint's version that it is.
    drift:
        Counts the rows that are predicted; default: nothing is counted.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from engine.pipelines.features.numeric_matrix import NumericMatrix
    >>> from engine.serving.rows import Rows
    >>> table = pd.DataFrame({"a": [0.0, 1.0, 2.0]})
    >>> pipeline = make_pipeline(NumericMatrix(), LinearRegression()).fit(table, [0.0, 2.0, 4.0])
    >>> good, bad = ServedModel(pipeline, 1).answer([Rows({"a": [3.0]}, 1), Rows({"a": ["x"]}, 1)])
    >>> [round(value, 6) for value in good], bad.column
    ([6.0], 'a')
    """

    def __init__(self, model: Any, version: int, drift: Drift | None = None) -> None:
        self.schema = ModelSchema.of(model)
        self.version = version
        self.drift = drift
        self._model = model

    def answer(self, requests: Sequence[AnyRows]) -> list[list[Any] | RequestProblem]:
        """Predict the rows of several requests at once.

        Returns
        -------
        list
            For each request the predictions of its rows, or why it has none. A request that does
            not fit costs the others nothing but time.
        """
        table = joined(requests, self.schema)
        if not has_doubtful_values(table, self.schema):
            try:
                return list(self._split(self._predict(table), requests))
            except Exception:
                if len(requests) == 1:
                    return [failure("the model")]
        return [self._answer_alone(rows) for rows in requests]

    def count(
        self, requests: Sequence[AnyRows], answers: Sequence[list[Any] | RequestProblem]
    ) -> None:
        """Count the values of the rows that `answer` has predicted, where drift is watched."""
        if self.drift is None:
            return
        predicted = [r for r, a in zip(requests, answers, strict=True) if isinstance(a, list)]
        if predicted:
            table = joined(predicted, self.schema)
            if isinstance(table, np.ndarray):
                table = pd.DataFrame(table, columns=self.schema.names)
            self.drift.add(table)

    def _answer_alone(self, rows: AnyRows) -> list[Any] | RequestProblem:
        try:
            check_values(rows, self.schema)
            return self._predict(joined([rows], self.schema))
        except RequestProblem as problem:
            return problem
        except Exception:
            return failure("the model")

    def _predict(self, table: pd.DataFrame | NDArray[np.float64]) -> list[Any]:
        if isinstance(table, pd.DataFrame) and not self.schema.named:
            table = table.to_numpy()
        return list(plain(self._model.predict(table)))

    def _split(
        self, predictions: list[Any], requests: Sequence[AnyRows]
    ) -> Iterator[list[Any] | RequestProblem]:
        start = 0
        for rows in requests:
            yield predictions[start : start + rows.count]
            start += rows.count
