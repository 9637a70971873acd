"""Room for a run's trials: whether any node of the cluster could hold one."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from engine.driver.clock import Clock
from engine.driver.progress import Progress

logger = logging.getLogger("raysmith.driver")

_LOOK_SECONDS = 5.0
#: After so long without a node the user is told, and after so long trials are not waited for: a
#: cloud takes some minutes to bring a node up, and may never do so.
TELL_SECONDS = 120.0
GIVE_UP_SECONDS = 1800.0


class RoomWatch:
    """Ends the trials of a run that no node can hold, so that they do not wait for ever.

    Trials that wait because other work uses the nodes are left to wait.

    Parameters
    ----------
    has_room:
        Whether a node is up that could hold a trial if it were idle; it may be slow.
    progress:
        The run's trials.
    tell:
        Tells the user something, in one line; it may be slow.
    clock:
        Gives the present time.

    Attributes
    ----------
    gave_up:
        Why trials are not waited for any more; ``None`` while they are.
    """

    def __init__(
        self,
        has_room: Callable[[], bool],
        progress: Progress,
        tell: Callable[[str], None],
        clock: Clock,
    ) -> None:
        self._has_room = has_room
        self._progress = progress
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._told = False
        self.gave_up: str | None = None

    def start(self) -> Callable[[], None]:
        """Look every few seconds from now on; return what stops it, without waiting."""
        return self._clock.poll(_LOOK_SECONDS, self.look)

    def look(self) -> None:
        """Look once."""
        schedule = self._progress.schedule
        waits = not schedule.paused and schedule.stopped is None
        without = waits and not self._progress.running.now() and not self._has_room()
        with self._lock:
            now = self._clock.monotonic()
            if not without:
                self._since, self._told = None, False
                return
            self._since = now if self._since is None else self._since
            waited = now - self._since
            tells = waited >= TELL_SECONDS and not self._told
            self._told = self._told or tells
            if waited >= GIVE_UP_SECONDS and self.gave_up is None:
                self.gave_up = f"no node could hold a trial for {GIVE_UP_SECONDS / 60:.0f} minutes"
                schedule.stop(self.gave_up, at_once=True)
        if tells:
            note = (
                f"no node can hold a trial; trials wait for one for "
                f"{GIVE_UP_SECONDS / 60:.0f} minutes"
            )
            logger.warning(note)
            self._tell(note)
