"""A model behind an endpoint: rows of several requests in, a prediction or a problem for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from engine.plain_values import plain
from engine.serving.drift import Drift
from engine.serving.failures import failure
from engine.serving.problems import RequestProblem
from engine.serving.rows import Rows, as_table, check_values, has_doubtful_values
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

    def answer(self, requests: Sequence[Rows]) -> list[list[Any] | RequestProblem]:
        """Predict the rows of several requests at once.

        Returns
        -------
        list
            For each request the predictions of its rows, or why it has none. A request that does
            not fit costs the others nothing but time.
        """
        table = as_table(requests, self.schema)
        if not has_doubtful_values(table, self.schema):
            try:
                return list(self._split(self._predict(table), requests))
            except Exception:
                if len(requests) == 1:
                    return [failure("the model")]
        return [self._answer_alone(rows) for rows in requests]

    def _answer_alone(self, rows: Rows) -> list[Any] | RequestProblem:
        try:
            check_values(rows, self.schema)
            return self._predict(as_table([rows], self.schema))
        except RequestProblem as problem:
            return problem
        except Exception:
            return failure("the model")

    def _predict(self, table: pd.DataFrame) -> list[Any]:
        rows = table if self.schema.named else table.to_numpy()
        predictions = list(plain(self._model.predict(rows)))
        if self.drift is not None:
            self.drift.add(table)
        return predictions

    def _split(self, predictions: list[Any], requests: Sequence[Rows]) -> Sequence[list[Any]]:
        parts, start = [], 0
        for rows in requests:
            parts.append(predictions[start : start + rows.count])
            start += rows.count
        return parts
