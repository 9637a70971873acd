"""The front of endpoints before a real service: what is sent together, refused, or passed on."""

from __future__ import annotations

import asyncio
import importlib
import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from ray.exceptions import ActorUnavailableError, RayTaskError
from starlette.middleware import Middleware

from engine.serving import fronts
from engine.serving.calls import Answer, Call, FrontSettings
from engine.serving.front import Front
from engine.serving.rows import AnyRows
from engine.serving.served_model import ServedModel
from engine.serving.service import MOST_BYTES, Service, ServiceLimits, digest_of_token
from tests.serving.models import customers, regression

SETTINGS = FrontSettings(max_batch_size=8, calls_at_once=1, most_waiting=4, token_digest=None)
ROW = json.dumps({"instances": [[1.0, 2.0]]}).encode()
PREDICTED = regression().predict([[1.0, 2.0]]).tolist()


class Plain:
    """A model that answers without batches and threads."""

    def __init__(self) -> None:
        self._model = ServedModel(regression(named=False), 3)
        self.schema, self.version = self._model.schema, 3

    async def predict(self, rows: AnyRows):
        return self._model.answer([rows])[0]

    async def score(self, body: bytes):
        raise NotImplementedError


class Counters:
    def on_answer(self, status: int, seconds: float) -> None: ...

    def on_rows(self, rows: AnyRows) -> None: ...


class Replicas:
    """A service that is called as replicas are; it remembers the sizes of calls."""

    def __init__(self, digest: str | None) -> None:
        self.service = Service("sums", ServiceLimits(64, digest), Counters())
        self.service.serve(Plain())
        self.sizes: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.error: Exception | None = None

    async def __call__(self, calls: list[Call]) -> Sequence[Answer]:
        self.sizes.append(len(calls))
        await self.gate.wait()
        if self.error is not None:
            raise self.error
        return [Answer.of(await self.service.answer(call.request())) for call in calls]


async def other_app(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 418, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


class Cluster:
    """A front and what it finds on a cluster."""

    def __init__(self, token: str | None = None) -> None:
        digest = None if token is None else digest_of_token(token)
        self.endpoints = {"sums": replace(SETTINGS, token_digest=digest)}
        self.replicas = Replicas(digest)
        self.refused: list[tuple[str, int]] = []
        self.front = Front(
            other_app,
            self.endpoints.get,
            lambda name: self.replicas,
            lambda name, status: self.refused.append((name, status)),
        )

    async def ask(
        self, body: bytes = ROW, path: str = "/sums/invocations", method: str = "POST", **headers
    ) -> tuple[int, object, dict[bytes, bytes]]:
        messages = [
            {"type": "http.request", "body": body[:5], "more_body": True},
            {"type": "http.request", "body": body[5:], "more_body": False},
        ]
        sent: list[dict] = []

        async def receive():
            return messages.pop(0) if messages else {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        given = {"content-type": "application/json", "x-other": "1", **headers}
        scope = {
            "type": "http", "method": method, "path": path, "root_path": "", "query_string": b"",
            "headers": [(k.encode(), v.encode()) for k, v in given.items()],
        }  # fmt: skip
        await self.front(scope, receive, send)
        start, content = sent
        return start["status"], json.loads(content["body"]), dict(start["headers"])


@pytest.mark.parametrize(("path", "key"), [("invocations", "predictions"), ("score", "result")])
def test_it_answers_what_the_service_answers(path, key):
    async def main():
        return await Cluster().ask(path=f"/sums/{path}")

    status, content, headers = asyncio.run(main())
    assert (status, content) == (200, {key: PREDICTED})
    assert headers[b"content-type"] == b"application/json"
    assert int(headers[b"content-length"]) > 0


def test_requests_that_come_meanwhile_are_one_call():
    async def main():
        cluster = Cluster()
        cluster.replicas.gate.clear()
        asked = [asyncio.create_task(cluster.ask()) for _ in range(4)]
        while not cluster.replicas.sizes:
            await asyncio.sleep(0)
        for _ in range(20):
            await asyncio.sleep(0)
        cluster.replicas.gate.set()
        answers = await asyncio.gather(*asked)
        assert [status for status, _, _ in answers] == [200] * 4
        assert sum(cluster.replicas.sizes) == 4
        assert len(cluster.replicas.sizes) <= 2

    asyncio.run(main())


def test_a_large_request_waits_for_no_other():
    async def main():
        cluster = Cluster()
        cluster.replicas.gate.clear()
        large = json.dumps({"instances": [[1.0, 2.0]] * 5000}).encode()
        asked = [asyncio.create_task(cluster.ask(body)) for body in (ROW, large, large)]
        while len(cluster.replicas.sizes) < 3:
            await asyncio.sleep(0.001)
        assert cluster.replicas.sizes == [1, 1, 1]
        cluster.replicas.gate.set()
        answers = await asyncio.gather(*asked)
        assert [len(content["predictions"]) for _, content, _ in answers] == [1, 5000, 5000]

    asyncio.run(main())


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/other/invocations", "POST"),
        ("/sums/openapi.json", "GET"),
        ("/sums/invocations", "GET"),
        ("/sums/invocations/more", "POST"),
        ("/sums", "POST"),
        ("/", "POST"),
    ],
)
def test_all_others_go_their_way(path, method):
    async def main():
        return await Cluster().ask(path=path, method=method)

    assert asyncio.run(main())[0] == 418


