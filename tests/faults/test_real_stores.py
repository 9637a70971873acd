"""Faults of real stores: a locked database, a full disk, a server that stops, a connection cut."""

from __future__ import annotations

import logging
import os
import pwd
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy

from engine import AutoMLRun, Experiment, RunException, Workspace
from engine.driver import driver
from engine.store.mlflow_store import RunStore
from engine.store.retrying import Patience
from engine.store.spool import Spool
from engine.store.status import IterationStatus, RunStatus
from tests.conftest import copied_database
from tests.driver.replay import Replay, scored

pytestmark = pytest.mark.slow

#: A driver's patience in these tests, in real seconds, and another one that is soon over.
PATIENT, HASTY = Patience(60.0, 0.05, 0.2), Patience(0.5, 0.05, 0.2)
#: Seconds that a test waits for something at most.
LONG = 60.0


@pytest.fixture(autouse=True)
def patience(monkeypatch):
    monkeypatch.setattr(driver, "OF_A_DRIVER", PATIENT)


class AtAnEnd:
    """Does something in the middle of a run: when its second trial has ended."""

    def __init__(self, do):
        self._do = do
        self.calls = 0

    def end_iteration(self, real):
        def end(*args, **kwargs):
            self.calls += 1
            if self.calls == 2:
                self._do()
            return real(*args, **kwargs)

        return end


def drive(experiment, monkeypatch, do, iterations=3):
    """Drive a run in whose middle something happens; return the replay."""
    replay = Replay(experiment, iterations=iterations)
    at_an_end = AtAnEnd(do)
    real = RunStore.end_iteration
    monkeypatch.setattr(
        RunStore, "end_iteration", lambda *args: at_an_end.end_iteration(real)(*args)
    )
    driving = replay.driver()
    driving.claim()
    driving.run()
    assert at_an_end.calls >= 2
    return replay


def check_complete(replay, iterations=3):
    assert replay.status == "Completed"
    assert replay.statuses == dict.fromkeys(range(iterations), "Completed")
    assert replay.run.get_output()[1].predict([[0.0, 0.0, 0.0]]).shape == (1,)


LOCKS = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def _short_lock_timeout():
    """SQLite waits for a tenth of a second where MLflow has it wait for twenty."""

    def shorten(connection, cursor, statement, parameters, context, many):
        return statement.replace("busy_timeout = 20000", "busy_timeout = 100"), parameters

    engine = sqlalchemy.engine.Engine
    sqlalchemy.event.listen(engine, "before_cursor_execute", shorten, retval=True)
    yield
    sqlalchemy.event.remove(engine, "before_cursor_execute", shorten)


