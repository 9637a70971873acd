"""A driver's claim to a run, kept up by heartbeats."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable
from contextlib import suppress

from engine.driver.clock import Clock, RealClock
from engine.errors import RunException, StoreUnavailable
from engine.store.driver_identity import HEARTBEAT_SECONDS, DriverIdentity
from engine.store.fence import ClaimLost, Fence
from engine.store.mlflow_store import RunStore
from engine.store.records import RunRecord
from engine.store.retrying import NONE

logger = logging.getLogger("raysmith.driver")


class Claim:
    """A driver's claim to a run.

    Who looks at the run sees the driver alive from `take` until `give_up`: heartbeats come from a
    thread of their own, so that neither the driver's work nor a store that hangs keeps them back.

    Parameters
    ----------
    store, run_id:
        The run.
    identity:
        The driver; default: a new one of this process.
    clock:
        Counts the time between heartbeats; default: this machine's.

    Attributes
    ----------
    identity:
        The driver, without its heartbeats. Once the claim is taken, its ``thread`` lives until
        `give_up`.
    is_taken:
        Whether `take` has succeeded.
    is_lost:
        Whether it is known that another driver has the run.
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        identity: DriverIdentity | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._clock = RealClock() if clock is None else clock
        #: The next heartbeat, or the caller's next try, comes anyway.
        self._once = store.with_patience(NONE)
        self._fence = Fence(self._is_mine, self._clock.monotonic, self._clock.time)
        self._stop: Callable[[], None] | None = None
        self._fails = False
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.identity = DriverIdentity.of_this_process() if identity is None else identity
        self._beating = self.identity
        self.is_taken = False

    def take(self, after: str | None) -> None:
        """Claim the run, and show from now on that its driver is alive.

        Parameters
        ----------
        after:
            Token of the driver that is known to be dead or to have handed over; ``None`` for a run
            without a driver.

        Raises
        ------
        RunException
            When another driver has claimed the run.
        """
        living = threading.Thread(target=self._ended.wait, name="raysmith-claim", daemon=True)
        living.start()
        self.identity = dataclasses.replace(self.identity, thread=living.native_id or 0)
        self._beating = self.identity
        try:
            has_won = self._store.claim(self._run_id, self.identity, after)
        except BaseException:
            self._ended.set()
            raise
        if not has_won:
            self._ended.set()
            raise RunException(
                f"run {self._run_id} has just been taken up by another driver; nothing was changed"
            )
        self.is_taken = True
        self._stop = self._clock.poll(HEARTBEAT_SECONDS, self._beat)

    @property
    def is_lost(self) -> bool:
        """See the class."""
        return self._fence.is_lost

    def fenced(self, store: RunStore) -> RunStore:
        """Return the store for the driver's own writes.

        Each of them raises `ClaimLost` once another driver has the run, also when this process was
        stopped meanwhile and could not know it.
        """
        return store.behind(self._fence.check)

    def read(self) -> RunRecord:
        """Read the run once, and take note whether it is still this driver's.

        Raises
        ------
        Exception
            When the store does not answer.
        """
        asked = self._fence.moment()
        record = self._once.run(self._run_id)
        self._fence.seen(record.is_driven_by(self.identity), asked)
        return record

    def look(self) -> None:
        """Bring `is_lost` up to date, as far as the store answers."""
        with suppress(ClaimLost, StoreUnavailable):
            self._fence.check()

    def give_up(self) -> None:
        """Send no more heartbeats: who looks at the run sees that this driver has ended."""
        if self._stop is not None:
            self._stop()
        self.identity.end()
        self._ended.set()

    def _beat(self) -> None:
        with self._lock:
            self._beating = beating = self._beating.beat()
        try:
            self._fence.check()
            self._once.tag_driver(self._run_id, beating)
        except ClaimLost as lost:
            logger.info("no more heartbeats of run %s: %s", self._run_id, lost)
            if self._stop is not None:
                self._stop()
        except Exception as error:
            if not self._fails:
                logger.warning("the heartbeat of run %s failed: %s", self._run_id, error)
            self._fails = True
        else:
            self._fails = False

    def _is_mine(self) -> bool:
        return self._once.run(self._run_id).is_driven_by(self.identity)
