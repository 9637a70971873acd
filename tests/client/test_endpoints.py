"""Endpoints by their records, with a server of the test's own in place of Ray Serve."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest

from engine import Endpoint, RunException
from engine.cli.parser import main
from tests.live.helpers import free_port

ROWS = pd.DataFrame({"a": [1.0, 2.0]})
GOOD = (200, "application/json", b'{"predictions": [1, 2]}')
#: Ray Serve's answer when a replica ends with a request.
LOST = (500, "text/plain; charset=utf-8", b"Internal Server Error")
FAILED = (500, "application/json", b'{"error": "the model failed", "column": null}')
BUSY = (503, "application/json", b'{"error": "64 requests wait already", "column": null}')


@contextmanager
def answering(*answers: tuple[int, str, bytes]) -> Iterator[int]:
    """The port of a server that gives these answers, one after the other."""
    left = list(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.do_GET()

        def do_GET(self) -> None:
            status, kind, body = left.pop(0)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert left == []


def known_endpoint(workspace, **changes) -> Endpoint:
    """An endpoint that a process has deployed which has ended."""
    folder = workspace.folder / "endpoints" / "churn"
    folder.mkdir(parents=True)
    version = {"version": 1, "iteration_id": None, "setup": None, "settings": {}}
    record = {
        "name": "churn", "compute_target": "local", "owner": {"pid": os.getpid(), "started": -1},
        "host": "127.0.0.1", "port": free_port(), "ray_variables": {}, "settings": {},
        "versions": [version],
    }  # fmt: skip
    (folder / "endpoint.json").write_text(json.dumps(record | changes))
    return Endpoint(workspace, "churn")


@pytest.mark.parametrize("first", [LOST, BUSY], ids=["lost replica", "full queue"])
def test_a_request_is_sent_once_more(workspace, first):
    with answering(first, GOOD) as port:
        assert known_endpoint(workspace, port=port).predict(ROWS).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ((FAILED,), "answered 500: the model failed"),
        ((LOST, LOST), "answered 500: Internal Server Error"),
        ((BUSY, BUSY), "answered 503: 64 requests wait already"),
    ],
)
def test_it_is_not_sent_again_for_ever(workspace, answers, reason):
    with answering(*answers) as port, pytest.raises(RunException, match=reason):
        known_endpoint(workspace, port=port).predict(ROWS)


def test_what_ended_with_its_process_is_forgotten(workspace):
    endpoint = known_endpoint(workspace)
    assert endpoint.status == "NOT_DEPLOYED"
    with pytest.raises(RunException, match="has ended with its process or its cluster"):
        endpoint.update(max_batch_size=8)
    endpoint.delete()
    assert "churn" not in workspace.endpoints
    endpoint.delete()


def test_one_of_another_process_is_seen(workspace):
    with answering((200, "application/json", b'{"status": "ready"}')) as port:
        assert known_endpoint(workspace, port=port).status == "RUNNING"


def test_what_answers_there_now_is_another_one(workspace):
    with answering((404, "text/plain", b"no such application")) as port:
        assert known_endpoint(workspace, port=port).status == "NOT_DEPLOYED"


def test_its_compute_target_is_gone(workspace, capsys):
    endpoint = known_endpoint(workspace, compute_target="automlcl", owner=None)
    assert endpoint.status == "NOT_DEPLOYED"
    assert endpoint.get_details()["message"] == "its compute target has been deleted"
    assert main(["--workspace", str(workspace.folder), "endpoints"]) == 0
    assert "NOT_DEPLOYED" in capsys.readouterr().out
    endpoint.delete()
    assert "churn" not in workspace.endpoints


def test_its_cluster_does_not_answer(workspace):
    folder = workspace.folder / "compute" / "gone"
    folder.mkdir(parents=True)
    address = f"http://127.0.0.1:{free_port()}"
    record = {"name": "gone", "type": "attached", "address": address}
    (folder / "target.json").write_text(json.dumps(record))
    endpoint = known_endpoint(workspace, compute_target="gone", owner=None)
    details = endpoint.get_details()
    assert (details["state"], details["replicas"]) == ("UNREACHABLE", 0)
    assert "does not answer" in details["message"]
