"""Pauses between looks at something that many look at."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: Pauses are this many times as long as the looks: a tenth of the time is spent looking.
_PAUSE_TO_LOOK = 9.0
_LONGEST_SECONDS = 5.0


class Pace:
    """The pause before the next look, which is longer where looks take long.

    A store that many clients ask answers slowly. Who then asks less often leaves it room for the
    others, and for the driver that they all wait for.

    Parameters
    ----------
    shortest:
        Least seconds of a pause. The longest is five seconds.
    clock:
        Returns seconds that never go back.

    Attributes
    ----------
    pause:
        Seconds to wait before the next look.

    Examples
    --------
    >>> moments = iter([0.0, 0.01, 10.0, 10.2, 20.0, 23.0])
    >>> pace = Pace(0.5, clock=lambda: next(moments))
    >>> for _ in range(3):
    ...     with pace.look():
    ...         pass
    ...     print(f"{pace.pause:.1f}")
    0.5
    1.8
    5.0
    """

    def __init__(self, shortest: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._shortest = self.pause = shortest
        self._clock = clock

    @contextmanager
    def look(self) -> Iterator[None]:
        """Measure what the block takes, whether it raises or not."""
        began = self._clock()
        try:
            yield
        finally:
            wanted = _PAUSE_TO_LOOK * (self._clock() - began)
            self.pause = min(max(wanted, self._shortest), _LONGEST_SECONDS)
