"""The driver of one run, from its start to its final state."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from engine.config.specification import RunSpecification
from engine.driver.clock import Clock, RealClock
from engine.driver.debug_log import debug_log
from engine.driver.last_state import LastState
from engine.driver.outcome import Outcome
from engine.driver.specification_files import keep_data
from engine.errors import AutoMLError, RunException, StoreUnavailable
from engine.store.driver_identity import DriverIdentity
from engine.store.memory import release_memory
from engine.store.mlflow_model import import_flavour
from engine.store.mlflow_store import RunStore
from engine.store.retrying import OF_A_DRIVER
from engine.store.spooled_results import write_spooled
from engine.store.status import RunStatus

if TYPE_CHECKING:
    from engine.driver.platform import Platform

logger = logging.getLogger("raysmith.driver")


class Driver:
    """Drives one run in the process that calls `run`.

    When a run has several drivers, the last one that called `claim` goes on and the others stop.

    Parameters
    ----------
    store:
        The store that holds the run.
    run_id:
        The run. Iterations that have ended already are not repeated.
    given:
        Its settings and data.
    platform:
        The machines; default: the Ray cluster that this process is part of, or else one that is
        started on this machine.
    clock:
        Gives the present time; default: this machine's.
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        given: RunSpecification,
        platform: Platform | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._given = given
        self._settings = given.settings
        self._clock = RealClock() if clock is None else clock
        self._started = self._clock.time()
        self._identity = DriverIdentity.of_this_process()
        self._platform = platform

    def claim(self) -> None:
        """Make this process the run's driver: who looks sees that the run is alive."""
        self._store.tag_driver(self._run_id, self._identity)
        self._store.set_status(self._run_id, RunStatus.PREPARING)

    def run(self) -> None:
        """Drive the run to its end; never raise: an error becomes the run's error.

        The final state comes last: who sees it finds report and log. A store that is away is waited
        for, see `engine.store.retrying.OF_A_DRIVER`. A store that stays away gets the state later,
        see `LastState`.
        """
        store = self._store = self._store.with_patience(OF_A_DRIVER)
        last = LastState(store, self._run_id, self._identity.token)
        with debug_log(self._settings, store, self._run_id):
            outcome, error = self._outcome()
            if outcome.value is not None and not isinstance(error, StoreUnavailable):
                self._write_report(outcome.value, error)
        # This may be a notebook, which lives on.
        release_memory()
        if outcome.value is not None:
            last.write(outcome.value, error)

    def _write_report(self, status: RunStatus, error: Exception | None) -> None:
        from engine.driver.results import write_report

        try:
            if error is not None:
                self._store.tag_error(self._run_id, error)
        except Exception:
            logger.exception("no error in the report")
        write_report(self._store, self._run_id, status.value)

    def _outcome(self) -> tuple[Outcome, Exception | None]:
        try:
            return self._drive(), None
        except AutoMLError as refused:
            logger.error("run %s failed: %s", self._run_id, refused)
            return Outcome.FAILED, refused
        except Exception as failure:
            logger.exception("run %s failed", self._run_id)
            return Outcome.FAILED, RunException(f"{type(failure).__name__}: {failure}")

    def _drive(self) -> Outcome:
        from engine.driver.steps import RunSteps

        write_spooled(self._store, self._run_id)
        if not self._settings.is_remote:
            self._given = keep_data(self._store, self._run_id, self._given)
        platform = self._platform
        if platform is None:
            from engine.driver.ray_platform import RayPlatform

            metric = self._store.run(self._run_id).metric
            platform = RayPlatform(self._run_id, self._settings, metric)
        platform.connect()
        threading.Thread(target=import_flavour, name="raysmith-import", daemon=True).start()
        try:
            return RunSteps(
                self._store,
                self._run_id,
                self._given,
                self._identity,
                platform,
                self._clock,
                self._started,
            ).take()
        finally:
            platform.close()
