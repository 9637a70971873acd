"""Trials that happened earlier, replayed on a simulated clock."""

from __future__ import annotations

import math
import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from engine.driver.clock import SimulatedClock
from engine.driver.schedule import Next
from engine.driver.trial_backends.backend import Placement, Proposal, TrialBackend, TrialHost
from engine.pipelines.spec import PipelineSpec
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

#: A host that has nothing to start now is asked again after this many simulated seconds.
_ASK_AGAIN_SECONDS = 0.5


@dataclass(frozen=True)
class RecordedTrial:
    """The outcome of a trial.

    Attributes
    ----------
    fold_scores:
        The primary metric of each fold; empty for a trial that gave no score.
    seconds:
        How long the trial took.
    status, reason:
        How it ended.
    dies:
        Whether its process died; ``reason`` says how.
    model, predictions:
        See `IterationEnd`.
    log:
        Its log.
    start_memory_mb, peak_memory_mb:
        See `IterationProperties`.
    """

    fold_scores: tuple[float, ...]
    seconds: float
    status: IterationStatus = IterationStatus.COMPLETED
    reason: str = ""
    dies: bool = False
    model: bytes | None = None
    predictions: bytes | None = None
    log: str = ""
    start_memory_mb: float | None = None
    peak_memory_mb: float | None = None

    def to_end(self, metric: str) -> IterationEnd:
        """Return the outcome as a backend reports it.

        Parameters
        ----------
        metric:
            Name of the primary metric, whose score is the mean over the folds.

        Examples
        --------
        >>> RecordedTrial((0.75, 0.25), seconds=3.0).to_end("accuracy").metrics
        {'accuracy': 0.5}
        """
        metrics = {metric: float(np.mean(self.fold_scores))} if self.fold_scores else {}
        return IterationEnd(
            self.status,
            self.reason,
            metrics=metrics,
            fold_metrics=tuple({metric: score} for score in self.fold_scores),
            properties=IterationProperties(
                folds=len(self.fold_scores),
                start_memory_mb=self.start_memory_mb,
                peak_memory_mb=self.peak_memory_mb,
            ),
            model=self.model,
            predictions=self.predictions,
            log=self.log or None,
        )


@dataclass(frozen=True)
class Recording:
    """The outcomes of trials, by iteration, by pipeline, or by estimator.

    Attributes
    ----------
    metric:
        Name of the primary metric.
    by_number:
        Iteration -> its trial. They come first.
    by_pipeline:
        `PipelineSpec.to_json`, or an estimator's name -> its trial.
    others:
        The trial of everything else; ``None`` when there must be nothing else.

    Examples
    --------
    >>> slow, quick = RecordedTrial((0.9,), 60.0), RecordedTrial((0.8,), 1.0)
    >>> recording = Recording("accuracy", by_pipeline={"SVM": slow}, others=quick)
    >>> recording.of(7, PipelineSpec("SVM")).seconds
    60.0
    >>> recording.of(8, PipelineSpec("KNN")).seconds
    1.0
    """

    metric: str
    by_number: Mapping[int, RecordedTrial] = field(default_factory=dict)
    by_pipeline: Mapping[str, RecordedTrial] = field(default_factory=dict)
    others: RecordedTrial | None = None

    def of(self, number: int, spec: PipelineSpec) -> RecordedTrial:
        """Return the trial of iteration ``number``.

        Raises
        ------
        KeyError
            When the recording has none.
        """
        if number in self.by_number:
            return self.by_number[number]
        for key in (spec.to_json(), spec.estimator):
            if key in self.by_pipeline:
                return self.by_pipeline[key]
        if self.others is None:
            raise KeyError(f"the recording has no trial for iteration {number}, {spec.to_json()}")
        return self.others


@dataclass(frozen=True)
class NodeLoss:
    """A node that is lost for good, ``after`` seconds of `RecordedBackend.run`."""

    after: float
    node: int


@dataclass(frozen=True)
class UnfitNode:
    """A node that cannot have the data: a trial there finds that out after ``seconds``."""

    node: int
    reason: str
    seconds: float = 0.1


@dataclass
class _Running:
    """A trial that is being replayed."""

    trial: RecordedTrial
    node: int
    began: float
    is_killed: bool = False

    @property
    def ends(self) -> float:
        return self.began + self.trial.seconds


