"""This machine as a compute target: an embedded Ray cluster, the driver in a thread."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time

from cluster.targets.launch import Launch

NAMESPACE = "raysmith"
#: Seconds that a driver may take after its run's final state before the user is told about it.
_PATIENCE = 5.0
_drivers: list[threading.Thread] = []
_connecting = threading.Lock()


class EmbeddedTarget:
    """``compute_target="local"``: the driver runs in a thread of this process and ends with it.

    Trials run on the Ray that the process has initialized, else on the cluster that ``RAY_ADDRESS``
    names or that a Ray job belongs to, else on a new cluster on this machine.
    """

    name = "local"

    def __repr__(self) -> str:
        return "EmbeddedTarget()"

    def launch(self, launch: Launch) -> None:
        """Drive the run in a thread of this process and return at once.

        The interpreter waits for it before it exits.
        """
        name = f"raysmith-driver-{launch.run_id}"
        thread = threading.Thread(target=launch.drive, name=name, daemon=True)
        _drivers.append(thread)
        _wait_at_exit()
        thread.start()


def connect() -> None:
    """Connect this process to a Ray cluster; starting a new one takes about 5 s.

    Raises
    ------
    Exception
        Whatever ``ray.init`` raises.
    """
    import ray

    with _connecting:
        if ray.is_initialized():
            return
        failure: list[BaseException] = []
        connected = threading.Event()

        def init() -> None:
            ray.init(
                # "local" is a new cluster even when another one runs on this machine.
                address=os.environ.get("RAY_ADDRESS") or "local",
                namespace=NAMESPACE,
                # Trials' output is in their logs; printed here it would break up the table.
                log_to_driver=False,
                logging_level=logging.ERROR,
            )

        def start() -> None:
            try:
                try:
                    init()
                except Exception as error:
                    # Ray gives its own processes 30 s, which a busy machine may need.
                    if "timed out during startup" not in str(error):
                        raise
                    ray.shutdown()
                    init()
            except BaseException as error:
                failure.append(error)
            connected.set()
            if not failure:
                # Linux ends Ray's processes with the thread that started them, not with the
                # process: this one must outlive the run that happened to come first.
                threading.Event().wait()

        threading.Thread(target=start, name="raysmith-ray", daemon=True).start()
        connected.wait()
        if failure:
            raise failure[0]


_registered = False


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
    """Let the interpreter exit without waiting for the runs that it drives."""
    _drivers.clear()


def _join_drivers() -> None:
    until = time.monotonic() + _PATIENCE
    try:
        for thread in _drivers:
            thread.join(max(0.0, until - time.monotonic()))
        waiting = [thread for thread in _drivers if thread.is_alive()]
        if not waiting:
            return
        names = ", ".join(thread.name.removeprefix("raysmith-driver-") for thread in waiting)
        print(f"raysmith: waiting for run {names} to end (Ctrl-C leaves it)", file=sys.stderr)
        for thread in waiting:
            thread.join()
    except KeyboardInterrupt:
        print("raysmith: left; AutoMLRun(experiment, run_id).resume() goes on", file=sys.stderr)
