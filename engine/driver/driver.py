"""The driver of one run, from its start to its final state."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from engine.config.specification import RunSpecification
from engine.driver.claim import Claim
from engine.driver.clock import Clock, RealClock
from engine.driver.debug_log import debug_log
from engine.driver.last_state import LastState
from engine.driver.open_iterations import end_open
from engine.driver.outcome import Outcome
from engine.driver.specification_files import keep_data
from engine.errors import AutoMLError, RunException, StoreUnavailable
from engine.store.fence import ClaimLost
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

    Of several drivers that claim a run at the same time one wins. A driver that finds later that
    another one has the run stops, and writes nothing more.

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
    claim:
        A claim to the run that has been taken already, or with an identity of the caller's;
        default: a new one.
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        given: RunSpecification,
        platform: Platform | None = None,
        clock: Clock | None = None,
        claim: Claim | None = None,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._given = given
        self._settings = given.settings
        self._clock = RealClock() if clock is None else clock
        self._started = self._clock.monotonic()
        self._claim = Claim(store, run_id, clock=self._clock) if claim is None else claim
        self._identity = self._claim.identity
        self._platform = platform

    def claim(self, launch: str | None = None) -> None:
        """Make this the run's driver: who looks sees that the run is alive.

        Parameters
        ----------
        launch:
            Token of the client that launched this driver. Only the run of that client, or of an
            earlier driver of the same launch, is claimed. Default: whoever has the run.

        Raises
        ------
        RunException
            When another driver has claimed the run.
        """
        if not self._claim.is_taken:
            current = self._store.run(self._run_id).driver
            after = None if current is None else current.token
            if launch and current is not None and launch not in (after, current.launch):
                raise RunException(f"run {self._run_id} has another driver by now")
            self._claim.take(after)
        try:
            self._store.set_status(self._run_id, RunStatus.PREPARING)
        except BaseException:
            self._claim.give_up()
            raise

    def run(self) -> None:
        """Drive the run to its end; never raise: an error becomes the run's error.

        The final state comes last: who sees it finds report and log. A store that is away is waited
        for, see `engine.store.retrying.OF_A_DRIVER`. A store that stays away gets the state later,
        see `LastState`.
        """
        store = self._store = self._claim.fenced(self._store.with_patience(OF_A_DRIVER))
        last = LastState(store, self._run_id, self._identity.token)
        try:
            with debug_log(self._settings, store, self._run_id):
                outcome, error = self._outcome()
                state = outcome.value if self._has_the_run() else None
                if state is not None and not isinstance(error, StoreUnavailable):
                    self._complete(state, error)
            # This may be a notebook, which lives on.
            release_memory()
            if state is not None:
                last.write(state, error)
        finally:
            self._claim.give_up()

    def _has_the_run(self) -> bool:
        if self._claim.is_lost:
            return False
        try:
            return self._store.run(self._run_id).is_driven_by(self._identity)
        except Exception:
            logger.exception("the store did not say who drives run %s", self._run_id)
            return True

    def _complete(self, state: RunStatus, error: Exception | None) -> None:
        """Write what a reader of the final state expects to find; a failure is logged only."""
        from engine.driver.results import write_report

        try:
            if error is not None:
                self._store.tag_error(self._run_id, error)
            # What was lost with the machines is begun again by `resume`.
            if self._platform is None or self._platform.loss is None:
                end_open(self._store, self._run_id, "the run ended before it was begun again")
        except Exception:
            logger.exception("the record of run %s is incomplete", self._run_id)
        write_report(self._store, self._run_id, state.value)

    def _outcome(self) -> tuple[Outcome, Exception | None]:
        try:
            return self._drive(), None
        except ClaimLost as lost:
            logger.warning("run %s is left: %s", self._run_id, lost)
            return Outcome.TAKEN_OVER, None
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
            platform = RayPlatform(self._run_id, self._settings, metric, self._identity.token)
            self._platform = platform
        platform.connect()
        threading.Thread(target=import_flavour, name="raysmith-import", daemon=True).start()
        outcome = None
        try:
            steps = RunSteps(
                self._store,
                self._run_id,
                self._given,
                self._claim,
                platform,
                self._clock,
                self._started,
            )
            self._given = self._given.handed_over()
            outcome = platform.call(steps.take)
            return outcome
        finally:
            if outcome is Outcome.TAKEN_OVER:
                platform.hand_over()
            else:
                platform.close()
