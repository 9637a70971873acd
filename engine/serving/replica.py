"""A replica of an endpoint: one process on a node that holds the model, as Ray Serve runs it."""

from __future__ import annotations

import asyncio
import logging
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ray.serve import metrics
from starlette.requests import Request
from starlette.responses import Response

from cluster.jobs.worker_setup import call_functions
from engine.data.training_summary import TrainingSummary
from engine.serving import kept_models
from engine.serving.batches import Batches
from engine.serving.calls import Answer, Call
from engine.serving.drift import Drift
from engine.serving.failures import reason_of
from engine.serving.package import ScriptPackage, unpack
from engine.serving.problems import RequestProblem
from engine.serving.rows import AnyRows
from engine.serving.schema import ModelSchema
from engine.serving.served_model import ServedModel
from engine.serving.served_script import ServedScript
from engine.serving.service import Service, ServiceLimits
from engine.store.packing import unpack_model

_log = logging.getLogger("ray.serve")
_DRIFT_SECONDS = 5.0
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
        self.drift = model.drift
        self._model = model
        # Batches of each model alone: rows that one has checked are never predicted by another.
        self._batches = Batches(
            self._answer, self._after, most=max_batch_size, wait_seconds=batch_wait_ms / 1000
        )

    async def predict(self, rows: AnyRows) -> list[Any] | RequestProblem:
        """Return a prediction for each row, or why there is none."""
        return await self._batches.result_of(rows, rows.count)

    async def score(self, body: bytes) -> Any:
        """Refuse: a model takes rows."""
        raise NotImplementedError

    async def _answer(self, requests: list[AnyRows]) -> list[list[Any] | RequestProblem]:
        return await asyncio.to_thread(self._model.answer, requests)

    async def _after(
        self, requests: list[AnyRows], answers: Sequence[list[Any] | RequestProblem]
    ) -> None:
        # The answers are on their way: nobody waits for the count.
        if self.drift is not None and self.drift.is_due:
            await asyncio.to_thread(self._model.count, requests, answers)


class ThreadedScript:
    """A script, called beside the event loop."""

    schema = None
    drift = None

    def __init__(self, script: ServedScript) -> None:
        self.version = script.version
        self._script = script

    async def predict(self, rows: AnyRows) -> list[Any] | RequestProblem:
        """Refuse: a script takes the body."""
        raise NotImplementedError

    async def score(self, body: bytes) -> Any:
        """Return what the script answers."""
        return await asyncio.to_thread(self._script.score, body)


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

        self._drift = metrics.Gauge(
            "raysmith_endpoint_drift",
            description="Population stability index of a column against the training data.",
            tag_keys=("endpoint", "column"),
        )
        self._drift.set_default_tags({"endpoint": name})
        self._watched: Drift | None = None
        threading.Thread(target=self._tell_drift, daemon=True).start()

    def watch(self, drift: Drift | None) -> None:
        """Tell the drift of the model that is served from now on."""
        self._watched = drift

    def _tell_drift(self) -> None:
        while True:
            time.sleep(_DRIFT_SECONDS)
            indices = {} if self._watched is None else self._watched.indices()
            for column, index in indices.items():
                self._drift.set(index, tags={"column": column})

    def on_answer(self, status: int, seconds: float) -> None:
        """Count an answer to a request for predictions."""
        self._requests.inc(tags={"status": str(status)})
        self._latency.observe(1000 * seconds)

    def on_rows(self, rows: AnyRows) -> None:
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
        try:
            call_functions(config["setup"] or "")
            loaded = await asyncio.to_thread(self._load, config["version"], config["digest"])
        except Exception as error:
            reason = reason_of(error)
            await asyncio.to_thread(kept_models.refuse, self._name, config["version"], reason)
            if self._service is None:
                raise
            # Serve would end a replica that raises, and with it the model that answers.
            return
        model: BatchedModel | ThreadedScript
        if isinstance(loaded, ServedScript):
            model = ThreadedScript(loaded)
        else:
            model = BatchedModel(loaded, config["max_batch_size"], config["batch_wait_ms"])
        if self._service is None:
            self._service = Service(self._name, limits, self._counters)
        self._service.limits = limits
        self._service.serve(model)
        self._counters.watch(model.drift)

    async def __call__(self, request: Request) -> Response:
        """Answer a request."""
        assert self._service is not None  # Serve sends none before the first `reconfigure`
        return await self._service.answer(request)

    async def answer_all(self, calls: Sequence[Call]) -> list[Answer]:
        """Answer the requests that the front sends together."""
        return list(await asyncio.gather(*(self._answer(call) for call in calls)))

    async def _answer(self, call: Call) -> Answer:
        assert self._service is not None
        began = time.monotonic()
        answer = Answer.of(await self._service.answer(call.request()))
        _log.info(
            "POST /%s%s %d %.1fms",
            self._name, call.path, answer.status, 1000 * (time.monotonic() - began),
        )  # fmt: skip
        return answer

    def _load(self, version: int, digest: str) -> ServedModel | ServedScript:
        package = unpack(kept_models.read(self._name, version, digest))
        if isinstance(package, ScriptPackage):
            self._folder = tempfile.TemporaryDirectory(prefix="raysmith-endpoint-")
            return ServedScript(package, version, Path(self._folder.name))
        drift = None
        if package.summary is not None:
            summary = TrainingSummary.from_json(package.summary)
            drift = Drift(summary) if summary.counted else None
        return ServedModel(unpack_model(package.model), version, drift)
