"""The seam between a run and what executes its trials."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection
from dataclasses import dataclass

from engine.driver.schedule import Next
from engine.pipelines.spec import PipelineSpec
from engine.store.records import IterationEnd

#: How the reasons of trials begin that needed more memory than there was.
OUT_OF_MEMORY = ("out of memory", "over mem_in_mb", "MemoryError")


@dataclass(frozen=True)
class Proposal:
    """A trial to start.

    Attributes
    ----------
    number:
        The iteration that the trial executes. Only `TrialHost.lost` makes a number come again.
    spec:
        The pipeline to evaluate.
    best_folds:
        The primary metric of each fold of the best iteration so far; empty when there is none.
    seconds_left:
        Seconds until all trials must have ended; ``None`` for no limit.
    avoid:
        Ids of the nodes where the trial must not run.
    expected_mb:
        Memory that the trial is expected to need, in MiB; ``None`` when nobody knows. A backend
        runs fewer trials at a time where they would not fit in a node together.
    """

    number: int
    spec: PipelineSpec
    best_folds: tuple[float, ...] = ()
    seconds_left: float | None = None
    avoid: frozenset[str] = frozenset()
    expected_mb: float | None = None


@dataclass(frozen=True)
class Placement:
    """Where a trial runs."""

    node_id: str
    node_ip: str
    pid: int


class TrialHost(ABC):
    """The owner of trials: it proposes them to a backend and receives the backend's reports.

    A backend calls these methods from one thread. For each trial it reports `begun` at most once,
    then exactly one of `ended`, `killed`, `died`, `lost` and `unfit`; a trial whose process never
    started may end without having begun.
    """

    @abstractmethod
    def propose(self) -> Proposal | Next:
        """Return the next trial; ``WAIT`` to be asked again soon, ``OVER`` when there are no more.

        The answer ``WAIT`` may follow while trials run, and ``OVER`` is final.
        """

    @abstractmethod
    def begun(self, number: int, placement: Placement) -> None:
        """Take note that a trial runs."""

    @abstractmethod
    def ended(self, number: int, end: IterationEnd) -> None:
        """Take note of a trial's outcome, whether it gave a score or not."""

    @abstractmethod
    def killed(self, number: int, log: str | None) -> None:
        """Take note that a trial has ended because of `TrialBackend.kill`."""

    @abstractmethod
    def died(self, number: int, reason: str, log: str | None) -> None:
        """Take note that a trial's process died by itself; ``reason`` in one line.

        It begins with one of `OUT_OF_MEMORY` when the trial needed too much memory.
        """

    @abstractmethod
    def lost(self, number: int, reason: str, log: str | None) -> None:
        """Take note that a trial lost its node; the trial may be proposed again."""

    def unfit(self, number: int, node_id: str, reason: str, log: str | None) -> None:
        """Take note that a trial's node cannot have the data; the trial may be proposed again.

        It is also reported in place of `killed` when a trial is killed while its node reads the
        data. By default it is taken for the loss of the node.
        """
        self.lost(number, reason, log)

    @property
    @abstractmethod
    def stops_at_once(self) -> bool:
        """Whether the run must not even finish what it has started."""


class TrialBackend(ABC):
    """Executes the trials that a host proposes.

    A backend guarantees that

    - at most ``concurrency`` trials run at a time, in the order of their proposals;
    - a trial that gives no score, or NaN, is an outcome like others and ends nothing else;
    - a trial that loses its node is reported and not repeated by the backend itself;
    - a trial whose node cannot have the data is reported by `TrialHost.unfit`;
    - no trial runs on a node that its proposal avoids;
    - `kill` ends a trial within seconds, also one that is busy in native code.

    `run` is called once. `kill` and `logs` may be called from any thread while it runs.
    """

    @abstractmethod
    def run(self, host: TrialHost, concurrency: int) -> None:
        """Run trials until the host has no more, and all of them have ended.

        When ``host.stops_at_once`` becomes true, `run` returns soon; trials that were running then
        have been ended but need not have been reported.
        """

    def has_nodes_besides(self, barred: Collection[str]) -> bool:
        """Whether there are nodes, or some may still come, other than these; by default true."""
        return True

    @abstractmethod
    def kill(self, number: int) -> None:
        """End a running trial whatever it is doing; return without waiting for its end.

        The trial is reported by `TrialHost.killed`, or by `TrialHost.ended` when its outcome was
        under way already. A number that does not run is ignored.
        """

    @abstractmethod
    def logs(self, numbers: Collection[int]) -> dict[int, str]:
        """Return the logs so far of those of the running trials ``numbers`` that can be read now.

        It takes less than a second, also while a node does not answer.
        """
