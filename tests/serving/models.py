"""Small fitted pipelines as runs make them, and requests to a service without a server."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.tree import DecisionTreeClassifier
from starlette.requests import Request

from engine.data.columns import infer_columns
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.features.transformer import DataTransformer

ROWS = 60


def customers() -> pd.DataFrame:
    generator = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "age": generator.integers(18, 90, ROWS),
            "plan": generator.choice(["basic", "gold"], ROWS),
            "since": pd.date_range("2020-01-01", periods=ROWS).strftime("%Y-%m-%d"),
            "country": "NO",
        }
    )


def classifier() -> Pipeline:
    """Who is over 50 has left; the constant column is not used."""
    table = customers()
    first = DataTransformer(infer_columns(table, list(table.columns)))
    y = np.where(table["age"] > 50, "gone", "here")
    return make_pipeline(first, DecisionTreeClassifier(random_state=0)).fit(table, y)


def regression(named: bool = True) -> Pipeline:
    X = np.random.default_rng(0).normal(size=(ROWS, 2))
    rows = pd.DataFrame(X, columns=["a", "b"]) if named else X
    return make_pipeline(NumericMatrix(), LinearRegression()).fit(rows, X @ [2.0, 0.5])


class Breaking:
    """A model that raises for some rows, as a part of a pipeline may."""

    def __init__(self, model: Pipeline) -> None:
        self._model = model
        self.steps = model.steps
        self.classes_ = model.classes_

    def predict(self, table: pd.DataFrame) -> Any:
        if (table["age"] == 13).any():
            raise ZeroDivisionError(f"bad rows: {table.to_dict()}")
        return self._model.predict(table)


def ask(
    service: Any,
    path: str,
    body: object = None,
    method: str | None = None,
    headers: dict[str, str] | None = None,
    parts: int = 1,
) -> tuple[int, Any, dict[str, str]]:
    """Send a request to a service; return status, content and headers of its answer."""
    raw = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    return asyncio.run(answer(service, path, raw, method, headers or {}, parts))


async def answer(
    service: Any, path: str, raw: bytes, method: str | None, headers: dict[str, str], parts: int = 1
) -> tuple[int, Any, dict[str, str]]:
    size = max(1, -(-len(raw) // parts))
    pieces = [raw[i : i + size] for i in range(0, len(raw), size)] or [b""]
    messages = [
        {"type": "http.request", "body": piece, "more_body": index < len(pieces) - 1}
        for index, piece in enumerate(pieces)
    ]

    async def receive() -> dict[str, Any]:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    sent = {"content-type": "application/json", **headers}
    scope = {
        "type": "http",
        "method": method or ("POST" if raw else "GET"),
        "path": f"/churn{path}",
        "root_path": "/churn",
        "query_string": b"",
        "headers": [(k.lower().encode(), v.encode()) for k, v in sent.items()],
    }
    response = await service.answer(Request(scope, receive))
    text = bytes(response.body).decode()
    return response.status_code, json.loads(text) if text else None, dict(response.headers)
