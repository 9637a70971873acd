"""What an endpoint's model takes and gives, read from the fitted pipeline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from engine.data.columns import Column
from engine.plain_values import plain

_JSON_TYPES: Mapping[str, list[str]] = {
    "Numeric": ["number", "boolean", "null"],
    "DateTime": ["string", "number", "null"],
}
_PROBLEMS: Mapping[str, str] = {
    "401": "the token is missing or wrong",
    "413": "the body is too large",
    "415": "the content type is not supported",
    "422": "a column does not fit; the answer names it and says why",
    "500": "the model failed",
    "503": "too many requests wait; Retry-After says when to come again",
}
_PROBLEM: Mapping[str, Any] = {
    "type": "object",
    "properties": {"error": {"type": "string"}, "column": {"type": ["string", "null"]}},
}
_ANY_VALUE = ["string", "number", "boolean", "null"]


@dataclass(frozen=True)
class ModelSchema:
    """Columns of the rows that a model takes, and the classes that it predicts.

    Attributes
    ----------
    columns:
        The raw columns of training and their types, in their order.
    named:
        Whether the names are the user's. Where they are not, rows are taken by position.
    classes:
        The classes of a classifier; ``None`` for a regression.

    Examples
    --------
    >>> import pandas as pd
    >>> from sklearn.linear_model import LinearRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from engine.pipelines.features.numeric_matrix import NumericMatrix
    >>> table = pd.DataFrame({"a": [1.0, 2.0], "b": [0.0, 1.0]})
    >>> pipeline = make_pipeline(NumericMatrix(), LinearRegression()).fit(table, [0, 1])
    >>> schema = ModelSchema.of(pipeline)
    >>> schema.names, schema.named, schema.classes
    (['a', 'b'], True, None)
    """

    columns: tuple[Column, ...]
    named: bool
    classes: tuple[Any, ...] | None

    @classmethod
    def of(cls, model: Any) -> ModelSchema:
        """Read the schema of a fitted pipeline of a run."""
        first = model.steps[0][1]
        columns = tuple(
            Column(
                row["RawFeatureName"],
                "Ignore" if row["Dropped"] == "Yes" else row["TypeDetected"],
                row["Reason"],
            )
            for row in first.get_featurization_summary()
        )
        # SharedFeatures of an ensemble wraps the first step of a member.
        named = getattr(getattr(first, "transformer", first), "named", None)
        if named is None:
            named = hasattr(first, "feature_names_in_")
        classes = getattr(model, "classes_", None)
        return cls(columns, bool(named), None if classes is None else tuple(plain(list(classes))))

    @cached_property
    def names(self) -> list[str]:
        """Names of the columns, in their order."""
        return [column.name for column in self.columns]

    @cached_property
    def is_numeric(self) -> bool:
        """Whether the model uses numbers alone."""
        return all(column.purpose == "Numeric" for column in self.needed)

    @cached_property
    def known(self) -> frozenset[str]:
        """The names as a set."""
        return frozenset(self.names)

    @cached_property
    def needed(self) -> tuple[Column, ...]:
        """The columns that rows must have: those that the model uses."""
        return tuple(column for column in self.columns if column.purpose != "Ignore")

    def to_json(self) -> dict[str, Any]:
        """Return the JSON Schema of one row."""
        return {
            "type": "object",
            "properties": {
                column.name: {
                    "type": _JSON_TYPES.get(column.purpose, _ANY_VALUE),
                    "description": column.purpose
                    + (f" ({column.reason})" if column.reason else ""),
                }
                for column in self.columns
            },
            "required": [column.name for column in self.needed],
            "additionalProperties": False,
        }


def openapi(name: str, schema: ModelSchema, version: str) -> dict[str, Any]:
    """Return the OpenAPI document of an endpoint.

    Parameters
    ----------
    name:
        Name of the endpoint, which is also the prefix of its paths.
    version:
        Version of the model that is served.

    Examples
    --------
    >>> schema = ModelSchema((Column("a", "Numeric"),), True, None)
    >>> sorted(openapi("churn", schema, "1")["paths"])
    ['/health', '/invocations', '/openapi.json', '/ping', '/ready', '/score']
    """
    answers = {"responses": {"200": {"description": "yes"}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": name, "version": version},
        "servers": [{"url": f"/{name}"}],
        "paths": {
            "/invocations": {"post": {"summary": "Predict", **_predict()}},
            "/score": {"post": {"summary": 'Predict; {"data": [...]} in, {"result": [...]} out'}},
            "/ping": {"get": {"summary": "Is it alive?", **answers}},
            "/health": {"get": {"summary": "Is it alive?", **answers}},
            "/ready": {"get": {"summary": "Is a model loaded?", **answers}},
            "/openapi.json": {"get": {"summary": "This document", **answers}},
        },
        "components": {"schemas": {"Row": schema.to_json(), "Problem": _PROBLEM}},
    }


def _predict() -> dict[str, Any]:
    """Return request body and responses of the path that predicts."""
    rows = {"type": "array", "items": {"$ref": "#/components/schemas/Row"}}
    bodies = {
        "type": "object",
        "description": "Exactly one of the keys.",
        "properties": {
            "dataframe_records": rows,
            "dataframe_split": {"type": "object"},
            "instances": {"type": "array"},
            "inputs": {},
        },
    }
    predictions = {"type": "object", "properties": {"predictions": {"type": "array"}}}
    problem = _json({"$ref": "#/components/schemas/Problem"})
    return {
        "requestBody": {
            "required": True,
            "content": {**_json(bodies), "text/csv": {"schema": {"type": "string"}}},
        },
        "responses": {
            "200": {"description": "a prediction for each row", "content": _json(predictions)},
            **{code: {"description": text, "content": problem} for code, text in _PROBLEMS.items()},
        },
    }


def _json(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def first_missing(names: Sequence[str], schema: ModelSchema) -> str | None:
    """Return the first needed column that is not among ``names``.

    >>> schema = ModelSchema((Column("a", "Numeric"), Column("b", "Ignore")), True, None)
    >>> first_missing(["b"], schema), first_missing(["a"], schema)
    ('a', None)
    """
    there = set(names)
    return next((c.name for c in schema.needed if c.name not in there), None)