@pytest.mark.usefixtures("_short_lock_timeout")
def test_a_database_that_another_process_has_locked(workspace, monkeypatch):
    database = workspace.tracking_uri.removeprefix("sqlite:///")

    def lock():
        other = subprocess.Popen(
            [sys.executable, "-c", LOCKS, database], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert other.stdout.readline() == b"locked\n"
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite3.connect(database, timeout=0.0).execute("CREATE TABLE x (y)")
        threading.Timer(1.0, other.communicate).start()

    check_complete(drive(Experiment(workspace, "locked"), monkeypatch, lock))


def small_disk(folder: Path, megabytes: int) -> bool:
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    return subprocess.run(mount, capture_output=True, check=False).returncode == 0


@pytest.fixture
def full_disk(tmp_path):
    """A disk of a megabyte."""
    folder = tmp_path / "small"
    if os.getuid() or not small_disk(folder, 1):
        pytest.skip("only root may mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def small_workspace(full_disk, workspace_template, tmp_path, monkeypatch):
    """A workspace whose files are on the small disk."""
    monkeypatch.chdir(tmp_path)
    uri = copied_database(tmp_path, workspace_template)
    return Workspace.create("small", uri, artifact_location=full_disk.as_uri())


def test_a_full_disk_that_somebody_makes_room_on(small_workspace, full_disk, monkeypatch):
    def fill():
        (full_disk / "rubbish").write_bytes(bytes(_free(full_disk)))
        threading.Timer(0.5, (full_disk / "rubbish").unlink).start()

    check_complete(drive(Experiment(small_workspace, "full"), monkeypatch, fill))


def test_a_full_disk_that_stays_full(small_workspace, full_disk, monkeypatch, capfd):
    monkeypatch.setattr(driver, "OF_A_DRIVER", HASTY)
    replay = drive(
        Experiment(small_workspace, "full"),
        monkeypatch,
        lambda: (full_disk / "rubbish").write_bytes(bytes(_free(full_disk))),
    )
    # The database has room: the true state is there, with the scores.
    record = replay.store.run(replay.run_id)
    assert record.status is RunStatus.FAILED
    assert "No space left on device" in record.error
    assert re.search(r"[12] finished iterations are kept in /", record.error)
    first, second = replay.store.iterations(replay.run_id)[:2]
    assert first.is_completed
    assert second.metrics == {"accuracy": 0.5}
    assert f"run {replay.run_id} is Failed" in capfd.readouterr().err
    (full_disk / "rubbish").unlink()
    with monkeypatch.context() as patch:
        # The run goes on as a replay, in this thread.
        patch.setattr("engine.client.control.start_again", lambda *_, **changed: replay.drive())
        replay.run.resume()
    check_complete(replay)


def _free(folder: Path) -> int:
    return shutil.disk_usage(folder).free


class StoppableServer:
    """Another address of the tracking server, which can be closed and opened again."""

    def __init__(self):
        self._serving = None
        self.port = 0

    def open(self):
        from mlflow.server import app
        from werkzeug.serving import make_server

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self._serving = make_server("127.0.0.1", self.port, app, threaded=True)
        self.port = self._serving.server_port
        threading.Thread(target=self._serving.serve_forever, daemon=True).start()

    def close(self):
        self._serving.shutdown()
        self._serving.server_close()


@pytest.fixture
def server(tracking_server, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    server = StoppableServer()
    server.open()
    yield server
    server.close()


@pytest.fixture
def on_server(server):
    name = tempfile.mkdtemp(dir=Path.cwd())
    uri = f"http://127.0.0.1:{server.port}"
    return Experiment(Workspace.create(Path(name).name, uri), Path(name).name)


def test_a_server_that_is_stopped_for_a_while(server, on_server, monkeypatch):
    def stop():
        server.close()
        threading.Timer(1.0, server.open).start()

    check_complete(drive(on_server, monkeypatch, stop))


def test_a_server_that_is_stopped_for_good(server, on_server, monkeypatch, capfd):
    monkeypatch.setattr(driver, "OF_A_DRIVER", HASTY)
    replay = drive(on_server, monkeypatch, server.close)
    told = capfd.readouterr().err
    assert f"run {replay.run_id} is Failed" in told
    assert "Connection refused" in told
    spool = Spool(replay.run_id)
    assert spool.state().status is RunStatus.FAILED
    assert [iteration.start.iteration for iteration in spool.iterations()][:1] == [1]
    server.open()
    with monkeypatch.context() as patch:
        patch.setattr("engine.client.control.start_again", lambda *_, **changed: replay.drive())
        replay.run.resume()
    check_complete(replay)


@pytest.fixture(scope="module")
def postgres():
    """The URI of a PostgreSQL database, and what cuts all connections to it."""
    pytest.importorskip("psycopg", reason="psycopg is not installed")
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not programs:
        pytest.skip("PostgreSQL is not installed")
    # The server refuses to run as root, and its socket's path must be short.
    user = "nobody" if os.getuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="raysmith-pg-"))
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    as_user = {"user": user, "cwd": folder, "stdout": subprocess.DEVNULL}
    subprocess.run(
        [programs[-1] / "initdb", "-D", folder / "data", "-U", "me", "-A", "trust", "--no-sync"],
        check=True, **as_user,
    )  # fmt: skip
    options = ["-c", "listen_addresses=", "-c", "fsync=off"]
    process = subprocess.Popen(
        [programs[-1] / "postgres", "-D", folder / "data", "-k", folder, *options],
        stderr=subprocess.DEVNULL, **as_user,
    )  # fmt: skip
    uri = f"postgresql://me@/postgres?host={folder}"
    yield uri, _wait_for_postgres(uri)
    process.send_signal(signal.SIGINT)  # without waiting for clients
    process.wait(LONG)
    shutil.rmtree(folder)


def _wait_for_postgres(uri):
    import psycopg

    deadline = time.monotonic() + LONG
    while True:
        try:
            psycopg.connect(uri).close()
            break
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def cut():
        with psycopg.connect(uri) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
            return cursor.fetchone()[0]

    return cut


def test_postgresql_whose_connections_are_cut(postgres, tmp_path, monkeypatch):
    uri, cut = postgres
    monkeypatch.chdir(tmp_path)
    experiment = Experiment(Workspace.create("pg", uri), "cut")
    cuts = []
    replay = drive(experiment, monkeypatch, lambda: cuts.append(cut()))
    assert cuts[0] > 0
    check_complete(replay)
    # In the middle of a statement, too, and what PostgreSQL refuses is never sent.
    stop = threading.Event()
    cutting = threading.Thread(target=lambda: [cut() for _ in iter(lambda: stop.wait(0.3), True)])
    cutting.start()
    trials = {1: scored(0.5, status=IterationStatus.FAILED, reason="a NUL \x00 and \ud800 half")}
    replay = Replay(experiment, trials, iterations=3)
    replay.drive()
    stop.set()
    cutting.join()
    assert replay.status == "Completed"
    assert replay.reasons[1] == "a NUL  and \ufffd half"


def test_a_store_that_stays_away_has_no_run(on_server):
    with pytest.raises(RunException, match="there is no run"):
        AutoMLRun(on_server, "0" * 32)
