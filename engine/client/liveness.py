"""Liveness of runs: whether the driver of an unfinished run still works."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from engine.client.interfaces import WorkspaceLike
from engine.config.specification import DATA_NOT_KEPT
from engine.errors import AutoMLError
from engine.store.driver_identity import HEARTBEAT_LIMIT_SECONDS, Life
from engine.store.records import IterationRecord, RunRecord
from engine.store.status import RunStatus

_WAITING_OR_RUNNING = ("PENDING", "RUNNING")  # states of a job on a cluster
#: No clock is wrong by more than this: a heartbeat that is older is not waited for.
_STALE_SECONDS = 3600.0
#: Of the time between two looks, this much counts as silence at most: the store may have been away.
_LARGEST_GAP_SECONDS = 15.0
_MOST_OBSERVED = 10_000
_LOOK_SECONDS = 1.0


class Silence:
    """Measures how long drivers on other machines have been silent, by this process's clock.

    The clock of the other machine plays no part: what counts is whether the heartbeat changes from
    one look to the next.

    Parameters
    ----------
    clock:
        Returns seconds that never go back.

    Examples
    --------
    >>> moments = iter([0.0, 10.0, 20.0, 21.0])
    >>> silence = Silence(clock=lambda: next(moments))
    >>> [silence.seconds("driver", beat) for beat in (1, 1, 1, 2)]
    [0.0, 10.0, 20.0, 0.0]
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        #: What is observed -> its last sign of life, when it was looked at, how long it was silent.
        self._seen: OrderedDict[str, tuple[object, float, float]] = OrderedDict()
        self._heard: set[str] = set()

    def seconds(self, key: str, sign: object) -> float:
        """Return for how long the sign of life of ``key`` has been this one."""
        with self._lock:
            now = self._clock()
            if key in self._seen:
                last, looked, silent = self._seen.pop(key)
                silent = silent + min(now - looked, _LARGEST_GAP_SECONDS) if sign == last else 0.0
                if sign != last:
                    self._heard.add(key)
            else:
                silent = 0.0
            self._seen[key] = (sign, now, silent)
            if len(self._seen) > _MOST_OBSERVED:
                oldest, _ = self._seen.popitem(last=False)
                self._heard.discard(oldest)
            return silent

    def has_heard(self, key: str) -> bool:
        """Whether ``key`` has given a new sign of life between two looks.

        Examples
        --------
        >>> silence = Silence()
        >>> [(silence.seconds("driver", beat) < 30, silence.has_heard("driver")) for beat in (1, 2)]
        [(True, False), (True, True)]
        """
        with self._lock:
            return key in self._heard


_silence = Silence()


def status_of(record: RunRecord, workspace: WorkspaceLike) -> RunStatus:
    """Return a run's state; a run without a living driver is ``Failed``."""
    return record.status if death_of(record, workspace) is None else RunStatus.FAILED


def death_of(
    record: RunRecord, workspace: WorkspaceLike, silence: Silence | None = None
) -> str | None:
    """Return why nobody drives a run that has no final state; ``None`` for all other runs.

    A driver on another machine is dead once its heartbeat has not changed for 30 s of looking.
    Until then it counts as alive, unless its compute target says that its job has ended.

    Parameters
    ----------
    silence:
        Has looked at the heartbeats before; default: that of this process.
    """
    silence = _silence if silence is None else silence
    if record.is_final or (life := _life_of(record, silence)) is Life.ALIVE:
        return None
    if record.target != "local":
        return _death_on_cluster(record, workspace, silence, life is Life.DEAD)
    if life is Life.UNKNOWN or _lives_again(record, workspace, silence):
        return None
    return f"the driver of run {record.run_id} has died; {_way_on(record)}"


def certain_death_of(workspace: WorkspaceLike, run_id: str) -> tuple[RunRecord, str | None]:
    """Return a run and why nobody drives it, after watching for as long as it takes to be certain.

    That is up to 30 s for a driver on another machine, and no time for others.
    """
    first = record = workspace.store.run(run_id)
    while True:
        death = death_of(record, workspace)
        if death is not None or record.is_final or not _is_in_doubt(record, first):
            return record, death
        time.sleep(_LOOK_SECONDS)
        record = workspace.store.run(run_id)


def iterations_of(record: RunRecord, workspace: WorkspaceLike) -> list[IterationRecord]:
    """Return a run's iterations, each `as_seen`.

    Parameters
    ----------
    record:
        The run as it was before its iterations are read.
    """
    records = workspace.store.iterations(record.run_id)
    if all(iteration.status.is_final for iteration in records):
        return records
    reason = _why_nothing_runs(record, workspace)
    return [iteration.abandoned(reason) for iteration in records]


def as_seen(
    iteration: IterationRecord, record: RunRecord, workspace: WorkspaceLike
) -> IterationRecord:
    """Return an iteration of a run; one that nobody executes any more has failed."""
    if iteration.status.is_final:
        return iteration
    return iteration.abandoned(_why_nothing_runs(record, workspace))


def _why_nothing_runs(record: RunRecord, workspace: WorkspaceLike) -> str | None:
    return record.end or death_of(record, workspace)


def _life_of(record: RunRecord, silence: Silence) -> Life:
    """Return whether a run has a driver that lives; unknown while nothing was seen of it yet."""
    driver = record.driver
    life = Life.UNKNOWN if driver is None else driver.life()
    if life is not Life.UNKNOWN:
        return life
    key = record.run_id if driver is None else driver.token
    sign = record.status if driver is None else (driver.beats, driver.heartbeat)
    age = time.time() - (record.started if driver is None else driver.heartbeat)
    if age > _STALE_SECONDS or silence.seconds(key, sign) >= HEARTBEAT_LIMIT_SECONDS:
        return Life.DEAD
    # Clocks may differ by minutes, so an old heartbeat says no more than that one had better ask.
    is_recent = age <= HEARTBEAT_LIMIT_SECONDS
    return Life.ALIVE if is_recent or silence.has_heard(key) else Life.UNKNOWN


def _lives_again(record: RunRecord, workspace: WorkspaceLike, silence: Silence) -> bool:
    """Whether a run has ended, or has given a sign of life, since its record was read."""
    again = workspace.store.run(record.run_id)
    has_news = again.is_final or again.driver != record.driver
    return has_news or _life_of(again, silence) is Life.ALIVE


def _is_in_doubt(record: RunRecord, first: RunRecord) -> bool:
    driver, before = record.driver, first.driver
    if driver is None or before is None:
        return driver is before
    is_same = (driver.token, driver.beats) == (before.token, before.beats)
    return is_same and driver.life() is Life.UNKNOWN


def _death_on_cluster(
    record: RunRecord, workspace: WorkspaceLike, silence: Silence, is_silent: bool
) -> str | None:
    """Ask the compute target; what does not answer is lost once the driver is silent, too."""
    try:
        target = workspace.compute_targets[record.target]
        state, message = target.job_state(record.run_id)
    except (AutoMLError, KeyError) as gone:
        if not is_silent:
            return None
        return f"compute target {record.target!r} is lost ({gone}); {_way_on(record)}"
    if state in _WAITING_OR_RUNNING or _lives_again(record, workspace, silence):
        return None  # the job waits for its turn, or the driver is being started again
    ended = "is unknown there" if not state else f"ended as {state}"
    return f"the driver of run {record.run_id} {ended}: {message}; {_way_on(record)}"


def _way_on(record: RunRecord) -> str:
    return "run.resume() goes on with it" if record.is_resumable else DATA_NOT_KEPT
