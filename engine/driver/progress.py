"""The progress of a run's trials, whatever executes them."""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from engine.deadline import NEVER, Deadline
from engine.driver.barred_nodes import BarredNodes
from engine.driver.clock import Clock
from engine.driver.gauges import Gauges
from engine.driver.running_trials import RunningTrials, Verdict
from engine.driver.schedule import Next, Schedule
from engine.driver.trial_backends.backend import (
    OUT_OF_MEMORY,
    Placement,
    Proposal,
    TrialHost,
)
from engine.driver.trial_memory import LeftOut, memory_use
from engine.metrics.metric import Metric
from engine.pipelines.spec import PipelineSpec
from engine.search.searcher import Searcher
from engine.store.properties import IterationProperties
from engine.store.recorder import Recorder
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")

#: How often an iteration is begun again on another node when it loses its node.
MAX_RETRIES = 3
#: Real seconds that a simulated clock waits for the store.
_CATCH_UP_SECONDS = 60.0


@dataclass(frozen=True)
class _Open:
    """An iteration that has begun."""

    spec: PipelineSpec
    #: In seconds of `Clock.monotonic`.
    began: float


class Progress(TrialHost):
    """Proposes trials and takes note of what becomes of them.

    It joins the schedule (which number is next), the search (which pipeline), the recorder (what
    the store keeps) and the verdicts over trials that are ended early. A trial that loses its node
    is proposed again, up to `MAX_RETRIES` times.

    Parameters
    ----------
    schedule, search, recorder:
        The run's own.
    metric:
        The primary metric.
    kill:
        Ends the trial of an iteration, see `TrialBackend.kill`.
    clock:
        Gives the present time.
    until:
        When trials must have ended: pipelines that would take longer are not proposed. Default:
        never.
    gauges:
        Show the progress elsewhere; default: nowhere.
    nodes:
        Bars the nodes that cannot have the data; default: one of its own.

    Attributes
    ----------
    running:
        The trials that run now.
    cancelled:
        Iterations that a client has cancelled. Whoever reads the client's requests sets it.
    """

    def __init__(
        self,
        schedule: Schedule,
        search: Searcher,
        recorder: Recorder,
        metric: Metric,
        kill: Callable[[int], None],
        clock: Clock,
        until: Deadline = NEVER,
        gauges: Gauges | None = None,
        nodes: BarredNodes | None = None,
    ) -> None:
        self.schedule = schedule
        self.running = RunningTrials(kill)
        self.cancelled: frozenset[int] = frozenset()
        self._search = search
        self._left_out = LeftOut(search)
        self._recorder = recorder
        self._metric = metric
        self._clock = clock
        self._until = until
        self._gauges = Gauges() if gauges is None else gauges
        self._nodes = BarredNodes() if nodes is None else nodes
        self._proposed: dict[int, PipelineSpec] = {}
        #: Iterations that the backend has taken and that have not begun.
        self._unplaced: set[int] = set()
        self._open: dict[int, _Open] = {}
        self._retries: dict[int, list[str]] = {}
        #: How many of an iteration's retries were for a node without data: these are not limited.
        self._unfit: Counter[int] = Counter()
        #: Iterations that wait for another node.
        self._waiting: set[int] = set()
        self._best_folds: tuple[float, ...] = ()

    @property
    def stops_at_once(self) -> bool:
        """See `TrialHost.stops_at_once`."""
        return self.schedule.stopped_at_once

    def propose(self) -> Proposal | Next:
        """See `TrialHost.propose`."""
        self._end_cancelled_waiting()
        if self._must_wait():
            return Next.WAIT
        while True:
            number = self.schedule.next()
            if number is Next.OVER and self._open and not self.schedule.stopped:
                return Next.WAIT  # a running trial may have to be tried again
            if isinstance(number, Next):
                return number
            left = self._until.left()
            spec = self._search.ask(number, left)
            self._left_out.tell_new()
            if spec is None:
                self.schedule.stop(self._search.nothing_left)
                return Next.OVER
            if number not in self.cancelled:
                self._proposed[number] = spec
                self._unplaced.add(number)
                seconds_left = left if self._until.is_set else None
                avoid = self._nodes.ids
                expected = self._search.expected_mb(spec)
                return Proposal(number, spec, self._best_folds, seconds_left, avoid, expected)
            self._never_started(number, spec)

    def begun(self, number: int, placement: Placement) -> None:
        """See `TrialHost.begun`."""
        self.running.add(number, placement, self._clock.monotonic())
        where = IterationProperties(
            node_id=placement.node_id, node_ip=placement.node_ip, pid=placement.pid
        )
        self._begin(number, where)

    def ended(self, number: int, end: IterationEnd) -> None:
        """See `TrialHost.ended`."""
        self.running.remove(number)
        self._end(number, end)

    def killed(self, number: int, log: str | None) -> None:
        """See `TrialHost.killed`."""
        self.died(number, "it was killed", log)

    def died(self, number: int, reason: str, log: str | None) -> None:
        """See `TrialHost.died`."""
        verdict = self._open_and_verdict(number)
        if verdict is None:
            how = reason if reason.startswith(OUT_OF_MEMORY) else f"the worker died: {reason}"
            verdict = Verdict(IterationStatus.FAILED, how)
        self._end(number, IterationEnd(verdict.status, verdict.reason, log=log))

    def lost(self, number: int, reason: str, log: str | None) -> None:
        """See `TrialHost.lost`."""
        verdict = self._open_and_verdict(number)
        if verdict is None and self._may_try_again(number):
            self._try_again(number, reason)
            return
        stopped = self.schedule.stopped
        if verdict is None and stopped is not None:
            because = f"{reason}; it was not tried again: {stopped}"
            verdict = Verdict(IterationStatus.CANCELED, because)
        if verdict is None:
            verdict = Verdict(IterationStatus.FAILED, f"the worker died: {reason}")
        self._end(number, IterationEnd(verdict.status, verdict.reason, log=log))

    def unfit(self, number: int, node_id: str, reason: str, log: str | None) -> None:
        """See `TrialHost.unfit`: the iteration goes elsewhere, however often that happens."""
        placement = self.running.now().get(number)
        verdict = self._open_and_verdict(number)
        is_late = verdict is not None and verdict.status is IterationStatus.TIMEOUT
        if is_late and verdict is not None:
            reason = f"{reason}: {verdict.reason}"
        if verdict is not None and not is_late:
            self._end(number, IterationEnd(verdict.status, verdict.reason, log=log))
            return
        self._nodes.bar(node_id, "" if placement is None else placement.node_ip, reason)
        if self._nodes.failure is not None:
            self.schedule.stop("no node can have the data", at_once=True)
        if self.schedule.stopped is not None:
            self._end(number, IterationEnd(IterationStatus.CANCELED, str(self.schedule.stopped)))
            return
        self._unfit[number] += 1
        self._try_again(number, f"its node cannot have the data: {reason.splitlines()[-1]}")

    def end_unfinished(self, reason: str) -> None:
        """Cancel the iterations that the backend has left open or that wait for another node."""
        for number in [*self._open, *sorted(self._waiting)]:
            self._end(number, IterationEnd(IterationStatus.CANCELED, reason))

    def fail_unplaced(self, reason: str) -> None:
        """Have the iterations failed that the backend has taken and found no place for."""
        for number in sorted(self._unplaced):
            self._begin(number, IterationProperties())
            self._end(number, IterationEnd(IterationStatus.FAILED, reason))

    def _must_wait(self) -> bool:
        """Whether the store must take what there is before more is begun."""
        recorder = self._recorder
        if recorder.is_behind and not self.schedule.stopped:
            self._clock.catch_up(lambda: recorder.wait_until_ready(_CATCH_UP_SECONDS))
        return recorder.is_behind and not self.schedule.stopped

    def _open_and_verdict(self, number: int) -> Verdict | None:
        """Begin an iteration that ends before it has begun; return why it was ended early."""
        verdict = self.running.remove(number)
        if number not in self._open:
            self._begin(number, IterationProperties())
        return verdict

    def _may_try_again(self, number: int) -> bool:
        # A schedule that is stopped hands out nothing: the iteration would wait for ever.
        losses = len(self._retries.get(number, ())) - self._unfit[number]
        return losses < MAX_RETRIES and self.schedule.stopped is None

    def _end_cancelled_waiting(self) -> None:
        for number in sorted(self._waiting & self.cancelled):
            self.schedule.withdraw(number)
            self._end(number, IterationEnd(IterationStatus.CANCELED, "canceled by the user"))

    def _try_again(self, number: int, reason: str) -> None:
        reasons = self._retries.setdefault(number, [])
        reasons.append(reason)
        logger.warning("iteration %d is tried again: %s", number, reason)
        self._open.pop(number, None)
        self._waiting.add(number)
        self._gauges.counted("Retried", len(self._open), self.schedule.to_come)
        self._recorder.retried(number, reasons)
        self.schedule.again(number)

    def _never_started(self, number: int, spec: PipelineSpec) -> None:
        self._proposed[number] = spec
        self._begin(number, IterationProperties())
        reason = "canceled by the user before it started"
        self._end(number, IterationEnd(IterationStatus.CANCELED, reason))

    def _begin(self, number: int, where: IterationProperties) -> None:
        spec = self._proposed[number]
        self._waiting.discard(number)
        self._unplaced.discard(number)
        self._open[number] = _Open(spec, self._clock.monotonic())
        self._gauges.counted("", len(self._open), self.schedule.to_come)
        self._recorder.started(number, spec, where, self._clock.time())

    def _end(self, number: int, end: IterationEnd) -> None:
        opened = self._open.pop(number, None)
        self._waiting.discard(number)
        score = math.nan
        if end.status is IterationStatus.COMPLETED:
            score = end.metrics[self._metric.name]
        if opened is not None:
            seconds = end.whole_seconds or self._clock.monotonic() - opened.began
            self._search.tell(number, opened.spec, score, seconds, memory_use(end.properties))
            if end.reason.startswith(OUT_OF_MEMORY):
                self._search.avoid(opened.spec)
        is_best = self.schedule.ended(number, score)
        if is_best:
            self._best_folds = tuple(fold[self._metric.name] for fold in end.fold_metrics)
        logger.info("iteration %d %s%s", number, end.status, " (best so far)" if is_best else "")
        self._gauges.counted(end.status, len(self._open), self.schedule.to_come)
        if is_best:
            self._gauges.best(score)
        self._recorder.ended(number, end.with_fold_scores(self._metric.name), self._points(score))

    def _points(self, score: float) -> dict[str, float]:
        """Return the points of the run's curves: a score and the best so far."""
        if math.isnan(score) or self.schedule.best is None:
            return {}
        return {self._metric.name: score, f"best_{self._metric.name}": self.schedule.best[1]}
