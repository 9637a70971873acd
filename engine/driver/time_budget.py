"""What time an iteration has, of the run's and of its own."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

#: What an iteration may spend on boosting rounds, of the limits that would have it ended and of the
#: run's time that is left: scoring and the last fit come on top.
_BOOSTING_SHARE = 0.8
_BOOSTING_SHARE_OF_REST = 0.6
_LEAST_FIT_SECONDS = 0.2
#: An iteration that takes more than this part of its share is a long one.
_LONG = 0.15
#: What the fit on all rows takes, in fits of a fold; and the same with a reserve, with and without
#: that fit.
LAST_FIT = 1.2
_LAST_FIT_AT_MOST = 1.5
_SCORING_AT_MOST = 0.2


@dataclass(frozen=True)
class Limits:
    """Limits of an iteration's time.

    Attributes
    ----------
    until:
        When trials must have ended, in seconds since the epoch; ``None`` for no limit, as below.
    iteration_seconds:
        What each may take.
    share_seconds:
        What each may take of the run's time once another has given a model.
    """

    until: float | None = None
    iteration_seconds: float | None = None
    share_seconds: float | None = None

    def left(self) -> float:
        """Seconds until trials must have ended; infinite without a limit."""
        return math.inf if self.until is None else self.until - time.time()

    def fit_seconds(self, n_folds: int, spares_last_fit: bool = False) -> float | None:
        """What a boosting fit may take for an iteration of ``n_folds`` to stay within its limits.

        ``None`` for no limit. With ``spares_last_fit`` no time is kept for a fit on all rows.
        """
        allowed = min(_BOOSTING_SHARE * self._own(), _BOOSTING_SHARE_OF_REST * self.left())
        if allowed == math.inf:
            return None
        more = _SCORING_AT_MOST if spares_last_fit else _LAST_FIT_AT_MOST
        return max(_LEAST_FIT_SECONDS, allowed / (n_folds + more))

    def is_long(self, whole: float) -> bool:
        """Whether an iteration of so many seconds takes a good part of the run's time."""
        return self.share_seconds is not None and whole > _LONG * self.share_seconds

    def has_room_for(self, whole: float, elapsed: float) -> bool:
        """Whether an iteration may take ``whole`` seconds, of which it has taken ``elapsed``."""
        return whole <= self._own() and whole - elapsed <= self.left()

    def exceeded(self, whole: float, elapsed: float, is_first: bool) -> str | None:
        """Why an iteration must not go on, or ``None``.

        Parameters
        ----------
        whole:
            What it would take to its end, in seconds.
        elapsed:
            What it has taken.
        is_first:
            No iteration has given a model yet: it may have more than its share.
        """
        if self.share_seconds is not None and not is_first and whole > self.share_seconds:
            return (
                f"its {whole:.0f} s would be more than its share of experiment_timeout_minutes, "
                f"{self.share_seconds:.0f} s"
            )
        more = whole - elapsed
        if more > self.left():
            return f"{more:.0f} s more would be over experiment_timeout_minutes"
        return None

    def _own(self) -> float:
        """What an iteration may take by the limits that would have it ended."""
        own = [s for s in (self.iteration_seconds, self.share_seconds) if s is not None]
        return min(own, default=math.inf)


def _reserve(seconds: float, explains: bool) -> float:
    """Of a run's time, what is kept for what comes after its trials."""
    explanation = min(10.0 + 0.1 * seconds, 120.0) if explains else 0.0
    return min(min(3.0 + 0.03 * seconds, 60.0) + explanation, 0.5 * seconds)


def _reserve_for_second_level(seconds: float) -> float:
    """The same for a second level, on top."""
    return min(1.0 + 0.05 * seconds, 60.0)
