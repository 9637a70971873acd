"""A driver on a cluster: what a Ray job runs, ``python -m engine.driver RUN_ID [LAUNCH]``."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from cluster.jobs.worker_setup import call_setup
from engine.driver.claim import Claim
from engine.driver.driver import Driver
from engine.driver.specification_files import load_specification
from engine.errors import RunException, StoreUnavailable
from engine.store.driver_identity import DriverIdentity
from engine.store.mlflow_store import TRACKING_URI_VARIABLE, RunStore
from engine.store.redaction import Redaction
from engine.store.retrying import NONE, OF_A_DRIVER
from engine.store.spooled_results import write_spooled
from engine.store.status import RunStatus
from engine.uris import password_of


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


def main(run_id: str, launch: str = "") -> int:
    """Drive the run to its end; also one that an earlier driver had begun.

    Parameters
    ----------
    run_id:
        The run.
    launch:
        Token of the client that launched this driver. When another client has launched a driver
        of the run since then, nothing is done. Default: whoever has the run loses it.
    """
    call_setup()
    store = RunStore(os.environ[TRACKING_URI_VARIABLE], OF_A_DRIVER)
    write_spooled(store, run_id)
    if store.run(run_id).is_final:
        return 0
    given = load_specification(store, run_id).complete()
    store.redact.add([*given.variables.values(), *given.passwords])
    claim = Claim(store, run_id, DriverIdentity.of_this_process(launch))
    driver = Driver(store, run_id, given, claim=claim)
    try:
        driver.claim(launch)
    except RunException as lost:
        print(lost)
        return 0
    try:
        with _ending_on_sigterm():
            driver.run()
    except _Terminated as end:
        # The nodes have been left by now: `ray job stop` waits for seconds only.
        hasty = store.with_patience(NONE)
        if hasty.run(run_id).is_driven_by(claim.identity):
            hasty.set_status(run_id, RunStatus.FAILED, RunException(str(end)))
        return 128 + signal.SIGTERM
    try:
        print(f"run {run_id}: {store.with_patience(NONE).run(run_id).status}")
    except StoreUnavailable as error:
        print(f"run {run_id}: {error}")
    return 0


def quietly(run_id: str, launch: str = "") -> int:
    """Call `main`; an error on the way, which Ray logs, has no secrets in it."""
    try:
        return main(run_id, launch)
    except Exception as error:
        redact = Redaction([password_of(os.environ.get(TRACKING_URI_VARIABLE, ""))])
        print(redact("".join(traceback.format_exception(error))), file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(quietly(*sys.argv[1:3]))
