"""Clocks: the machine's own, and one that tests and simulations turn by hand."""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

logger = logging.getLogger("raysmith.driver")

#: A call of `Clock.poll` that takes longer hangs: another one is made beside it, up to this many.
_HANGING_SECONDS = 3.0
_MOST_HANGING = 90


class Clock(ABC):
    """The time as the driver sees it.

    The driver measures, waits and repeats through a clock and never through the module `time`, so
    that a run of hours can be replayed in milliseconds. All methods may be called from any thread.
    """

    @abstractmethod
    def time(self) -> float:
        """Return seconds since the epoch; setting the machine's clock makes them jump."""

    @abstractmethod
    def monotonic(self) -> float:
        """Return seconds since an unknown moment; they never go backwards."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Wait for ``seconds``."""

    @abstractmethod
    def every(self, seconds: float, do: Callable[[], None]) -> Callable[[], None]:
        """Call ``do`` again and again, ``seconds`` apart, for the first time after ``seconds``.

        Two calls never overlap. An exception of ``do`` is logged and the next call comes anyway.

        Returns
        -------
        Callable
            Stops the calls; when it returns, no call is under way.
        """

    def catch_up(self, wait: Callable[[], object]) -> None:
        """Call ``wait``, which waits for other threads, if their work takes no time on this clock.

        On a simulated clock it takes none: the clock stands still until the threads are done.
        """
        return

    @abstractmethod
    def poll(self, seconds: float, do: Callable[[], None]) -> Callable[[], None]:
        """Call ``do`` again and again like `every`, but at once and though it may hang.

        A call that has not returned after some seconds is left alone, and others are made beside
        it. Exceptions are for ``do`` to handle.

        Returns
        -------
        Callable
            Stops the calls without waiting for any that is under way.
        """


class RealClock(Clock):
    """The clock of this machine; repeated calls come from a thread.

    Examples
    --------
    >>> called = threading.Event()
    >>> stop = RealClock().every(0.001, called.set)
    >>> called.wait(timeout=10.0)
    True
    >>> stop()
    """

    def time(self) -> float:
        """See `Clock.time`."""
        return time.time()

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """See `Clock.sleep`."""
        time.sleep(seconds)

    def every(self, seconds: float, do: Callable[[], None]) -> Callable[[], None]:
        """See `Clock.every`."""
        stopped = threading.Event()

        def repeat() -> None:
            while not stopped.wait(seconds):
                _call(do)

        thread = threading.Thread(target=repeat, name="raysmith-watch", daemon=True)
        thread.start()

        def stop() -> None:
            stopped.set()
            thread.join()

        return stop

    def poll(self, seconds: float, do: Callable[[], None]) -> Callable[[], None]:
        """See `Clock.poll`."""
        return _Poll(seconds, do).stop


class _Poll:
    """Calls that may hang: a thread makes them, and another one sees to it that they go on."""

    def __init__(self, seconds: float, do: Callable[[], None]) -> None:
        self._seconds = seconds
        self._do = do
        self._stopped = threading.Event()
        self._callers: list[_Caller] = []
        self._start()
        threading.Thread(target=self._look, name="raysmith-poll", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()

    def _start(self) -> None:
        caller = _Caller(self._seconds, self._do, self._stopped)
        self._callers.append(caller)
        caller.start()

    def _look(self) -> None:
        while not self._stopped.wait(_HANGING_SECONDS / 4):
            self._callers = [caller for caller in self._callers if caller.is_alive()]
            if not self._callers:
                self._start()
            elif self._callers[-1].hangs and len(self._callers) < _MOST_HANGING:
                self._callers[-1].is_last = True
                self._start()


class _Caller(threading.Thread):
    """Makes calls until one has hung and another caller has taken its place."""

    def __init__(self, seconds: float, do: Callable[[], None], stopped: threading.Event) -> None:
        super().__init__(name="raysmith-poll-call", daemon=True)
        self._seconds = seconds
        self._do = do
        self._stopped = stopped
        self._began: float | None = None
        self.is_last = False

    @property
    def hangs(self) -> bool:
        began = self._began
        return began is not None and time.monotonic() - began > _HANGING_SECONDS

    def run(self) -> None:
        while not self._stopped.is_set() and not self.is_last:
            self._began = time.monotonic()
            _call(self._do)
            self._began = None
            self._stopped.wait(self._seconds)


class SimulatedClock(Clock):
    """A clock that stands still until somebody turns it.

    Parameters
    ----------
    start:
        The first moment, in seconds.

    Examples
    --------
    >>> clock = SimulatedClock(start=100.0)
    >>> stop = clock.every(2.0, lambda: print("tick at", clock.time()))
    >>> clock.at(103.0, lambda: print("once at", clock.time()))
    >>> clock.sleep(5.0)
    tick at 102.0
    once at 103.0
    tick at 104.0
    >>> clock.time()
    105.0
    >>> stop()
    >>> clock.sleep(10.0)
    """

    def __init__(self, start: float = 0.0) -> None:
        self._now = start
        self._offset = 0.0
        self._order = itertools.count()
        self._due: list[tuple[float, int, Callable[[], None]]] = []

    def time(self) -> float:
        """See `Clock.time`."""
        return self._now + self._offset

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self._now

    def every(self, seconds: float, do: Callable[[], None]) -> Callable[[], None]:
        """See `Clock.every`."""
        stopped = False

        def repeat() -> None:
            if not stopped:
                _call(do)
                self.at(self._now + seconds, repeat)

        def stop() -> None:
            nonlocal stopped
            stopped = True

        self.at(self._now + seconds, repeat)
        return stop

    def catch_up(self, wait: Callable[[], object]) -> None:
        """See `Clock.catch_up`."""
        wait()

    def poll(self, seconds: float, do: Callable[[], None]) -> Callable[[], None]:
        """See `Clock.poll`; a call that hangs would hang the simulation, too."""
        _call(do)
        return self.every(seconds, do)

    def set(self, seconds: float) -> None:
        """Set the wall clock forward by ``seconds``, or back; no time passes.

        Examples
        --------
        >>> clock = SimulatedClock(start=100.0)
        >>> clock.set(-60.0)
        >>> clock.time(), clock.monotonic()
        (40.0, 100.0)
        """
        self._offset += seconds

    def at(self, moment: float, do: Callable[[], None]) -> None:
        """Call ``do`` once when `monotonic` reaches ``moment``."""
        heapq.heappush(self._due, (moment, next(self._order), do))

    def step(self, until: float = math.inf) -> None:
        """Turn the clock to the next call that is due, and make it; to ``until`` at most.

        Raises
        ------
        RuntimeError
            When neither a call nor ``until`` limits the step.

        Examples
        --------
        >>> clock = SimulatedClock()
        >>> clock.at(3.0, lambda: print("call"))
        >>> clock.step()
        call
        >>> clock.step(until=10.0)
        >>> clock.monotonic()
        10.0
        """
        if self._due and self._due[0][0] <= until:
            moment, _, do = heapq.heappop(self._due)
            self._now = max(self._now, moment)
            do()
        elif until == math.inf:
            raise RuntimeError("nothing will ever happen on this simulated clock")
        else:
            self._now = max(self._now, until)

    def sleep(self, seconds: float) -> None:
        """Turn the clock by ``seconds`` and make all calls that are due meanwhile."""
        until = self._now + seconds
        while self._due and self._due[0][0] <= until:
            self.step(until)
        self._now = max(self._now, until)


def _call(do: Callable[[], None]) -> None:
    try:
        do()
    except Exception:
        # A store that does not answer for a moment must not end what repeats.
        logger.exception("a repeated call failed")
