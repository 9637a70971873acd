"""This machine as a compute target: the driver in a thread of this process."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time

import psutil

from cluster.targets.launch import Launch

#: Seconds that a driver may take after its run's final state before the user is told about it.
_PATIENCE = 5.0
#: Exit code of a process that was interrupted, as shells give it: 128 + SIGINT.
_INTERRUPTED = 130
#: The ends of the runs that this process drives, by their ids. Not their threads: Python takes a
#: thread whose `join` was interrupted for ended.
_ends: dict[str, threading.Event] = {}
#: Those of them that no other driver can go on with.
_last_chances: set[str] = set()


class EmbeddedTarget:
    """``compute_target="local"``: the driver runs in a thread of this process and ends with it.

    Trials run on the Ray that the process has initialized, else on the cluster that ``RAY_ADDRESS``
    names or that a Ray job belongs to, else on a new cluster on this machine.
    """

    name = "local"
    #: Kind of target, as `ComputeTarget.type`.
    type = "local"

    def __repr__(self) -> str:
        return "EmbeddedTarget()"

    def launch(self, launch: Launch) -> None:
        """Drive the run in a thread of this process and return at once.

        The interpreter waits for it before it exits.
        """
        ended = _ends[launch.run_id] = threading.Event()
        if not launch.is_resumable:
            _last_chances.add(launch.run_id)

        def drive() -> None:
            try:
                launch.drive()
            finally:
                ended.set()

        name = f"raysmith-driver-{launch.run_id}"
        _wait_at_exit()
        threading.Thread(target=drive, name=name, daemon=True).start()


_registered = False
_leaving = False


def _wait_at_exit() -> None:
    """Keep the interpreter alive after a script's last line until its runs have ended.

    An ``atexit`` function would be too late: by then Python's thread pools, which MLflow and Ray
    use, take no more work. `threading._register_atexit` is how those pools wait for theirs.
    """
    global _registered
    if not _registered:
        _registered = True
        threading._register_atexit(_join_drivers)  # type: ignore[attr-defined]


def leave_drivers() -> None:
    """Let the interpreter exit, with code 130, without waiting for the runs that it drives."""
    global _leaving
    _leaving = True


def _join_drivers() -> None:
    until = time.monotonic() + _PATIENCE
    try:
        if _leaving or _was_interrupted():
            raise KeyboardInterrupt
        for ended in _ends.values():
            ended.wait(max(0.0, until - time.monotonic()))
        if not _open():
            return
        names = ", ".join(_open())
        print(f"raysmith: waiting for run {names} to end (Ctrl-C leaves it)", file=sys.stderr)
        for ended in _ends.values():
            ended.wait()
    except KeyboardInterrupt:
        for run_id in _open():
            goes_on = "AutoMLRun(experiment, run_id).resume() goes on"
            if run_id in _last_chances:
                goes_on = "its data was not kept, so that it cannot be resumed"
            print(f"raysmith: left run {run_id}; {goes_on}", file=sys.stderr)
        if _open():
            _end_process()


def _was_interrupted() -> bool:
    """Whether Ctrl-C has ended the script, so that nobody need press it a second time.

    Interactive interpreters go on after an interrupt, and keep the last one.
    """
    return isinstance(getattr(sys, "last_value", None), KeyboardInterrupt) and not hasattr(
        sys, "ps1"
    )


def _open() -> list[str]:
    return [run_id for run_id, ended in _ends.items() if not ended.is_set()]


def _end_process() -> None:
    """End the process before Ray's functions for ``atexit`` are called.

    They close the connection that the drivers still use, and Ray ends a process that uses
    a closed connection with an exit code of its own. The cluster that the process has started ends
    with it: Linux ends the processes of the head, and what a node has started is ended here.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    _end_what_nodes_started()
    os._exit(_INTERRUPTED)


def _end_what_nodes_started() -> None:
    """Kill the children of this process's raylet.

    A node's agents that outlive it wait a minute for a head that is gone too.
    """
    for node in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if node.name() == "raylet":
                for child in node.children(recursive=True):
                    child.kill()
