"""Moments at which work must be over."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """A moment at which something must be over; infinitely far away by default.

    Parameters
    ----------
    at:
        The moment, in seconds of ``clock``.
    clock:
        Returns the present in seconds. The default, `time.monotonic`, is not changed by whoever
        sets the machine's clock. It means nothing on another machine: seconds left travel instead.
        A clock that has given up returns infinity: every deadline is over then.

    Examples
    --------
    >>> Deadline().left()
    inf
    >>> Deadline().is_over
    False
    >>> Deadline(at=100.0, clock=lambda: 97.5).left()
    2.5
    >>> Deadline(at=100.0, clock=lambda: 97.5).earlier(5.0).is_over
    True
    >>> Deadline(clock=lambda: math.inf).is_over
    True
    """

    at: float = math.inf
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float | None, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """Return the moment ``seconds`` from now; ``None`` means never.

        Examples
        --------
        >>> Deadline.after(5.0, clock=lambda: 100.0).at
        105.0
        >>> Deadline.after(None) == NEVER
        True
        """
        return cls(math.inf if seconds is None else clock() + seconds, clock)

    def left(self) -> float:
        """Return the seconds left: negative after the deadline, ``inf`` for no limit."""
        now = self.clock()
        return -math.inf if now == math.inf else self.at - now

    @property
    def is_set(self) -> bool:
        """Whether there is a limit at all.

        Examples
        --------
        >>> NEVER.is_set, Deadline(at=100.0).is_set
        (False, True)
        """
        return math.isfinite(self.at)

    @property
    def is_over(self) -> bool:
        """Whether the moment has passed."""
        return self.left() <= 0

    def earlier(self, seconds: float) -> Deadline:
        """Return a deadline ``seconds`` before this one."""
        return Deadline(self.at - seconds, self.clock)

    def later(self, seconds: float) -> Deadline:
        """Return a deadline ``seconds`` after this one.

        Examples
        --------
        >>> Deadline(at=100.0).later(5.0).at
        105.0
        """
        return Deadline(self.at + seconds, self.clock)


#: The deadline that never comes.
NEVER = Deadline()
