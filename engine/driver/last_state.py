"""The last write of a driver: the final state of its run."""

from __future__ import annotations

import logging
import sys

from engine.store.fence import ClaimLost
from engine.store.mlflow_store import RunStore
from engine.store.spool import Spool, SpooledState
from engine.store.spooled_results import keep_writing
from engine.store.status import RunStatus

logger = logging.getLogger("raysmith.driver")


class LastState:
    """Writes the final state of a run: to the store, else to the disk and the console.

    A state that the store does not take goes to the spool, from where a thread writes it when the
    store answers again. When the process has ended by then, `AutoMLRun.resume` does.

    Parameters
    ----------
    store, run_id:
        The run.
    driver:
        Token of the driver.
    """

    def __init__(self, store: RunStore, run_id: str, driver: str) -> None:
        self._store = store
        self._run_id = run_id
        self._driver = driver
        self._spool = Spool(run_id)

    def write(self, status: RunStatus, error: Exception | None) -> None:
        """Write the state; never raise."""
        try:
            self._store.set_status(self._run_id, status, error)
        except ClaimLost as lost:
            logger.warning("run %s is left: %s", self._run_id, lost)
        except Exception as failure:
            logger.exception("the final state of run %s was not written", self._run_id)
            self._keep(status, error, failure)
        else:
            if not self._spool.is_empty:
                self._tell(status, error, "its record is incomplete")
                keep_writing(self._store, self._run_id, self._spool)

    def _keep(self, status: RunStatus, error: Exception | None, failure: Exception) -> None:
        state = SpooledState(
            status,
            self._driver,
            None if error is None else str(error),
            None if error is None else type(error).__name__,
        )
        try:
            self._spool.keep_state(state)
        except OSError as full:
            self._tell(status, error, f"{failure}; it could not be kept on disk either: {full}")
            return
        self._tell(status, error, str(failure))
        keep_writing(self._store, self._run_id, self._spool)

    def _tell(self, status: RunStatus, error: Exception | None, reason: str) -> None:
        lines = [f"run {self._run_id} is {status}, which its store does not know: {reason}"]
        if error is not None:
            lines.append(f"error: {error}")
        if not self._spool.is_empty:
            lines.append(
                f"What is missing there is in {self._spool.path}. It is written when the store "
                "answers again while this process lives, or else by run.resume() on this machine."
            )
        print(*lines, sep="\n", file=sys.stderr, flush=True)
