"""The time of a run: what trials, ensembles and the explanation may use of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from engine.config.settings import Settings
from engine.deadline import NEVER, Deadline
from engine.driver.clock import Clock

#: The part of the limits that an iteration may spend on boosting rounds: of those that would have
#: it ended, and of the run's time that is left. Scoring and the last fit come on top.
_BOOSTING_SHARE = 0.8
_BOOSTING_SHARE_OF_REST = 0.6
_LEAST_FIT_SECONDS = 0.2
#: An iteration that takes more than this part of its share is a long one.
_LONG = 0.15
#: Duration of the fit on all rows, in fits of a fold; and the same with a reserve, with and without
#: that fit.
LAST_FIT = 1.2
_LAST_FIT_AT_MOST = 1.5
_SCORING_AT_MOST = 0.2
#: The part of the trials' time that one iteration may use when others have given a model.
_LARGEST_SHARE = 1 / 3
_LEAST_SHARE_SECONDS = 5.0
#: Seconds that the last pieces of an explanation and its pictures take.
_EXPLAIN_TAIL = 6.0


@dataclass(frozen=True)
class IterationLimits:
    """The limits of an iteration's time.

    Attributes
    ----------
    trials:
        When all trials must have ended, by the clock of the machine that asks.
    iteration_seconds:
        Seconds that each iteration may take; ``None`` for no limit, as below.
    share_seconds:
        Seconds that each iteration may take of the run's time once another has given a model.

    Examples
    --------
    >>> limits = IterationLimits(iteration_seconds=60.0)
    >>> limits.fit_seconds(n_folds=5)  # 80 % of a minute for 5 folds and the fit on all rows
    7.384615384615385
    >>> limits.has_room_for(whole=70.0, elapsed=10.0)
    False
    """

    trials: Deadline = NEVER
    iteration_seconds: float | None = None
    share_seconds: float | None = None

    def begun(self, seconds_left: float | None) -> IterationLimits:
        """Return the limits of an iteration that begins now on this machine.

        Parameters
        ----------
        seconds_left:
            Seconds until all trials must have ended; ``None`` for no limit.

        Examples
        --------
        >>> round(IterationLimits().begun(60.0).trials.left())
        60
        """
        return replace(self, trials=Deadline.after(seconds_left))

    def fit_seconds(self, n_folds: int, spares_last_fit: bool = False) -> float | None:
        """Return the seconds of a boosting fit with which an iteration keeps its limits.

        Parameters
        ----------
        n_folds:
            Number of fits that are scored.
        spares_last_fit:
            Whether no time is kept for a fit on all rows.

        Returns
        -------
        float or None
            At least 0.2; ``None`` for no limit.

        Examples
        --------
        >>> IterationLimits().fit_seconds(n_folds=5) is None
        True
        >>> IterationLimits(iteration_seconds=62.0).fit_seconds(n_folds=5, spares_last_fit=True)
        9.538461538461538
        """
        allowed = min(_BOOSTING_SHARE * self._own(), _BOOSTING_SHARE_OF_REST * self.trials.left())
        if allowed == math.inf:
            return None
        more = _SCORING_AT_MOST if spares_last_fit else _LAST_FIT_AT_MOST
        return max(_LEAST_FIT_SECONDS, allowed / (n_folds + more))

    def is_long(self, whole: float) -> bool:
        """Whether an iteration of ``whole`` seconds takes a good part of the run's time.

        Examples
        --------
        >>> limits = IterationLimits(share_seconds=100.0)
        >>> limits.is_long(14.0), limits.is_long(16.0)
        (False, True)
        """
        return self.share_seconds is not None and whole > _LONG * self.share_seconds

    def has_room_for(self, whole: float, elapsed: float) -> bool:
        """Whether an iteration may take ``whole`` seconds, of which ``elapsed`` have passed.

        Examples
        --------
        >>> limits = IterationLimits(iteration_seconds=60.0)
        >>> [limits.has_room_for(whole, elapsed=10.0) for whole in (50.0, 70.0)]
        [True, False]
        """
        return whole <= self._own() and whole - elapsed <= self.trials.left()

    def exceeded(self, whole: float, elapsed: float, is_first: bool) -> str | None:
        """Return why an iteration must not go on, or ``None``.

        Parameters
        ----------
        whole:
            Seconds that the whole iteration would take.
        elapsed:
            Seconds that have passed.
        is_first:
            Whether no iteration has given a model yet: this one may have more than its share.

        Examples
        --------
        >>> limits = IterationLimits(share_seconds=30.0)
        >>> limits.exceeded(whole=40.0, elapsed=8.0, is_first=False)
        'its 40 s would be more than its share of experiment_timeout_minutes, 30 s'
        >>> limits.exceeded(whole=40.0, elapsed=8.0, is_first=True) is None
        True
        """
        if self.share_seconds is not None and not is_first and whole > self.share_seconds:
            return (
                f"its {whole:.0f} s would be more than its share of experiment_timeout_minutes, "
                f"{self.share_seconds:.0f} s"
            )
        more = whole - elapsed
        if more > self.trials.left():
            return f"{more:.0f} s more would be over experiment_timeout_minutes"
        return None

    def _own(self) -> float:
        """Return the seconds that the limits of its own allow an iteration."""
        own = [s for s in (self.iteration_seconds, self.share_seconds) if s is not None]
        return min(own, default=math.inf)


class TimeBudget:
    """The division of a run's time between its steps.

    Parameters
    ----------
    settings:
        Give the limits in minutes: ``experiment_timeout_minutes``, ``iteration_timeout_minutes``
        and ``explain_timeout_minutes``.
    started:
        When the run's time began, in seconds of the clock's `Clock.monotonic`.
    clock:
        Gives the present time.
    explains:
        Whether the best model is explained within the run's time.

    Attributes
    ----------
    run:
        When the run must be over. Ensembles and a second level may use the time until then.
    trials:
        When its trials must have ended: the rest of the time is reserved for what follows them.
    iteration_seconds:
        The limit of one iteration; ``None`` for no limit.

    Examples
    --------
    >>> from engine.driver.clock import SimulatedClock
    >>> settings = Settings("regression", "r2_score", experiment_timeout_minutes=10)
    >>> budget = TimeBudget(settings, 0.0, SimulatedClock(), explains=True)
    >>> budget.run.left(), budget.trials.left()
    (600.0, 509.0)
    >>> budget.reserve_second_level()
    >>> budget.trials.left()
    478.0
    """

    def __init__(
        self, settings: Settings, started: float, clock: Clock, explains: bool = False
    ) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._explain_seconds = _in_seconds(settings.explain_timeout_minutes)
        self.iteration_seconds = _in_seconds(settings.iteration_timeout_minutes)
        self._seconds = _in_seconds(settings.experiment_timeout_minutes)
        self.run = self.trials = Deadline(clock=clock.monotonic)
        if self._seconds is not None:
            self.run = Deadline(started + self._seconds, clock.monotonic)
            self.trials = self.run.earlier(_reserve(self._seconds, explains))

    @property
    def share_seconds(self) -> float | None:
        """Seconds that one iteration may use of the trials' time when others have given a model.

        ``None`` when that time has no limit or iterations have a limit of their own.

        Examples
        --------
        >>> from engine.driver.clock import SimulatedClock
        >>> settings = Settings("regression", "r2_score", experiment_timeout_minutes=10)
        >>> round(TimeBudget(settings, 0.0, SimulatedClock()).share_seconds)  # a third of 579 s
        193
        """
        if not self.trials.is_set or self.iteration_seconds is not None:
            return None
        return max(_LEAST_SHARE_SECONDS, _LARGEST_SHARE * (self.trials.at - self._began))

    def reserve_second_level(self) -> None:
        """End the trials earlier, so that a second level has time for its fits."""
        if self._seconds is not None:
            self.trials = self.trials.earlier(min(1.0 + 0.05 * self._seconds, 60.0))

    def iteration_limits(self) -> IterationLimits:
        """Return the limits as each trial gets them; `Proposal.seconds_left` comes with it."""
        return IterationLimits(
            iteration_seconds=self.iteration_seconds, share_seconds=self.share_seconds
        )

    def explanation(self) -> Deadline:
        """Return when an explanation that begins now must be over.

        Examples
        --------
        >>> from engine.driver.clock import SimulatedClock
        >>> settings = Settings(
        ...     "regression", "r2_score", experiment_timeout_minutes=10, explain_timeout_minutes=1
        ... )
        >>> clock = SimulatedClock()
        >>> budget = TimeBudget(settings, 0.0, clock, explains=True)
        >>> budget.explanation().left()
        60.0
        >>> clock.sleep(560.0)
        >>> budget.explanation().left()
        34.0
        """
        own = Deadline.after(self._explain_seconds, self._clock.monotonic)
        return min(own, self.run.earlier(_EXPLAIN_TAIL), key=lambda deadline: deadline.at)


def _in_seconds(minutes: float | None) -> float | None:
    return None if minutes is None else 60 * minutes


def _reserve(seconds: float, explains: bool) -> float:
    """Return the part of a run's time that is kept for what comes after its trials."""
    explanation = min(10.0 + 0.1 * seconds, 120.0) if explains else 0.0
    return min(min(3.0 + 0.03 * seconds, 60.0) + explanation, 0.5 * seconds)
