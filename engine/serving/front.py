"""The front of endpoints: requests that come together reach a replica in one call.

It runs in Serve's proxy. By itself, the proxy exchanges several messages with a replica for each
request, which takes longer than many models. Requests for predictions are answered here; all others
go the proxy's own way.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from ray import serve
from ray.exceptions import RayTaskError
from ray.serve.exceptions import BackPressureError
from ray.util.metrics import Counter
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from engine.serving import kept_models
from engine.serving.batches import Batches
from engine.serving.calls import Answer, Call, FrontSettings
from engine.serving.failures import failure
from engine.serving.problems import RequestProblem, come_again
from engine.serving.service import check_token, read_body, refusal

_log = logging.getLogger("ray.serve")
_PATHS = ("invocations", "score")
#: Larger requests are sent alone.
_SMALL_BYTES = 32 * 1024
#: Seconds for which what is known of an endpoint holds.
_KNOWN_SECONDS = 1.0


def middlewares() -> list[Middleware]:
    """Return what Serve's proxy puts around its own application."""
    refused = Counter(
        "raysmith_endpoint_refused",
        description="Requests for predictions that reached no replica, by HTTP status.",
        tag_keys=("endpoint", "status"),
    )

    def count(name: str, status: int) -> None:
        refused.inc(tags={"endpoint": name, "status": str(status)})

    return [Middleware(Front, count=count)]


#: Sends calls to one of the replicas of an endpoint.
SendCalls = Callable[[list[Call]], Awaitable[Sequence[Answer]]]


def replicas_of(name: str) -> SendCalls:
    """Return what sends calls to the replicas of an endpoint of this cluster."""
    handle = serve.get_deployment_handle("Replica", name)

    async def send(calls: list[Call]) -> Sequence[Answer]:
        answers: Sequence[Answer] = await handle.answer_all.remote(calls)
        return answers

    return send


class Front:
    """Answers requests for predictions by calls of the replicas.

    Parameters
    ----------
    app:
        Takes all other requests.
    settings_of:
        Returns how an endpoint is called; ``None`` where there is no such endpoint.
    replicas_of:
        Returns what sends calls to an endpoint's replicas.
    count:
        Counts the requests that no replica has answered, by endpoint and status; default: nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings_of: Callable[[str], FrontSettings | None] = kept_models.front_of,
        replicas_of: Callable[[str], SendCalls] = replicas_of,
        count: Callable[[str, int], None] = lambda name, status: None,
    ) -> None:
        self._app = app
        self._count = count
        self._settings_of = settings_of
        self._replicas_of = replicas_of
        self._endpoints: dict[str, _Endpoint] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] == "http" and scope["method"] == "POST":
            name, _, path = scope["path"].lstrip("/").partition("/")
            endpoint = await self._endpoint(name) if path in _PATHS else None
            if endpoint is not None:
                await self._answer(endpoint, Request(scope, receive), path, send)
                return
        await self._app(scope, receive, send)

    async def _answer(self, endpoint: _Endpoint, request: Request, path: str, send: Send) -> None:
        try:
            given = request.headers.get("authorization", "")
            check_token(given, endpoint.settings.token_digest)
            headers = [(k, v) for k, v in request.scope["headers"] if k in Call.HEADERS]
            answer = await endpoint.answer(Call(f"/{path}", headers, await read_body(request)))
        except ClientDisconnect:
            return
        except RequestProblem as problem:
            answer = Answer.of(refusal(problem))
            self._count(endpoint.name, answer.status)
        await send(
            {"type": "http.response.start", "status": answer.status, "headers": answer.headers}
        )
        await send({"type": "http.response.body", "body": answer.body})

    async def _endpoint(self, name: str) -> _Endpoint | None:
        """Return the endpoint of a name; ``None`` where there is none."""
        known = self._endpoints.get(name)
        if known is not None:
            if known.is_recent:
                return known
            known.look()  # others go on with it meanwhile
        try:
            settings = await asyncio.to_thread(self._settings_of, name)
        except Exception as error:
            _log.warning("the cluster does not say what is served: %s", type(error).__name__)
            return known
        if settings is None:
            self._endpoints.pop(name, None)
            return None
        known = self._endpoints.get(name)  # another request may have been quicker
        if known is None or known.settings != settings:
            known = self._endpoints[name] = _Endpoint(name, settings, self._replicas_of)
        return known


class _Endpoint:
    """The replicas of an endpoint.

    Parameters
    ----------
    name:
        Its name.
    settings:
        How its replicas are called.
    replicas_of:
        See `Front`.
    """

    def __init__(
        self, name: str, settings: FrontSettings, replicas_of: Callable[[str], SendCalls]
    ) -> None:
        self.name = name
        self.settings = settings
        self.look()
        self._replicas_of = replicas_of
        self._replicas: SendCalls | None = None
        self._batches: Batches[Call, Answer] = Batches(
            self._send, most=settings.max_batch_size, at_once=settings.calls_at_once
        )

    @property
    def is_recent(self) -> bool:
        """Whether the settings need not be looked at again."""
        return time.monotonic() < self._until

    def look(self) -> None:
        """Take the settings as they are for a while."""
        self._until = time.monotonic() + _KNOWN_SECONDS

    async def answer(self, call: Call) -> Answer:
        """Return the answer of a replica."""
        if len(call.body) > _SMALL_BYTES:
            return (await self._send([call]))[0]
        if len(self._batches) >= self.settings.most_waiting:
            raise _too_many()
        return await self._batches.result_of(call)

    async def _send(self, calls: list[Call]) -> Sequence[Answer]:
        try:
            if self._replicas is None:
                self._replicas = await asyncio.to_thread(self._replicas_of, self.name)
            return await self._replicas(calls)
        except RayTaskError:
            raise failure("the endpoint") from None
        except BackPressureError:
            raise _too_many() from None
        except Exception as error:
            # Their texts name addresses and processes, which are the log's business.
            _log.warning("endpoint %s: %s", self.name, type(error).__name__)
            raise come_again("the replica was lost; send the request again") from error


def _too_many() -> RequestProblem:
    return come_again("too many requests wait already; come again in a second")
