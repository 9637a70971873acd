"""The trials that run now, and why some of them are ended early."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass

from engine.driver.trial_backends.backend import Placement
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")


@dataclass(frozen=True)
class Verdict:
    """Why the driver ends a trial: the iteration's status and its reason."""

    status: IterationStatus
    reason: str


class RunningTrials:
    """Iteration -> where it runs; ends trials and remembers why. Safe in several threads.

    Parameters
    ----------
    kill:
        Ends the trial of an iteration, see `TrialBackend.kill`.

    Examples
    --------
    >>> running = RunningTrials(kill=lambda number: print("kill", number))
    >>> running.add(3, Placement("n1", "10.0.0.1", 17), began=100.0)
    >>> running.end(3, Verdict(IterationStatus.TIMEOUT, "too long"))
    kill 3
    >>> running.remove(3).reason
    'too long'
    >>> running.now()
    {}
    """

    def __init__(self, kill: Callable[[int], None]) -> None:
        self._kill = kill
        self._lock = threading.Lock()
        self._running: dict[int, Placement] = {}
        self._began: dict[int, float] = {}
        self._verdicts: dict[int, Verdict] = {}

    def add(self, iteration: int, placement: Placement, began: float) -> None:
        """Take note that a trial runs; ``began`` is when the driver heard of it.

        A node's own clock may differ from the driver's by minutes.
        """
        with self._lock:
            self._running[iteration] = placement
            self._began[iteration] = began

    def remove(self, iteration: int) -> Verdict | None:
        """Forget a trial that has ended; return the verdict if it was ended by `end`."""
        with self._lock:
            self._running.pop(iteration, None)
            self._began.pop(iteration, None)
            return self._verdicts.pop(iteration, None)

    def now(self) -> dict[int, Placement]:
        """Return where each running trial is."""
        with self._lock:
            return dict(self._running)

    def longer_than(self, seconds: float, now: float) -> list[int]:
        """Return the iterations that have been running for more than ``seconds``.

        Examples
        --------
        >>> running = RunningTrials(kill=lambda number: None)
        >>> running.add(3, Placement("n1", "10.0.0.1", 17), began=100.0)
        >>> running.longer_than(20.0, now=120.0), running.longer_than(20.0, now=121.0)
        ([], [3])
        """
        with self._lock:
            return [number for number, began in self._began.items() if now - began > seconds]

    def end(self, iteration: int, verdict: Verdict) -> None:
        """End a running trial at once, whatever it is doing; the first verdict counts.

        Examples
        --------
        >>> running = RunningTrials(kill=lambda number: print("kill", number))
        >>> running.add(3, Placement("n1", "10.0.0.1", 17), began=100.0)
        >>> running.end(3, Verdict(IterationStatus.TIMEOUT, "too long"))
        kill 3
        >>> running.end(3, Verdict(IterationStatus.CANCELED, "asked for"))
        >>> running.remove(3).reason
        'too long'
        """
        with self._lock:
            if iteration not in self._running or iteration in self._verdicts:
                return
            self._verdicts[iteration] = verdict
        logger.info("ending iteration %d: %s, %s", iteration, verdict.status, verdict.reason)
        self._kill(iteration)

    def end_all(self, verdict: Verdict) -> None:
        """End all running trials at once."""
        for iteration in self.now():
            self.end(iteration, verdict)
