"""The trials that run now, and how to end them."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass

import ray

from engine.driver.trial import Announcement
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")


@dataclass(frozen=True)
class Verdict:
    """Why we ended a trial ourselves: the iteration's status and its reason."""

    status: IterationStatus
    reason: str


class RunningTrials:
    """Iteration -> where it runs; ends trials and remembers why."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, Announcement] = {}
        self._verdicts: dict[int, Verdict] = {}

    def add(self, iteration: int, announcement: Announcement) -> None:
        with self._lock:
            self._running[iteration] = announcement

    def remove(self, iteration: int) -> Verdict | None:
        """Forget a trial that has ended; the verdict if we ended it."""
        with self._lock:
            self._running.pop(iteration, None)
            return self._verdicts.pop(iteration, None)

    def now(self) -> dict[int, Announcement]:
        with self._lock:
            return dict(self._running)

    def end(self, iteration: int, verdict: Verdict) -> None:
        """End a trial at once, whatever it is doing, by ending its actor."""
        with self._lock:
            announcement = self._running.get(iteration)
            if announcement is None or iteration in self._verdicts:
                return
            self._verdicts[iteration] = verdict
        logger.info("ending iteration %d: %s, %s", iteration, verdict.status, verdict.reason)
        ray.kill(announcement.actor, no_restart=True)

    def end_all(self, verdict: Verdict) -> None:
        for iteration in self.now():
            self.end(iteration, verdict)
