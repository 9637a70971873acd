"""The watch over a run: requests of clients, time limits, logs."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable

from engine.driver.claim import Claim
from engine.driver.clock import Clock
from engine.driver.outcome import EndedBy
from engine.driver.progress import Progress
from engine.driver.running_trials import Verdict
from engine.driver.time_budget import TimeBudget
from engine.driver.trial_backends.backend import TrialBackend
from engine.store.recorder import Recorder
from engine.store.records import Requests
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")

_LOOK_SECONDS = 0.25
_REQUEST_SECONDS = 0.5
_LOG_SECONDS = 1.0


class Watch:
    """Looks at the clock and at the requests in the store on behalf of a run.

    The requests are read in threads of their own. Everything else here is in memory: who asks never
    waits for the store, and limits are kept while it does not answer.

    Parameters
    ----------
    claim:
        This driver's claim to the run.
    budget:
        Limits the time for trials.
    clock:
        Gives the present time.
    is_lost:
        Whether the machines are gone for good; default: never.

    Attributes
    ----------
    ended_by:
        What ended the run early; ``None`` until something has.
    cancelled:
        Iterations that clients have cancelled.
    paused:
        Whether no new iterations should start.
    """

    def __init__(
        self,
        claim: Claim,
        budget: TimeBudget,
        clock: Clock,
        is_lost: Callable[[], bool] = lambda: False,
    ) -> None:
        self._claim = claim
        self._budget = budget
        self._clock = clock
        self._machines_are_lost = is_lost
        self._lock = threading.Lock()
        self._asked = self._answered = 0
        self._fails = False
        self._requests = Requests()
        self.ended_by: EndedBy | None = None

    @property
    def cancelled(self) -> frozenset[int]:
        """See the class."""
        return self._requests.cancel_iterations

    @property
    def paused(self) -> bool:
        """See the class."""
        return self._requests.pause

    def start(self) -> Callable[[], None]:
        """Read requests twice a second from now on; return what stops it, without waiting."""
        return self._clock.poll(_REQUEST_SECONDS, self._read)

    def look(self) -> None:
        """Bring `ended_by` up to date, in no time."""
        if self.is_taken_over:
            self.ended_by = EndedBy.OTHER_DRIVER
        elif self.ended_by is None and self._requests.cancel:
            self.ended_by = EndedBy.CANCEL
        elif self.ended_by is None and self._budget.trials.is_over:
            self.ended_by = EndedBy.TIMEOUT

    def is_to_stop(self) -> bool:
        """Whether the run was cancelled or taken over, or has no machines any more."""
        return self.is_canceled or self.is_taken_over or self.is_lost

    @property
    def is_canceled(self) -> bool:
        """Whether a client has cancelled the run."""
        return self._requests.cancel

    @property
    def is_lost(self) -> bool:
        """Whether the machines are gone for good: what is open stays so, for another driver."""
        return self._machines_are_lost()

    @property
    def is_taken_over(self) -> bool:
        """Whether another driver has claimed the run."""
        return self._claim.is_lost

    def _read(self) -> None:
        with self._lock:
            self._asked += 1
            number = self._asked
        try:
            record = self._claim.read()
        except Exception as error:
            if not self._fails:
                logger.warning("the store does not answer: %s: %s", type(error).__name__, error)
            self._fails = True
            return
        with self._lock:
            self._fails = False
            if number < self._answered:
                return  # a later question has been answered before
            self._answered = number
            self._requests = record.requests


class TrialWatch:
    """Applies the findings of the run's watch to the running trials.

    Parameters
    ----------
    watch:
        The watch over the run.
    progress:
        Holds the running trials and the proposals to come.
    backend:
        Has the logs of the running trials.
    recorder:
        Writes the logs to the store.
    budget:
        Limits the time of one iteration.
    clock:
        Gives the present time.
    """

    def __init__(
        self,
        watch: Watch,
        progress: Progress,
        backend: TrialBackend,
        recorder: Recorder,
        budget: TimeBudget,
        clock: Clock,
    ) -> None:
        self._watch = watch
        self._progress = progress
        self._backend = backend
        self._recorder = recorder
        self._budget = budget
        self._clock = clock
        self._logs_due = _Due(clock, _LOG_SECONDS)
        self._logs: dict[int, str] = {}

    def start(self) -> Callable[[], None]:
        """Look four times a second from now on; return what stops it."""
        return self._clock.every(_LOOK_SECONDS, self.look)

    def look(self) -> None:
        """Look once."""
        if self._watch.is_lost:
            return  # nobody is there to be asked or killed
        self._watch.look()
        self._apply_requests()
        self._end_long_ones()
        if self._logs_due():
            self._bring_logs()

    def _apply_requests(self) -> None:
        schedule, running = self._progress.schedule, self._progress.running
        schedule.paused = self._watch.paused
        self._progress.cancelled = self._watch.cancelled
        if self._watch.ended_by is not None:
            schedule.stop(self._watch.ended_by.value, at_once=True)
        if schedule.stopped_at_once:
            running.end_all(Verdict(IterationStatus.CANCELED, str(schedule.stopped)))
        for iteration in self._watch.cancelled:
            running.end(iteration, Verdict(IterationStatus.CANCELED, "canceled by the user"))

    def _end_long_ones(self) -> None:
        """End iterations over their limit, or over their share of the experiment's time."""
        own, share = self._budget.iteration_seconds, self._budget.share_seconds
        limit, reason = math.inf, ""
        if own is not None:
            limit, reason = own, f"longer than iteration_timeout_minutes={own / 60:g}"
        elif share is not None and self._progress.schedule.best is not None:
            # The first model may take what it needs: it could be the only one.
            limit = share
            reason = f"longer than {share:.0f} s, its share of experiment_timeout_minutes"
        running = self._progress.running
        for iteration in running.longer_than(limit, self._clock.monotonic()):
            running.end(iteration, Verdict(IterationStatus.TIMEOUT, reason))

    def _bring_logs(self) -> None:
        running = self._progress.running
        now = running.now()
        self._logs = {n: text for n, text in self._logs.items() if n in now}
        for iteration, text in self._backend.logs(now.keys()).items():
            if text and text != self._logs.get(iteration) and iteration in running.now():
                self._logs[iteration] = text
                self._recorder.log(iteration, text)


class _Due:
    """Answers true at the first call, and then once in each interval of ``seconds``."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._next = -math.inf

    def __call__(self) -> bool:
        now = self._clock.monotonic()
        if now < self._next:
            return False
        self._next = now + self._seconds
        return True