def test_what_has_been_deleted_is_no_longer_answered(monkeypatch):
    async def main():
        cluster = Cluster()
        assert (await cluster.ask())[0] == 200
        monkeypatch.setattr("engine.serving.front._KNOWN_SECONDS", -1.0)
        cluster.front._endpoints.clear()
        assert (await cluster.ask())[0] == 200
        del cluster.endpoints["sums"]
        assert (await cluster.ask())[0] == 418

    asyncio.run(main())


def test_without_the_token_no_body_is_read():
    async def main():
        cluster = Cluster(token="a long secret")
        wrong = await cluster.ask(authorization="Bearer another")
        none = await cluster.ask(b"x" * 100)
        assert not cluster.replicas.sizes
        assert cluster.refused == [("sums", 401)] * 2
        return wrong, none, await cluster.ask(authorization="Bearer a long secret")

    wrong, none, right = asyncio.run(main())
    assert (wrong[0], none[0], right[0]) == (401, 401, 200)
    assert wrong[2][b"www-authenticate"] == b"Bearer"


def test_a_cluster_that_does_not_say_what_is_served():
    async def main():
        cluster = Cluster()
        assert (await cluster.ask())[0] == 200

        def lost(name):
            raise ConnectionError("no head")

        cluster.front._settings_of = lost
        unknown = await cluster.ask(path="/other/invocations")
        cluster.front._endpoints["sums"]._until = 0.0
        return unknown, await cluster.ask()

    unknown, known = asyncio.run(main())
    assert (unknown[0], known[0]) == (418, 200)


def test_a_body_that_is_too_large_reaches_no_replica():
    async def main():
        cluster = Cluster()
        answer = await cluster.ask(**{"content-length": str(MOST_BYTES + 1)})
        assert not cluster.replicas.sizes
        return answer

    status, content, _ = asyncio.run(main())
    assert status == 413
    assert "64 MB" in content["error"]


def test_a_flood_is_told_to_come_again():
    async def main():
        cluster = Cluster()
        cluster.replicas.gate.clear()
        asked = [asyncio.create_task(cluster.ask()) for _ in range(40)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        assert {task.result()[0] for task in done} == {503}
        cluster.replicas.gate.set()
        answers = await asyncio.gather(*asked)
        refused = [headers for status, _, headers in answers if status == 503]
        assert {status for status, _, _ in answers} == {200, 503}
        assert {headers[b"retry-after"] for headers in refused} == {b"1"}

    asyncio.run(main())


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ActorUnavailableError("the replica is gone", None), 503),
        (RayTaskError("answer_all", "trace", ValueError("a secret row")), 500),
    ],
)
def test_a_call_that_fails_says_no_rows(error, status, caplog):
    async def main():
        cluster = Cluster()
        cluster.replicas.error = error
        failed = await cluster.ask()
        cluster.replicas.error = None
        return failed, await cluster.ask()

    failed, later = asyncio.run(main())
    assert (failed[0], later[0]) == (status, 200)
    assert "secret" not in failed[1]["error"] + caplog.text
    assert (b"retry-after" in failed[2]) == (status == 503)


def test_a_client_that_goes_away_is_left():
    async def main():
        cluster = Cluster()
        sent = []

        async def receive():
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)

        scope = {"type": "http", "method": "POST", "path": "/sums/invocations", "headers": []}
        await cluster.front(scope, receive, send)
        assert not sent
        assert not cluster.replicas.sizes

    asyncio.run(main())


def test_serves_proxy_takes_it_as_its_middleware():
    """As Serve does: the hook is imported, and what it returns is put around the proxy's app."""
    module, _, name = fronts.OF_SERVE["RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH"].partition(":")
    [middleware] = getattr(importlib.import_module(module), name)()
    assert isinstance(middleware, Middleware)
    front = middleware.cls(other_app, *middleware.args, **middleware.kwargs)
    front._count("sums", 503)

    async def main():
        cluster = Cluster()
        cluster.front = front
        return await cluster.ask(path="/sums/openapi.json", method="GET")

    assert asyncio.run(main())[0] == 418


def test_rows_of_customers_reach_no_log(caplog):
    async def main():
        body = json.dumps({"dataframe_records": customers()[:2].to_dict("records")}).encode()
        return await Cluster().ask(body)

    assert asyncio.run(main())[0] == 422
    assert "gold" not in caplog.text
