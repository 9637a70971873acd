"""A model behind an endpoint: rows of several requests in, a prediction or a problem for each."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from typing import Any

import pandas as pd

from engine.plain_values import plain
from engine.serving.problems import RequestProblem
from engine.serving.rows import Rows, as_table, check_values, has_doubtful_values
from engine.serving.schema import ModelSchema

_log = logging.getLogger("ray.serve")


class ServedModel:
    """A fitted pipeline of a run, and what its endpoint tells of it.

    Parameters
    ----------
    model:
        The fitted pipeline.
    version:
        Number of the endpoint's version that it is.

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

    def __init__(self, model: Any, version: int) -> None:
        self.schema = ModelSchema.of(model)
        self.version = version
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
                    return [self._failed()]
        return [self._answer_alone(rows) for rows in requests]

    def _answer_alone(self, rows: Rows) -> list[Any] | RequestProblem:
        try:
            check_values(rows, self.schema)
            return self._predict(as_table([rows], self.schema))
        except RequestProblem as problem:
            return problem
        except Exception:
            return self._failed()

    def _predict(self, table: pd.DataFrame) -> list[Any]:
        if not self.schema.named:
            return list(plain(self._model.predict(table.to_numpy())))
        return list(plain(self._model.predict(table)))

    def _split(self, predictions: list[Any], requests: Sequence[Rows]) -> Sequence[list[Any]]:
        parts, start = [], 0
        for rows in requests:
            parts.append(predictions[start : start + rows.count])
            start += rows.count
        return parts

    def _failed(self) -> RequestProblem:
        """Log the error that is handled now, without rows, under an id that the answer names."""
        number = uuid.uuid4().hex[:12]
        # The message of an error may quote values of the rows: where it was raised is told only.
        _log.error("prediction %s failed: %s", number, _place_of_error())
        return RequestProblem(
            500, f"the model failed; the endpoint's log has the place under the id {number}"
        )


def _place_of_error() -> str:
    import sys
    import traceback

    kind, _, trace = sys.exc_info()
    places = [f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(trace)]
    return f"{kind.__name__ if kind else 'error'} at {' < '.join(reversed(places[-8:]))}"
