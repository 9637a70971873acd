"""A driver on a cluster: what a Ray job runs, ``python -m engine.driver RUN_ID``."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from engine.driver.driver import Driver
from engine.driver.specification_files import load_specification
from engine.errors import RunException
from engine.store.mlflow_store import TRACKING_URI_VARIABLE, RunStore
from engine.store.status import RunStatus


class _Terminated(BaseException):
    """The process was asked to end; no ``except Exception`` on the way takes it for an error."""


@contextmanager
def _ending_on_sigterm() -> Iterator[None]:
    """Have SIGTERM unwind the stack, so that nodes and files are left in order.

    By default a process just ends, and its detached actors keep the data on their nodes.
    """

    def end(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)  # a second one must not disturb the end
        raise _Terminated("the driver was ended by SIGTERM; run.resume() goes on")

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def main(run_id: str) -> int:
    """Drive the run to its end; also one that an earlier driver had begun."""
    store = RunStore(os.environ[TRACKING_URI_VARIABLE])
    if store.run(run_id).is_final:
        return 0
    driver = Driver(store, run_id, load_specification(store, run_id))
    driver.claim()
    try:
        with _ending_on_sigterm():
            driver.run()
    except _Terminated as end:
        # The nodes have been left by now: `ray job stop` waits for seconds only.
        store.set_status(run_id, RunStatus.FAILED, RunException(str(end)))
        return 128 + signal.SIGTERM
    print(f"run {run_id}: {store.run(run_id).status}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