class RecordedBackend(TrialBackend):
    """Replays recorded trials: no Ray, no waiting, the same outcome every time.

    Trials take the seconds of their recording on the simulated clock. Each starts on the node with
    the lowest number that has a free slot, and waits while there is none.

    Parameters
    ----------
    recording:
        The trials. Any object with `Recording.of` and ``metric`` is accepted.
    clock:
        The simulated clock, which `run` turns.
    nodes, slots:
        Number of nodes, and of trials that one node runs at a time.
    losses:
        Nodes that are lost, and when. One node at least must stay.
    unfit:
        Nodes that cannot have the data.

    Attributes
    ----------
    busy_seconds:
        Seconds that slots have been busy so far, over all nodes.

    Raises
    ------
    ValueError
        When no node would stay.

    Examples
    --------
    >>> from engine.driver.trial_backends.backend import Proposal
    >>> class TwoTrials(TrialHost):
    ...     stops_at_once = False
    ...     waiting = [Proposal(0, PipelineSpec("KNN")), Proposal(1, PipelineSpec("SVM"))]
    ...
    ...     def propose(self):
    ...         return self.waiting.pop(0) if self.waiting else Next.OVER
    ...
    ...     def begun(self, number, placement):
    ...         print(number, "begins on", placement.node_id)
    ...
    ...     def ended(self, number, end):
    ...         print(number, "ends with", end.metrics)
    ...
    ...     def killed(self, number, log): ...
    ...     def died(self, number, reason, log): ...
    ...     def lost(self, number, reason, log): ...
    >>> recording = Recording("accuracy", others=RecordedTrial((0.5,), seconds=10.0))
    >>> RecordedBackend(recording, SimulatedClock()).run(TwoTrials(), concurrency=2)
    0 begins on node-0
    0 ends with {'accuracy': 0.5}
    1 begins on node-0
    1 ends with {'accuracy': 0.5}
    """

    def __init__(
        self,
        recording: Recording,
        clock: SimulatedClock,
        nodes: int = 1,
        slots: int = 1,
        losses: Iterable[NodeLoss] = (),
        unfit: Iterable[UnfitNode] = (),
    ) -> None:
        self._unfit = {bad.node: bad for bad in unfit}
        #: A proposal that avoids all nodes with a free slot.
        self._without_node: Proposal | None = None
        self._recording = recording
        self._clock = clock
        self._losses = sorted(losses, key=lambda loss: loss.after)
        if len({loss.node for loss in self._losses}) >= nodes:
            raise ValueError(f"all {nodes} nodes would be lost: one at least must stay")
        self._free = dict.fromkeys(range(nodes), slots)
        self._running: dict[int, _Running] = {}
        self._is_over = False
        self.busy_seconds = 0.0

    def run(self, host: TrialHost, concurrency: int) -> None:
        """See `TrialBackend.run`."""
        began = self._clock.monotonic()
        for loss in self._losses:
            self._clock.at(began + loss.after, partial(self._lose, host, loss.node))
        while not host.stops_at_once:
            self._report(host)
            if host.stops_at_once:
                return
            self._start(host, concurrency)
            if self._is_over and not self._running:
                return
            self._clock.step(self._next_moment(concurrency))

    def has_nodes_besides(self, barred: Collection[str]) -> bool:
        """See `TrialBackend.has_nodes_besides`."""
        return any(f"node-{node}" not in barred for node in self._free)

    def kill(self, number: int) -> None:
        """See `TrialBackend.kill`."""
        if number in self._running:
            self._running[number].is_killed = True

    def logs(self, numbers: Collection[int]) -> dict[int, str]:
        """See `TrialBackend.logs`."""
        return {n: self._running[n].trial.log for n in numbers if n in self._running}

    def _report(self, host: TrialHost) -> None:
        """Report the trials that have ended by now, in the order of their ends."""
        now = self._clock.monotonic()
        over = [n for n, r in self._running.items() if r.is_killed or r.ends <= now]
        for number in sorted(over, key=lambda n: (self._running[n].ends, n)):
            running = self._free_slot(number)
            trial = running.trial
            unfit = self._unfit.get(running.node)
            if unfit is not None:
                host.unfit(number, f"node-{running.node}", unfit.reason, None)
            elif running.is_killed:
                host.killed(number, trial.log or None)
            elif trial.dies:
                host.died(number, trial.reason, trial.log or None)
            else:
                host.ended(number, trial.to_end(self._recording.metric))

    def _start(self, host: TrialHost, concurrency: int) -> None:
        """Start trials while there are proposals and free slots."""
        while not self._is_over and len(self._running) < concurrency:
            if not any(self._free.values()):
                return
            proposal = self._without_node or host.propose()
            if isinstance(proposal, Next):
                self._is_over = proposal is Next.OVER
                return
            free = [n for n, slots in self._free.items() if slots]
            node = next((n for n in free if f"node-{n}" not in proposal.avoid), None)
            self._without_node = proposal if node is None else None
            if node is None:
                return
            self._free[node] -= 1
            trial = self._recording.of(proposal.number, proposal.spec)
            if node in self._unfit:
                trial = RecordedTrial((), self._unfit[node].seconds)
            began = self._clock.monotonic()
            self._running[proposal.number] = _Running(trial, node, began)
            placement = Placement(f"node-{node}", f"10.0.0.{node}", os.getpid())
            host.begun(proposal.number, placement)

    def _lose(self, host: TrialHost, node: int) -> None:
        for number in [n for n, r in self._running.items() if r.node == node]:
            running = self._free_slot(number)
            host.lost(number, f"node-{node} was lost", running.trial.log or None)
        self._free.pop(node, None)

    def _free_slot(self, number: int) -> _Running:
        running = self._running.pop(number)
        if running.node in self._free:
            self._free[running.node] += 1
        self.busy_seconds += min(self._clock.monotonic() - running.began, running.trial.seconds)
        return running

    def _next_moment(self, concurrency: int) -> float:
        """Return when something happens here next: a trial ends, or the host is asked again."""
        ends = min((r.ends for r in self._running.values()), default=math.inf)
        is_full = len(self._running) >= concurrency or not any(self._free.values())
        if self._is_over or is_full:
            return ends
        return min(ends, self._clock.monotonic() + _ASK_AGAIN_SECONDS)
