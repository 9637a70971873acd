"""A replica of an endpoint: one process on a node that holds the model, as Ray Serve runs it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from ray import serve
from ray.serve import metrics
from starlette.requests import Request
from starlette.responses import Response

from engine.serving import kept_models
from engine.serving.problems import RequestProblem
from engine.serving.rows import Rows
from engine.serving.schema import ModelSchema
from engine.serving.served_model import ServedModel
from engine.serving.service import Service, ServiceLimits
from engine.store.packing import unpack_model

_LATENCY_MS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000]


class BatchedModel:
    """A model whose requests are collected into batches, and predicted beside the event loop.

    Parameters
    ----------
    model:
        The model.
    max_batch_size, batch_wait_ms:
        See `engine.serving.settings.EndpointSettings`.
    """

    def __init__(self, model: ServedModel, max_batch_size: int, batch_wait_ms: float) -> None:
        self.schema: ModelSchema = model.schema
        self.version = model.version

        # A queue for each model: rows that one has checked are never predicted by another.
        @serve.batch(max_batch_size=max_batch_size, batch_wait_timeout_s=batch_wait_ms / 1000)
        async def predict(requests: list[Rows]) -> list[list[Any] | RequestProblem]:
            return await asyncio.to_thread(model.answer, requests)

        self._predict = predict

    async def predict(self, rows: Rows) -> list[Any] | RequestProblem:
        """Return a prediction for each row, or why there is none."""
        result: list[Any] | RequestProblem = await self._predict(rows)
        return result


class Counted:
    """Requests, errors and latency of an endpoint, in Ray's metrics."""

    def __init__(self, name: str) -> None:
        self._requests = metrics.Counter(
            "raysmith_endpoint_requests",
            description="Requests for predictions, by HTTP status.",
            tag_keys=("endpoint", "status"),
        )
        self._requests.set_default_tags({"endpoint": name})
        self._latency = metrics.Histogram(
            "raysmith_endpoint_latency_ms",
            description="Milliseconds from the request to its answer, in the replica.",
            boundaries=_LATENCY_MS,
            tag_keys=("endpoint",),
        )
        self._latency.set_default_tags({"endpoint": name})
        self._rows = metrics.Counter(
            "raysmith_endpoint_rows", description="Rows predicted.", tag_keys=("endpoint",)
        )
        self._rows.set_default_tags({"endpoint": name})

    def on_answer(self, status: int, seconds: float) -> None:
        """Count an answer to a request for predictions."""
        self._requests.inc(tags={"status": str(status)})
        self._latency.observe(1000 * seconds)

    def on_rows(self, rows: Rows) -> None:
        """Count the rows of a request that were predicted."""
        self._rows.inc(rows.count)


class Replica:
    """The deployment of an endpoint.

    Serve calls `reconfigure` at the start and whenever the endpoint is updated. The new model is
    loaded while the old one answers, so an update needs no further core and loses no request.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._counters = Counted(name)
        self._service: Service | None = None

    async def reconfigure(self, config: Mapping[str, Any]) -> None:
        """Load the model of a version and give it the next requests."""
        limits = ServiceLimits(config["most_waiting"], config["token_digest"])
        loaded = await asyncio.to_thread(self._load, config["version"], config["digest"])
        model = BatchedModel(loaded, config["max_batch_size"], config["batch_wait_ms"])
        if self._service is None:
            self._service = Service(self._name, limits, self._counters)
        self._service.limits = limits
        self._service.serve(model)

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        assert self._service is not None  # Serve sends none before the first `reconfigure`
        return await self._service.answer(request)

    def _load(self, version: int, digest: str) -> ServedModel:
        packed = kept_models.read(self._name, version, digest)
        return ServedModel(unpack_model(packed), version)
