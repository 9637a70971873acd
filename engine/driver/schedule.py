"""The order of iterations, and the end of a run."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from engine.metrics.metric import Metric


class Next(Enum):
    """An answer that is no iteration number: nothing now, or nothing any more."""

    WAIT = "wait"
    OVER = "over"


@dataclass(frozen=True)
class Goals:
    """When a run stops.

    Attributes
    ----------
    iterations:
        The first number that is not handed out.
    exit_score:
        A score of the primary metric that is good enough; ``None`` for no such score.
    patience:
        Iterations without a new best score after which the run stops; ``None`` for no limit.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> schedule = Schedule(Goals(iterations=100, patience=2), METRICS["accuracy"])
    >>> [schedule.ended(number, score) for number, score in enumerate([0.8, 0.7, 0.6])]
    [True, False, False]
    >>> schedule.stopped
    'the best score has stood still for 2 iterations'
    """

    iterations: int
    exit_score: float | None = None
    patience: int | None = None


class Schedule:
    """Hands out iteration numbers; safe to call from several threads.

    Parameters
    ----------
    goals:
        When to stop.
    metric:
        The primary metric.
    done:
        Number -> score (NaN for none) of the iterations that ended earlier: they are not repeated.
    interrupted:
        Numbers that had started when an earlier driver died: they come first.

    Attributes
    ----------
    best:
        Number and score of the best iteration; ``None`` before there is a score.
    paused:
        Whether no numbers are handed out for now.
    stopped:
        Why no numbers are handed out any more; ``None`` while they are.
    stopped_at_once:
        Whether running iterations should be ended too.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> schedule = Schedule(Goals(iterations=100, exit_score=0.9), METRICS["accuracy"])
    >>> schedule.next(), schedule.next()
    (0, 1)
    >>> schedule.ended(1, 0.95)
    True
    >>> schedule.stopped
    'experiment_exit_score=0.9 is reached'
    >>> schedule.next()
    <Next.OVER: 'over'>
    """

    def __init__(
        self,
        goals: Goals,
        metric: Metric,
        done: dict[int, float] | None = None,
        interrupted: Iterable[int] = (),
    ) -> None:
        self._goals = goals
        self._metric = metric
        self._lock = threading.RLock()
        self._taken = set(done or ())
        self._first = sorted(set(interrupted) - self._taken, reverse=True)
        self._since_best = 0
        self.best: tuple[int, float] | None = None
        self.paused = False
        self.stopped: str | None = None
        self.stopped_at_once = False
        for number, score in sorted((done or {}).items()):
            self._weigh(number, score)
        # An earlier standstill must not end a run that was asked to go on.
        self._since_best = 0

    def next(self) -> int | Next:
        """Return the next number to start; each number is handed out once."""
        with self._lock:
            if self.stopped is not None:
                return Next.OVER
            if self.paused:
                return Next.WAIT
            number = self._first.pop() if self._first else self._lowest_free()
            if number >= self._goals.iterations:
                return Next.OVER
            self._taken.add(number)
            return number

    @property
    def to_come(self) -> int:
        """The count of numbers that may still be handed out.

        Examples
        --------
        >>> from engine.metrics.metric import METRICS
        >>> schedule = Schedule(Goals(iterations=3), METRICS["accuracy"], done={0: 0.8})
        >>> schedule.to_come
        2
        """
        with self._lock:
            if self.stopped is not None:
                return 0
            return max(0, self._goals.iterations - len(self._taken)) + len(self._first)

    def again(self, number: int) -> None:
        """Have `next` hand out a number once more, because its node was lost.

        Examples
        --------
        >>> from engine.metrics.metric import METRICS
        >>> schedule = Schedule(Goals(iterations=3), METRICS["accuracy"])
        >>> schedule.next(), schedule.next()
        (0, 1)
        >>> schedule.again(0)
        >>> schedule.next(), schedule.next()
        (0, 2)
        """
        with self._lock:
            self._first.append(number)

    def withdraw(self, number: int) -> None:
        """Take back what `again` has put back.

        Examples
        --------
        >>> from engine.metrics.metric import METRICS
        >>> schedule = Schedule(Goals(iterations=3), METRICS["accuracy"])
        >>> schedule.next(), schedule.again(0), schedule.withdraw(0)
        (0, None, None)
        >>> schedule.next()
        1
        """
        with self._lock:
            if number in self._first:
                self._first.remove(number)

    def ended(self, number: int, score: float) -> bool:
        """Take note of an iteration's score, NaN for none; return whether it is the new best."""
        with self._lock:
            is_best = self._weigh(number, score)
            exit_score, patience = self._goals.exit_score, self._goals.patience
            if exit_score is not None and is_best and self._metric.reaches(score, exit_score):
                self.stop(f"experiment_exit_score={exit_score} is reached", at_once=True)
            elif patience is not None and self._since_best >= patience and self.best is not None:
                self.stop(f"the best score has stood still for {patience} iterations")
            return is_best

    def stop(self, reason: str, at_once: bool = False) -> None:
        """Hand out nothing more; the first reason counts.

        With ``at_once`` running iterations should be ended too.

        Examples
        --------
        >>> from engine.metrics.metric import METRICS
        >>> schedule = Schedule(Goals(iterations=100), METRICS["accuracy"])
        >>> schedule.stop("canceled", at_once=True)
        >>> schedule.stop("the time is over")
        >>> schedule.stopped, schedule.stopped_at_once
        ('canceled', True)
        """
        with self._lock:
            if self.stopped is None:
                self.stopped = reason
            self.stopped_at_once = self.stopped_at_once or at_once

    def _lowest_free(self) -> int:
        number = 0
        while number in self._taken:
            number += 1
        return number

    def _weigh(self, number: int, score: float) -> bool:
        is_best = self._metric.is_better(score, self.best[1] if self.best else None)
        if is_best:
            self.best = (number, score)
            self._since_best = 0
        else:
            self._since_best += 1
        return is_best
