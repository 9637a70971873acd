"""What every trial backend promises; a subclass of the suite says how to make one."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from engine.driver.schedule import Next
from engine.driver.trial_backends.backend import Placement, Proposal, TrialBackend, TrialHost
from engine.pipelines.spec import PipelineSpec
from engine.store.records import IterationEnd

#: Outcomes of a trial, each with its method of `TrialHost`.
OUTCOMES = ("ended", "killed", "died", "lost")


class ListHost(TrialHost):
    """Proposes trials from a list and keeps what it is told, with the thread that told it."""

    def __init__(self, *specs: PipelineSpec) -> None:
        self.to_come = [Proposal(number, spec) for number, spec in enumerate(specs)]
        self.events: list[tuple[str, int, Any]] = []
        self.threads: set[int] = set()
        self.stop = False
        self.most_at_once = 0
        self.when_begun: Callable[[int], None] = lambda number: None
        self.waits: list[Next] = []

    @property
    def stops_at_once(self) -> bool:
        return self.stop

    def propose(self) -> Proposal | Next:
        self.threads.add(threading.get_ident())
        if self.waits:
            return self.waits.pop()
        return self.to_come.pop(0) if self.to_come else Next.OVER

    def begun(self, number: int, placement: Placement) -> None:
        self._note("begun", number, placement)
        ended = sum(name in OUTCOMES for name, _, _ in self.events)
        begun = sum(name == "begun" for name, _, _ in self.events)
        self.most_at_once = max(self.most_at_once, begun - ended)
        self.when_begun(number)

    def ended(self, number: int, end: IterationEnd) -> None:
        self._note("ended", number, end)

    def killed(self, number: int, log: str | None) -> None:
        self._note("killed", number, log)

    def died(self, number: int, reason: str, log: str | None) -> None:
        self._note("died", number, reason)

    def lost(self, number: int, reason: str, log: str | None) -> None:
        self._note("lost", number, reason)

    def of(self, number: int) -> list[str]:
        """The names of what happened to a trial, in order."""
        return [name for name, n, _ in self.events if n == number]

    def last(self, number: int) -> Any:
        """What came with the last event of a trial."""
        return [what for _, n, what in self.events if n == number][-1]

    def _note(self, name: str, number: int, what: Any) -> None:
        self.threads.add(threading.get_ident())
        self.events.append((name, number, what))


class TrialBackendSuite(ABC):
    """The contract of `TrialBackend`, as tests."""

    #: A trial that takes a second or so, and one that takes minutes unless it is killed.
    quick: PipelineSpec
    slow: PipelineSpec
    #: A trial that gives no score.
    failing: PipelineSpec
    #: The primary metric.
    metric = "accuracy"

    @abstractmethod
    def make(self) -> TrialBackend:
        """A new backend for these trials, with room for two at a time."""

    @abstractmethod
    def later(self, seconds: float, do: Callable[[], None]) -> None:
        """Do something when so many seconds of the backend's time have passed."""

    def test_each_trial_begins_and_ends_once(self):
        host = ListHost(self.quick, self.quick, self.quick)
        self.make().run(host, concurrency=2)
        for number in range(3):
            assert host.of(number) == ["begun", "ended"]
            end = host.last(number)
            assert end.status == "Completed"
            assert 0 <= end.metrics[self.metric] <= 1
            assert all(0 <= fold[self.metric] <= 1 for fold in end.fold_metrics)

    def test_they_begin_in_the_order_of_their_proposals(self):
        host = ListHost(self.quick, self.quick, self.quick)
        self.make().run(host, concurrency=1)
        assert [number for name, number, _ in host.events if name == "begun"] == [0, 1, 2]
        assert host.most_at_once == 1

    def test_the_host_is_called_from_one_thread(self):
        host = ListHost(self.quick, self.quick)
        self.make().run(host, concurrency=2)
        assert len(host.threads) == 1

    def test_a_placement_says_where(self):
        host = ListHost(self.quick)
        self.make().run(host, concurrency=1)
        placement = next(what for name, _, what in host.events if name == "begun")
        assert placement.node_id
        assert placement.node_ip.count(".") == 3
        assert placement.pid > 0

    def test_a_trial_without_a_score_is_an_outcome_like_others(self):
        host = ListHost(self.failing, self.quick)
        self.make().run(host, concurrency=1)
        assert host.of(0) == ["begun", "ended"]
        assert host.last(0).status == "Failed"
        assert host.last(0).reason
        assert host.last(1).status == "Completed"

    def test_a_killed_trial_is_reported_and_the_next_one_runs(self):
        host = ListHost(self.slow, self.quick)
        backend = self.make()
        host.when_begun = lambda number: (
            self.later(1.0, lambda: backend.kill(0)) if number == 0 else None
        )
        backend.run(host, concurrency=1)
        assert host.of(0) == ["begun", "killed"]
        assert host.of(1) == ["begun", "ended"]

    def test_killing_what_does_not_run_does_nothing(self):
        host = ListHost(self.quick)
        backend = self.make()
        backend.kill(0)
        backend.run(host, concurrency=1)
        backend.kill(0)
        assert host.of(0) == ["begun", "ended"]

    def test_a_host_that_has_nothing_now_is_asked_again(self):
        host = ListHost(self.quick)
        host.waits = [Next.WAIT, Next.WAIT]
        self.make().run(host, concurrency=1)
        assert host.of(0) == ["begun", "ended"]

    def test_a_host_that_stops_at_once_is_not_kept_waiting(self):
        host = ListHost(self.slow, self.slow, self.quick)
        backend = self.make()

        def stop() -> None:
            host.stop = True
            for number in range(2):
                backend.kill(number)

        host.when_begun = lambda number: self.later(1.0, stop) if number == 0 else None
        began = time.monotonic()
        backend.run(host, concurrency=2)
        assert time.monotonic() - began < 60
        assert host.of(2) == []
        assert "ended" not in host.of(0) + host.of(1)

    def test_logs_can_be_read_while_trials_run(self):
        host = ListHost(self.slow)
        backend = self.make()
        seen: dict[int, str] = {}

        def look() -> None:
            seen.update(backend.logs([0, 7]))
            backend.kill(0)

        host.when_begun = lambda number: self.later(3.0, look)
        backend.run(host, concurrency=1)
        assert list(seen) == [0]
        assert "SVM" in seen[0]
        assert backend.logs([0]) == {}

    def test_nothing_to_do(self):
        host = ListHost()
        self.make().run(host, concurrency=2)
        assert host.events == []
