"""A run whose table is behind a password: the driver reads it, and the store never has it."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from engine import AutoMLRun, ConfigException
from engine.store.status import RunStatus
from tests.driver.replay import Replay

pytestmark = pytest.mark.usefixtures("store_in_memory")

PLANTED = "planted-4711"
CSV = "a,t\n" + "".join(f"{n},{n % 2}\n" for n in range(120))


@pytest.fixture
def table():
    """The address of a table that is given to those who know the token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            knows = parse_qs(urlsplit(self.path).query).get("token") == [PLANTED]
            content = CSV.encode() if knows else b""
            self.send_response(200 if knows else 403)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *arguments):
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/t.csv"
    server.shutdown()
    thread.join()
    server.server_close()


def replay_of(experiment, uri, **settings):
    data = {"training_data": uri, "label_column_name": "t"}
    return Replay(experiment, data=data, iterations=2, debug_log="automl.log", **settings)


def everything(replay, folder):
    store, run_id = replay.store, replay.run_id
    owners = [run_id, *(record.run_id for record in store.iterations(run_id))]
    yield from (str(store.client.get_run(owner).to_dictionary()).encode() for owner in owners)
    yield from (store.read_bytes(o, file) for o in owners for file in store.files(o))
    yield from (file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_the_run_completes_and_nothing_has_the_password(experiment, table, tmp_path, capfd):
    replay = replay_of(experiment, f"{table}?token={PLANTED}")
    assert replay.drive() == {0: "Completed", 1: "Completed"}
    assert replay.status == "Completed"
    assert not [found for found in everything(replay, tmp_path) if PLANTED.encode() in found]
    assert PLANTED not in "".join(capfd.readouterr())


def test_an_error_does_not_have_it_either(experiment, table, tmp_path, capfd):
    replay = replay_of(experiment, f"{table}x?token={PLANTED}")
    replay.drive()
    assert replay.status == "Failed"
    assert f"{table}x?token=***" in replay.run.get_details()["error"]
    assert not [found for found in everything(replay, tmp_path) if PLANTED.encode() in found]
    assert PLANTED not in "".join(capfd.readouterr())


def test_another_process_needs_the_uri(experiment, table, monkeypatch):
    replay = replay_of(experiment, f"{table}?token={PLANTED}")
    replay.drive()
    run = AutoMLRun(experiment, replay.run_id)
    with pytest.raises(ConfigException, match=r"os\.environ\['RAYSMITH_TRAINING_DATA'\]"):
        run.continue_experiment(iterations=1)
    assert replay.status == "Completed"
    launched = []
    monkeypatch.setattr(
        "cluster.targets.embedded.EmbeddedTarget.launch", lambda _, what: launched.append(what)
    )
    monkeypatch.setenv("RAYSMITH_TRAINING_DATA", f"{table}?token={PLANTED}")
    run.continue_experiment(iterations=1)
    assert launched[0].secrets["RAYSMITH_TRAINING_DATA"].endswith(PLANTED)
    assert launched[0].variables == {}
    assert PLANTED not in f"{launched[0]}{replay.store.load_spec(replay.run_id)}"
    replay.store.set_status(replay.run_id, RunStatus.CANCELED)
