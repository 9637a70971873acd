"""The watch over the connection to a cluster; processes and sockets stand for its head."""

from __future__ import annotations

import contextvars
import socket
import subprocess
import threading

import pytest

from cluster import ComputeTargetException
from cluster.targets import connection as connections
from cluster.targets.connection import Connection
from tests.live.helpers import wait_until


@pytest.fixture
def head():
    """A child process, as the embedded cluster's head is one."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch):
    monkeypatch.setattr(connections, "_LOOK_SECONDS", 0.02)
    monkeypatch.setattr(connections, "_UNWIND_SECONDS", 0.2)


@pytest.fixture
def watched(head):
    """Watches a connection to the head; the list holds the addresses that were closed."""
    closed = []
    connection = Connection("127.0.0.1:1", [head.pid], closed.append)
    connection.closed = closed
    watch = threading.Thread(target=connection.watch, daemon=True)
    watch.start()
    yield connection
    head.kill()
    watch.join(30)
    assert not watch.is_alive()


@pytest.mark.parametrize("is_waited_for", [False, True])
def test_a_head_that_ends_is_a_loss(watched, head, is_waited_for):
    watched.look()
    assert watched.loss is None
    head.kill()
    if is_waited_for:
        head.wait()
    wait_until(lambda: watched.loss is not None, 30)
    assert watched.loss == f"process {head.pid} of Ray's head on this machine has ended"
    watched.wait_if_lost()
    assert watched.closed == ["127.0.0.1:1"]


def test_a_process_of_somebody_else_is_not_the_head():
    """The number of a head may be given to another process."""
    connection = Connection("127.0.0.1:1", [1])
    connection.look()
    assert "process 1 of" in connection.loss


def test_a_call_returns_what_the_function_returns(watched):
    assert watched.call(lambda: 7) == 7
    assert watched.call(lambda: None) is None
    variable = contextvars.ContextVar("variable")
    variable.set("of the caller")
    assert watched.call(variable.get) == "of the caller"


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_a_call_raises_what_the_function_raises(watched, error):
    def fail():
        raise error("itself")

    with pytest.raises(error, match="itself"):
        watched.call(fail)


def test_a_call_that_hangs_is_left_when_the_head_ends(watched, head):
    began, free = threading.Event(), threading.Event()

    def hang():
        began.set()
        free.wait()

    threading.Thread(target=lambda: (began.wait(), head.kill())).start()
    with pytest.raises(ComputeTargetException, match=r"was lost: process .* run\.resume\(\) goes"):
        watched.call(hang)
    assert watched.closed
    free.set()


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_an_error_that_the_loss_causes_is_told_as_the_loss(watched, head, error):
    """Ray's own errors may come before the watch has looked."""

    def fail():
        head.kill()
        wait_until(lambda: not connections._lives_as_child(head.pid), 30)
        raise error("the actor is dead")

    with pytest.raises(ComputeTargetException, match="of Ray's head on this machine has ended"):
        watched.call(fail)
    with pytest.raises(ComputeTargetException, match="was lost"), watched.telling_losses():
        raise error(0)


def test_an_interrupt_is_no_loss(watched, head):
    head.kill()
    wait_until(lambda: watched.loss is not None, 30)
    with pytest.raises(KeyboardInterrupt), watched.telling_losses():
        raise KeyboardInterrupt


def test_a_head_elsewhere_is_lost_when_it_refuses_for_long(monkeypatch):
    monkeypatch.setattr(connections, "_LOOK_SECONDS", 0.001)
    server = socket.create_server(("127.0.0.1", 0))
    port = server.getsockname()[1]
    closed = []
    connection = Connection(f"127.0.0.1:{port}", close=closed.append)
    watch = threading.Thread(target=connection.watch, daemon=True)
    watch.start()
    for _ in range(3):
        server.accept()[0].close()
    assert connection.loss is None
    server.close()
    watch.join(60)
    assert connection.loss == f"Ray's head at 127.0.0.1:{port} has not answered for a while"
    assert closed == [connection.address]


def test_a_head_elsewhere_may_be_started_again(monkeypatch):
    monkeypatch.setattr(connections, "_REFUSALS", 3)
    answers = iter([True, True, False] * 5 + [True] * 3)
    monkeypatch.setattr(Connection, "_refuses", lambda self: next(answers))
    monkeypatch.setattr(connections, "_LOOK_SECONDS", 0.001)
    connection = Connection("127.0.0.1:1")
    connection.watch()
    assert list(answers) == []


def test_patience_is_set_only_while_ray_starts(monkeypatch):
    name = connections._PATIENCE_VARIABLE
    monkeypatch.delenv(name, raising=False)
    with connections._outliving_the_cluster():
        assert int(connections.os.environ[name]) > 10**6
    assert name not in connections.os.environ
    monkeypatch.setenv(name, "90")
    with connections._outliving_the_cluster():
        assert connections.os.environ[name] == "90"
    assert connections.os.environ[name] == "90"
