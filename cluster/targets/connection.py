"""The connection of this process to a Ray cluster, and the watch over it."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, nullcontext, suppress
from contextvars import copy_context
from typing import TypeVar

import psutil

from cluster.errors import ComputeTargetException
from cluster.jobs.worker_setup import setup_of_workers

Value = TypeVar("Value")

NAMESPACE = "raysmith"
#: Environment variable of the driver of a Ray job.
_OF_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
#: The processes without which a cluster has ended, by the names that Ray gives them.
_HEAD_NAMES = ("gcs_server", "raylet")
_LOOK_SECONDS = 0.5
#: A head elsewhere that refuses connections for so many looks has ended. Its control store may be
#: started again before that.
_REFUSALS = 40
_ANSWER_SECONDS = 5.0
#: Ray's client ends its process when it has not reached the control store for this many seconds.
#: The watch ends a lost connection long before; what hangs in a call must not end the process.
_PATIENCE_VARIABLE = "RAY_gcs_rpc_server_reconnect_timeout_s"
_PATIENCE = "100000000"
#: Seconds that a call may take to end after the connection has been closed.
_UNWIND_SECONDS = 3.0

_connecting = threading.Lock()
_connection: Connection | None = None


class Connection:
    """This process's connection to a cluster, which is lost for good once its head has ended.

    A lost connection is closed, so that Ray does not end the process, which may be a notebook. The
    next `connect` makes a new one.

    Parameters
    ----------
    address:
        Of the cluster's control store (GCS), as ``host:port``.
    heads:
        Ids of the cluster's head processes, children of this process. Default: the cluster is
        elsewhere, and the address is watched.
    close:
        Closes the connection once it is lost; default: do nothing.

    Attributes
    ----------
    address:
        As above.
    loss:
        Why the connection is lost; ``None`` while it is not.
    """

    def __init__(
        self,
        address: str,
        heads: Sequence[int] = (),
        close: Callable[[str], None] = lambda address: None,
    ) -> None:
        self.address = address
        self.loss: str | None = None
        self._heads = tuple(heads)
        self._close = close
        self._refusals = 0
        self._is_lost = threading.Event()
        self._is_closed = threading.Event()

    def watch(self) -> None:
        """Watch the head until it has ended, close the connection then, and return."""
        ended = threading.Event()
        while self.loss is None:
            ended.wait(_LOOK_SECONDS)
            self.look()
            if not self._heads:
                self._look_elsewhere()
        try:
            self._close(self.address)
        finally:
            self._is_closed.set()

    def look(self) -> None:
        """Look once whether a head that this process has started still lives."""
        gone = [pid for pid in self._heads if not _lives_as_child(pid)]
        if gone:
            self._lose(f"process {gone[0]} of Ray's head on this machine has ended")

    def _look_elsewhere(self) -> None:
        self._refusals = self._refusals + 1 if self._refuses() else 0
        if self._refusals >= _REFUSALS:
            self._lose(f"Ray's head at {self.address} has not answered for a while")

    def call(self, function: Callable[[], Value]) -> Value:
        """Call a function that uses the cluster, in a thread; return when the cluster is lost, too.

        A call to Ray may hang for good when the cluster is lost. The thread is left alone then.

        Raises
        ------
        ComputeTargetException
            When the connection is lost meanwhile.
        BaseException
            Whatever the function raises.
        """
        results: list[Value] = []
        errors: list[BaseException] = []
        done = threading.Event()

        context = copy_context()

        def run() -> None:
            try:
                results.append(context.run(function))
            except BaseException as error:
                errors.append(error)
            finally:
                done.set()

        threading.Thread(target=run, name="raysmith-steps", daemon=True).start()
        while not done.wait(_LOOK_SECONDS):
            if self._is_lost.is_set():
                self._is_closed.wait()
                done.wait(_UNWIND_SECONDS)
                break
        if errors:
            self.look()  # the error may be the first sign
        with self.telling_losses():
            if errors:
                raise errors[0]
        if not results:
            raise self._error()
        return results[0]

    def wait_if_lost(self) -> None:
        """Wait until the connection is closed, when it is lost."""
        if self._is_lost.is_set():
            self._is_closed.wait()

    @contextmanager
    def telling_losses(self) -> Iterator[None]:
        """Raise `ComputeTargetException` where the loss of the cluster ends the block.

        Ray asks the threads that wait for the cluster to exit when their connection is closed.
        """
        try:
            yield
        except (Exception, SystemExit) as ended:
            if self.loss is None:
                raise
            raise self._error() from ended

    def _error(self) -> ComputeTargetException:
        return ComputeTargetException(
            f"the Ray cluster was lost: {self.loss}; run.resume() goes on with a run"
        )

    def _lose(self, loss: str) -> None:
        self.loss = loss
        self._is_lost.set()

    def _refuses(self) -> bool:
        host, _, port = self.address.rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), _ANSWER_SECONDS).close()
        except (OSError, ValueError):
            return True
        return False


def connect(is_of_cluster: bool = False) -> Connection:
    """Connect this process to a Ray cluster; starting a new one takes about 5 s.

    Parameters
    ----------
    is_of_cluster:
        Whether the process was started by the cluster, and may end with it. Default: it lives on
        when the cluster is lost.

    Raises
    ------
    Exception
        Whatever ``ray.init`` raises.
    """
    import ray

    global _connection
    if _connection is not None:
        _connection.look()
        _connection.wait_if_lost()
    with _connecting:
        present = _connection
        if ray.is_initialized() and present is not None and present.address == _address():
            return present
        opening: Future[Connection] = Future()
        # Linux ends Ray's processes with the thread that started them, not with the process: this
        # one must outlive the run that happened to come first.
        threading.Thread(
            target=_keep, args=(opening, is_of_cluster), name="raysmith-ray", daemon=True
        ).start()
        _connection = opening.result()
        return _connection


def _keep(opening: Future[Connection], is_of_cluster: bool) -> None:
    """Open a connection, and watch it for as long as it lasts."""
    import ray

    try:
        if not ray.is_initialized():
            with nullcontext() if is_of_cluster else _outliving_the_cluster():
                _init()
            _set_auto_connect(True)
        heads = _heads()
        connection = Connection(_address(), heads, _close)
    except BaseException as error:
        opening.set_exception(error)
        return
    opening.set_result(connection)
    if heads or (connection.address and not is_of_cluster):
        connection.watch()


def _init() -> None:
    import ray

    def init() -> None:
        ray.init(
            # "local" is a new cluster even when another one runs on this machine.
            address=os.environ.get("RAY_ADDRESS") or "local",
            namespace=NAMESPACE,
            # Trials' output is in their logs; printed here it would break up the table.
            log_to_driver=False,
            logging_level=logging.ERROR,
            # The workers of a Ray job are set up by the job.
            runtime_env=None if _OF_A_JOB in os.environ else setup_of_workers() or None,
        )

    try:
        init()
    except Exception as error:
        # Ray gives its own processes 30 s, which a busy machine may need.
        if "timed out during startup" not in str(error):
            raise
        ray.shutdown()
        init()


@contextmanager
def _outliving_the_cluster() -> Iterator[None]:
    """Have a client of Ray that is made meanwhile never end its process."""
    if _PATIENCE_VARIABLE in os.environ:
        yield  # the user's choice
        return
    os.environ[_PATIENCE_VARIABLE] = _PATIENCE
    try:
        yield
    finally:
        os.environ.pop(_PATIENCE_VARIABLE, None)


def _address() -> str:
    """Return the address of the connected cluster; empty where Ray does not tell it."""
    import ray

    with suppress(Exception):  # Ray's client for "ray://" has none
        return str(ray.get_runtime_context().gcs_address)
    return ""


def _heads() -> list[int]:
    """Return the ids of the head processes that this process has started."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if child.name() in _HEAD_NAMES and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child.pid)
    return found


def _lives_as_child(pid: int) -> bool:
    # The number of a child is not given to another process before the child has been waited for.
    try:
        child = psutil.Process(pid)
        return child.ppid() == os.getpid() and child.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _close(address: str) -> None:
    """Close the connection to a lost cluster, unless the process has another one by now."""
    import ray

    with _connecting:
        if ray.is_initialized() and _address() == address:
            # Threads that still use the lost cluster would start another one, and end it with them.
            _set_auto_connect(False)
            ray.shutdown()


#: Whether Ray connected by itself before a connection was lost; ``None`` when none was.
_connected_by_itself: bool | None = None


def _set_auto_connect(is_as_before: bool) -> None:
    """Have Ray's functions connect a process that is not connected as before, or not at all."""
    from ray._private import auto_init_hook

    global _connected_by_itself
    if is_as_before and _connected_by_itself is not None:
        auto_init_hook.enable_auto_connect = _connected_by_itself
        _connected_by_itself = None
    elif not is_as_before:
        _connected_by_itself = auto_init_hook.enable_auto_connect
        auto_init_hook.enable_auto_connect = False
