"""What passes between the front of an endpoint and its replicas. It knows no Ray."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import Response

from engine.serving.settings import EndpointSettings

Headers = Sequence[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Call:
    """A request for predictions.

    Attributes
    ----------
    path:
        Path below the endpoint.
    headers:
        Those of `HEADERS` that the request has.
    body:
        All of its body.
    """

    HEADERS: ClassVar[frozenset[bytes]] = frozenset([b"content-type", b"authorization"])

    path: str
    headers: Headers
    body: bytes

    def request(self) -> Request:
        """Return the request as a service takes it."""
        scope = {
            "type": "http",
            "method": "POST",
            "path": self.path,
            "root_path": "",
            "query_string": b"",
            "headers": self.headers,
        }
        message = {"type": "http.request", "body": self.body, "more_body": False}

        async def receive() -> dict[str, Any]:
            return message

        return Request(scope, receive)


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a call: HTTP status, headers and body."""

    status: int
    headers: Headers
    body: bytes

    @classmethod
    def of(cls, response: Response) -> Answer:
        """Return what a response sends.

        >>> Answer.of(Response("no", 404)).status
        404
        """
        return cls(response.status_code, response.raw_headers, bytes(response.body))


@dataclass(frozen=True)
class FrontSettings:
    """How the front calls the replicas of an endpoint.

    Attributes
    ----------
    max_batch_size:
        Most requests of a call.
    calls_at_once:
        Calls with several requests that are under way at the same time.
    most_waiting:
        Requests that wait for a call; further ones get 503.
    token_digest:
        SHA-256 of the token, without which no body is read; ``None`` for an open endpoint.

    Examples
    --------
    >>> settings = FrontSettings.of(EndpointSettings(num_replicas=2), None)
    >>> settings.max_batch_size, settings.calls_at_once, settings.most_waiting
    (32, 3, 512)
    >>> FrontSettings.from_json(settings.to_json()) == settings
    True
    """

    max_batch_size: int
    calls_at_once: int
    most_waiting: int
    token_digest: str | None

    @classmethod
    def of(cls, settings: EndpointSettings, token_digest: str | None) -> FrontSettings:
        """Return how the replicas of an endpoint are called."""
        replicas = max(settings.num_replicas, settings.max_replicas or 1)
        return cls(
            settings.max_batch_size,
            # Each replica has a call that it works on, and one is on its way.
            replicas + 1,
            replicas * settings.most_waiting,
            token_digest,
        )

    def to_json(self) -> bytes:
        """Return the settings as JSON."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> FrontSettings:
        """Return the settings of which `to_json` returns this text."""
        return cls(**json.loads(text))
