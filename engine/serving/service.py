"""The HTTP side of an endpoint: paths, limits, the token, answers. It knows no Ray."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.serving.problems import RequestProblem, come_again
from engine.serving.rows import AnyRows, parse
from engine.serving.schema import ModelSchema, openapi

#: Largest body of a request.
MOST_BYTES = 64 * 1024 * 1024
#: Paths that answer without a token: they tell nothing of the model.
_OPEN_PATHS = ("/ping", "/health", "/ready")


class Model(Protocol):
    """The model that a service serves."""

    @property
    def schema(self) -> ModelSchema | None:
        """What the model takes and gives; ``None`` for a script, which sees the body itself."""

    @property
    def version(self) -> int:
        """Number of the endpoint's version."""

    async def predict(self, rows: AnyRows) -> list[Any] | RequestProblem:
        """Return a prediction for each row, or why there is none."""

    async def score(self, body: bytes) -> Any:
        """Return what the script answers to a body, or the problem."""


class Counters(Protocol):
    """Where a service counts what it does."""

    def on_answer(self, status: int, seconds: float) -> None:
        """Count an answer to a request for predictions."""

    def on_rows(self, rows: AnyRows) -> None:
        """Count the values of rows that were predicted."""


@dataclass(frozen=True)
class ServiceLimits:
    """Limits of one replica.

    Attributes
    ----------
    most_waiting:
        Requests for predictions that may be in flight; further ones get 503.
    token_digest:
        SHA-256 of the token, as hexadecimal digits; ``None`` for an endpoint without a token.
    """

    most_waiting: int
    token_digest: str | None = None


def digest_of_token(token: str) -> str:
    """Return the SHA-256 of a token, which is all that a cluster gets.

    >>> digest_of_token("secret")[:8]
    '2bb80d53'
    """
    return hashlib.sha256(token.encode()).hexdigest()


class Service:
    """Answer the requests to one endpoint.

    Parameters
    ----------
    name:
        Name of the endpoint.
    limits:
        What is too much.
    counters:
        Counts answers and values.
    """

    def __init__(
        self,
        name: str,
        limits: ServiceLimits,
        counters: Counters,
    ) -> None:
        self.limits = limits
        self._name = name
        self._counters = counters
        self._waiting = 0
        self._model: Model | None = None

    def serve(self, model: Model) -> None:
        """Give the next requests to this model; those before stay with the one that took them."""
        self._model = model

    async def answer(self, request: Request) -> Response:
        """Return the answer to any request."""
        path = request.scope["path"].removeprefix(request.scope.get("root_path", "")) or "/"
        try:
            if path not in _OPEN_PATHS:
                given = request.headers.get("authorization", "")
                check_token(given, self.limits.token_digest)
            return await self._route(request, path)
        except RequestProblem as problem:
            return refusal(problem)

    async def _route(self, request: Request, path: str) -> Response:
        if path in ("/invocations", "/score"):
            if request.method != "POST":
                raise RequestProblem(
                    405, f"{request.method} {path}: use POST", None, {"Allow": "POST"}
                )
            return await self._count(request, path)
        if request.method not in ("GET", "HEAD"):
            raise _wrong_method(request, path, "GET")
        if path in ("/ping", "/health"):
            return JSONResponse({"status": "ok"})
        if path == "/ready":
            return JSONResponse({"status": "ready", "version": self._loaded().version})
        if path == "/version":
            return JSONResponse({"version": self._loaded().version})
        if path == "/openapi.json":
            model = self._loaded()
            if model.schema is not None:
                return JSONResponse(openapi(self._name, model.schema, str(model.version)))
        raise RequestProblem(404, f"no such path: {path}; see /{self._name}/openapi.json")

    async def _count(self, request: Request, path: str) -> Response:
        began = time.monotonic()
        status = 500
        try:
            answer = await self._predictions(request, path)
            status = answer.status_code
            return answer
        except RequestProblem as problem:
            status = problem.status
            raise
        finally:
            self._counters.on_answer(status, time.monotonic() - began)

    async def _predictions(self, request: Request, path: str) -> Response:
        model = self._loaded()
        if self._waiting >= self.limits.most_waiting:
            raise come_again(f"{self._waiting} requests wait already; come again in a second")
        self._waiting += 1
        try:
            body = await read_body(request)
            if model.schema is None:
                return _answered(await model.score(body))
            kind = request.headers.get("content-type", "")
            if len(body) > 1_000_000:  # elsewhere, so that others are answered meanwhile
                rows = await asyncio.to_thread(parse, body, kind, model.schema)
            else:
                rows = parse(body, kind, model.schema)
            predictions = await model.predict(rows)
        finally:
            self._waiting -= 1
        key = "result" if path == "/score" else "predictions"
        answer = _answered(predictions, key)
        self._counters.on_rows(rows)
        return answer

    def _loaded(self) -> Model:
        if self._model is None:
            raise come_again("no model is loaded yet")
        return self._model


def check_token(authorization: str, digest: str | None) -> None:
    """Check that a request carries the token of an endpoint.

    Parameters
    ----------
    authorization:
        The header of that name.
    digest:
        SHA-256 of the token; ``None`` for an endpoint without one.

    Raises
    ------
    RequestProblem
        401 when the token is missing or wrong.
    """
    if digest is None:
        return
    kind, _, token = authorization.partition(" ")
    given = digest_of_token(token.strip()) if kind.lower() == "bearer" else ""
    if not hmac.compare_digest(given, digest):
        raise RequestProblem(
            401,
            "the token is missing or wrong; send the header Authorization: Bearer TOKEN",
            None,
            {"WWW-Authenticate": "Bearer"},
        )


async def read_body(request: Request) -> bytes:
    """Read the body; a large one is refused before all of it is here.

    Raises
    ------
    RequestProblem
        413 for a body over `MOST_BYTES`.
    """
    too_large = RequestProblem(
        413, f"the body is larger than {MOST_BYTES >> 20} MB; send fewer rows at a time"
    )
    announced = request.headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MOST_BYTES:
        raise too_large
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MOST_BYTES:
            raise too_large
        parts.append(part)
    return b"".join(parts)


def _answered(result: Any, key: str | None = None) -> Response:
    if isinstance(result, RequestProblem):
        raise result
    content = result if key is None else {key: result}
    return Response(json.dumps(content), media_type="application/json")


def _wrong_method(request: Request, path: str, allowed: str) -> RequestProblem:
    reason = f"{request.method} {path}: use {allowed}"
    return RequestProblem(405, reason, None, {"Allow": allowed})


def refusal(problem: RequestProblem) -> Response:
    """Return the answer that says why a request is refused."""
    content: Mapping[str, Any] = {"error": problem.reason, "column": problem.column}
    return JSONResponse(dict(content), problem.status, problem.headers)
