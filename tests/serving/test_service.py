"""The HTTP side of an endpoint, without a server and without Ray."""

from __future__ import annotations

import asyncio
import json

import pytest

from engine.serving.served_model import ServedModel
from engine.serving.service import MOST_BYTES, Service, ServiceLimits, digest_of_token
from tests.serving.models import answer, ask, classifier, customers

ROW = {"age": 60, "plan": "gold", "since": "2020-02-01"}
RECORDS = {"dataframe_records": [ROW, {**ROW, "age": 20}]}


class Counts:
    def __init__(self):
        self.statuses, self.rows = [], 0

    def on_answer(self, status, seconds):
        assert seconds >= 0
        self.statuses.append(status)

    def on_rows(self, rows):
        self.rows += rows.count


class Model:
    """A served model whose predictions wait for a signal, where there is one."""

    def __init__(self, version=1, until=None):
        self._served = ServedModel(classifier(), version)
        self.schema, self.version, self._until = self._served.schema, version, until

    async def predict(self, rows):
        if self._until is not None:
            await self._until.wait()
        return self._served.answer([rows])[0]


def make(limits=None, model=None):
    counts = Counts()
    service = Service("churn", limits or ServiceLimits(64), counts)
    if model is not False:
        service.serve(model or Model())
    return service, counts


def test_predictions_as_mlflow_gives_them():
    service, counts = make()
    status, content, headers = ask(service, "/invocations", RECORDS)
    assert (status, content) == (200, {"predictions": ["gone", "here"]})
    assert headers["content-type"] == "application/json"
    assert (counts.statuses, counts.rows) == ([200], 2)


def test_scores_as_the_retired_service_gave_them():
    service, _ = make()
    assert ask(service, "/score", {"data": RECORDS["dataframe_records"]})[:2] == (
        200,
        {"result": ["gone", "here"]},
    )


@pytest.mark.parametrize("path", ["/ping", "/health"])
def test_it_is_alive_before_it_is_ready(path):
    service, _ = make(model=False)
    assert ask(service, path)[0] == 200
    status, _, headers = ask(service, "/ready")
    assert (status, headers["retry-after"]) == (503, "1")
    assert ask(service, "/invocations", RECORDS)[0] == 503
    service.serve(Model(version=7))
    assert ask(service, "/ready")[:2] == (200, {"status": "ready", "version": 7})


def test_its_own_description():
    content = ask(make()[0], "/openapi.json")[1]
    assert content["components"]["schemas"]["Row"]["required"] == ["age", "plan", "since"]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [
        ("/nothing", "GET", 404), ("/", "GET", 404), ("/invocations/x", "GET", 404),
        ("/invocations", "GET", 405), ("/ready", "DELETE", 405), ("/score", "PUT", 405),
    ],
)  # fmt: skip
def test_other_paths_and_methods(path, method, status):
    found, content, headers = ask(make()[0], path, method=method)
    assert found == status
    assert content["error"]
    assert ("allow" in headers) == (status == 405)


def test_a_refusal_names_the_column():
    service, counts = make()
    status, content, _ = ask(service, "/invocations", {"instances": [{**ROW, "age": "x"}]})
    assert status == 422
    assert content["column"] == "age"
    assert "no number" in content["error"]
    assert (counts.statuses, counts.rows) == ([422], 0)


@pytest.mark.parametrize("announced", [True, False])
def test_a_body_that_is_too_large(announced):
    headers = {"content-length": str(MOST_BYTES + 1)} if announced else {}
    raw = b"x" if announced else b"x" * (MOST_BYTES + 1)
    status, content, _ = ask(make()[0], "/invocations", raw, headers=headers, parts=8)
    assert status == 413
    assert "64 MB" in content["error"]


def test_a_large_body_is_read():
    service, _ = make()
    body = json.dumps({"dataframe_records": [ROW] * 20_000}).encode()
    status, content, _ = ask(service, "/invocations", body, parts=5)
    assert status == 200
    assert len(content["predictions"]) == 20_000


def test_a_full_queue_says_when_to_come_again():
    async def flood():
        until = asyncio.Event()
        service, counts = make(ServiceLimits(most_waiting=3), Model(until=until))
        raw = json.dumps(RECORDS).encode()
        waiting = [
            asyncio.ensure_future(answer(service, "/invocations", raw, None, {})) for _ in range(5)
        ]
        while len(counts.statuses) < 2:
            await asyncio.sleep(0)
        alive = await answer(service, "/ping", b"", None, {})
        until.set()
        return await asyncio.gather(*waiting), alive

    answers, alive = asyncio.run(flood())
    assert sorted(status for status, _, _ in answers) == [200, 200, 200, 503, 503]
    assert all(headers["retry-after"] == "1" for status, _, headers in answers if status == 503)
    assert alive[0] == 200


def test_a_place_in_the_queue_is_given_back_after_every_request():
    service, _ = make(ServiceLimits(most_waiting=1))
    for body in (RECORDS, {"instances": []}, b"{", RECORDS):
        ask(service, "/invocations", body)
    assert ask(service, "/invocations", RECORDS)[0] == 200


def test_rows_stay_with_the_model_that_checked_them():
    async def swap():
        until = asyncio.Event()
        old = Model(1, until)
        service, _ = make(model=old)
        raw = json.dumps(RECORDS).encode()
        waiting = asyncio.ensure_future(answer(service, "/invocations", raw, None, {}))
        await asyncio.sleep(0)
        service.serve(Model(2))
        until.set()
        return await waiting

    assert asyncio.run(swap())[0] == 200


@pytest.mark.parametrize("given", [None, "Bearer wrong", "Basic secret", "secret", "Bearer "])
def test_without_the_token_there_is_nothing_but_life(given):
    service, _ = make(ServiceLimits(64, digest_of_token("secret")))
    headers = {} if given is None else {"Authorization": given}
    for path in ("/invocations", "/score", "/openapi.json"):
        body = None if path == "/openapi.json" else RECORDS
        status, _, answered = ask(service, path, body, headers=headers)
        assert (status, answered["www-authenticate"]) == (401, "Bearer")
    assert ask(service, "/ping", headers=headers)[0] == 200
    assert ask(service, "/ready", headers=headers)[0] == 200


def test_with_the_token():
    service, _ = make(ServiceLimits(64, digest_of_token("secret")))
    for kind in ("Bearer", "bearer"):
        headers = {"Authorization": f"{kind} secret"}
        assert ask(service, "/invocations", RECORDS, headers=headers)[0] == 200


def test_what_is_answered_is_what_the_model_predicts():
    table = customers()
    records = json.loads(table.to_json(orient="records"))
    content = ask(make()[0], "/invocations", {"dataframe_records": records})[1]
    assert content["predictions"] == classifier().predict(table).tolist()
