"""A driver's claim to a run, kept up by heartbeats."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable

from engine.driver.clock import Clock, RealClock
from engine.errors import RunException
from engine.store.driver_identity import HEARTBEAT_SECONDS, DriverIdentity
from engine.store.mlflow_store import RunStore
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
    """

    def __init__(
        self,
        store: RunStore,
        run_id: str,
        identity: DriverIdentity | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._store = store
        #: The next heartbeat comes anyway.
        self._once = store.with_patience(NONE)
        self._run_id = run_id
        self._clock = RealClock() if clock is None else clock
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
            self._once.tag_driver(self._run_id, beating)
        except Exception as error:
            if not self._fails:
                logger.warning("the heartbeat of run %s failed: %s", self._run_id, error)
            self._fails = True
        else:
            self._fails = False
