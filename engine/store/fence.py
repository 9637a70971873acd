"""The fence around a run: a driver that has lost its claim writes nothing more."""

from __future__ import annotations

from collections.abc import Callable

from engine.errors import RunException

#: A claim that was confirmed so recently is not asked for again. Another driver gets the run after
#: 30 s of silence at the earliest.
CONFIRMED_SECONDS = 10.0


class ClaimLost(RunException):
    """Another driver has the run: this one writes nothing more."""


class Fence:
    """Makes sure, before each write of a driver, that the run is still the driver's.

    A process that was stopped, or whose machine slept, does not know it: nothing in it runs. So the
    claim is looked up again when the last look is longer ago than `CONFIRMED_SECONDS` by one of the
    clocks. A clock that has jumped costs one more look.

    Parameters
    ----------
    is_driven:
        Asks the store whether the run is the driver's; may raise.
    clocks:
        Return seconds.

    Attributes
    ----------
    is_lost:
        Whether another driver has the run. That never changes back.

    Examples
    --------
    >>> holder, now = ["me"], [0.0]
    >>> fence = Fence(lambda: holder == ["me"], lambda: now[0])
    >>> fence.check()
    >>> holder[0], now[0] = "another", 60.0
    >>> fence.check()
    Traceback (most recent call last):
    ...
    engine.store.fence.ClaimLost: another driver has the run by now; this one writes nothing more
    """

    def __init__(self, is_driven: Callable[[], bool], *clocks: Callable[[], float]) -> None:
        self._is_driven = is_driven
        self._clocks = clocks
        self._confirmed: list[float] | None = None
        self.is_lost = False

    def check(self) -> None:
        """Look at the claim unless it was seen just now.

        Raises
        ------
        ClaimLost
            When another driver has the run.
        Exception
            When the store does not say.
        """
        now = self.moment()
        if not self.is_lost and not self._is_recent(now):
            self.seen(self._is_driven(), now)
        if self.is_lost:
            raise ClaimLost("another driver has the run by now; this one writes nothing more")

    def moment(self) -> list[float]:
        """Return the present by all clocks."""
        return [clock() for clock in self._clocks]

    def seen(self, is_driven: bool, asked: list[float]) -> None:
        """Take note of what the store has said.

        Parameters
        ----------
        is_driven:
            Whether the run is the driver's.
        asked:
            The `moment` before the store was asked.
        """
        if is_driven:
            self._confirmed = asked
        else:
            self.is_lost = True

    def _is_recent(self, now: list[float]) -> bool:
        if self._confirmed is None:
            return False
        ages = [one - before for one, before in zip(now, self._confirmed, strict=True)]
        return all(0.0 <= age < CONFIRMED_SECONDS for age in ages)
