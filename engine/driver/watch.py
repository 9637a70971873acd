"""The trials that run right now, and the watch over them: limits, requests, logs."""

from __future__ import annotations

import logging
import math
import threading
import time

import ray

from engine.driver.running_trials import RunningTrials, Verdict
from engine.driver.schedule import Schedule
from engine.store.driver_identity import HEARTBEAT_SECONDS, DriverIdentity
from engine.store.mlflow_store import RunStore
from engine.store.recorder import Recorder
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")


_LOOK_SECONDS = 0.25


_REQUEST_SECONDS = 0.5


_LOG_SECONDS = 1.0


#: Of the time that trials have, what one iteration may use when others have given a model.
_LARGEST_SHARE = 1 / 3


_LEAST_SHARE_SECONDS = 5.0


class Watch:
    """Looks after a run in a thread: clients' requests, time limits, logs, heartbeat.

    Attributes
    ----------
    deadline:
        When the experiment's time for trials is over, in seconds since the epoch; ``None`` for no
        limit.
    ended_by:
        What ended the run early, once something has: ``Canceled`` (a client), ``Timeout`` (the
        experiment's time) or ``Lost`` (another driver has taken the run over).
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        identity: DriverIdentity,
        iteration_seconds: float | None,
        deadline: float | None,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._identity = identity
        self._iteration_seconds = iteration_seconds
        self.deadline = deadline
        self._began = time.time()
        self._due: dict[str, float] = {}
        self._logs: dict[int, str] = {}
        self._stop = threading.Event()
        self.ended_by: str | None = None
        self.cancelled: frozenset[int] = frozenset()
        self.paused = False

    @property
    def share_seconds(self) -> float | None:
        """What one iteration may use of the experiment's time when others have given a model.

        ``None`` when that time has no limit or iterations have one of their own.
        """
        if self.deadline is None or self._iteration_seconds is not None:
            return None
        return max(_LEAST_SHARE_SECONDS, _LARGEST_SHARE * (self.deadline - self._began))

    def look(self) -> None:
        """One look at the clock and at the store; cheap enough to call all the time."""
        now = time.time()
        if self.ended_by is None and self.deadline is not None and now >= self.deadline:
            self.ended_by = "Timeout"
        if self._is_due("requests", _REQUEST_SECONDS):
            record = self._store.run(self._run_id)
            if record.driver is not None and record.driver.token != self._identity.token:
                self.ended_by = "Lost"
            elif record.requests.cancel:
                self.ended_by = self.ended_by or "Canceled"
            self.cancelled = record.requests.cancel_iterations
            self.paused = record.requests.pause
        if self.ended_by != "Lost" and self._is_due("heartbeat", HEARTBEAT_SECONDS):
            self._store.tag_driver(self._run_id, self._identity.beat())

    def start(self, running: RunningTrials, schedule: Schedule, recorder: Recorder) -> None:
        self._thread = threading.Thread(
            target=self._watch, args=(running, schedule, recorder), daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self, running: RunningTrials, schedule: Schedule, recorder: Recorder) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            try:
                self._look_at_trials(running, schedule, recorder)
            except Exception:
                # A store that does not answer for a moment must not end the watch.
                logger.exception("the watch over run %s stumbled", self._run_id)

    def _look_at_trials(
        self, running: RunningTrials, schedule: Schedule, recorder: Recorder
    ) -> None:
        self.look()
        schedule.paused = self.paused
        if self.ended_by is not None:
            reason = {
                "Canceled": "the run was canceled",
                "Timeout": "experiment_timeout_minutes is over",
                "Lost": "another driver has taken the run over",
            }[self.ended_by]
            schedule.stop(reason, at_once=True)
        if schedule.stopped_at_once:
            running.end_all(Verdict(IterationStatus.CANCELED, str(schedule.stopped)))
        for iteration in self.cancelled:
            running.end(iteration, Verdict(IterationStatus.CANCELED, "canceled by the user"))
        self._end_long_ones(running, has_model=schedule.best is not None)
        if self._is_due("logs", _LOG_SECONDS):
            self._bring_logs(running, recorder)

    def _end_long_ones(self, running: RunningTrials, has_model: bool) -> None:
        """Iterations over their limit; without one, what would eat up the experiment's time."""
        limit, reason = math.inf, ""
        if self._iteration_seconds is not None:
            limit = self._iteration_seconds
            reason = f"longer than iteration_timeout_minutes={limit / 60:g}"
        elif self.share_seconds is not None and has_model:
            # The first model may take what it needs: it could be all there will be.
            limit = self.share_seconds
            reason = f"longer than {limit:.0f} s, its share of experiment_timeout_minutes"
        for iteration, trial in running.now().items():
            if time.time() - trial.started > limit:
                running.end(iteration, Verdict(IterationStatus.TIMEOUT, reason))

    def _bring_logs(self, running: RunningTrials, recorder: Recorder) -> None:
        trials = running.now()
        self._logs = {n: text for n, text in self._logs.items() if n in trials}
        futures = {n: t.node.tail.remote(f"{n}.log") for n, t in trials.items()}
        ready, _ = (
            ray.wait(list(futures.values()), num_returns=len(futures), timeout=0.5)
            if (futures)
            else ([], [])
        )
        for iteration, future in futures.items():
            if future not in ready:
                continue
            try:
                text = ray.get(future)
            except ray.exceptions.RayError:
                continue  # its node is gone
            if text and text != self._logs.get(iteration) and iteration in running.now():
                self._logs[iteration] = text
                recorder.log(iteration, text)

    def _is_due(self, what: str, every: float) -> bool:
        now = time.monotonic()
        if now < self._due.get(what, 0.0):
            return False
        self._due[what] = now + every
        return True
