"""Identity and heartbeat of the driver of a run."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass
from enum import Enum
from pathlib import Path

from engine.processes import boot_id, process_namespace, process_started

#: A driver on another machine whose heartbeat does not change for this long counts as dead.
HEARTBEAT_LIMIT_SECONDS = 30.0
#: Interval of a driver's heartbeats.
HEARTBEAT_SECONDS = 5.0

#: Two readings of a process's start time differ by less than this where the system rounds it.
_SAME_START_SECONDS = 1.0

#: Tokens of drivers of this process that have ended: the process may live on, as notebooks do.
_ended: set[str] = set()


class Life(Enum):
    """What the machine of the reader knows about a driver."""

    ALIVE = "alive"
    DEAD = "dead"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class DriverIdentity:
    """The driver of a run, kept with the run so that others can see whether it lives.

    Attributes
    ----------
    token:
        Unique to the driver.
    host:
        Machine, boot and process namespace: process ids are unique within all three only.
    pid:
        The driver's process.
    process_started:
        When the process started, in seconds since the boot of the machine; setting the machine's
        clock does not change it.
    heartbeat:
        Seconds since the epoch by the driver's clock, for people to read.
    beats:
        Number of heartbeats so far.
    thread:
        Native id of a thread of the process that lives as long as the driver; 0 when there is none.
    launch:
        Token of the client that launched the driver elsewhere; empty for other drivers.

    Examples
    --------
    >>> driver = DriverIdentity.of_this_process()
    >>> driver.life()
    <Life.ALIVE: 'alive'>
    >>> DriverIdentity.from_json(driver.to_json()) == driver
    True
    """

    token: str
    host: str
    pid: int
    process_started: float
    heartbeat: float = 0.0
    beats: int = 0
    thread: int = 0
    launch: str = ""

    @classmethod
    def of_this_process(cls, launch: str = "") -> DriverIdentity:
        """Make an identity with a new token.

        Examples
        --------
        >>> DriverIdentity.of_this_process().pid == os.getpid()
        True
        """
        pid = os.getpid()
        started = process_started(pid) or 0.0
        return cls(uuid.uuid4().hex, _host(), pid, started, time.time(), launch=launch)

    @classmethod
    def from_json(cls, text: str) -> DriverIdentity:
        """Read what `to_json` wrote; fields that this version does not know are left out.

        Examples
        --------
        >>> text = '{"token": "t", "host": "h", "pid": 7, "process_started": 1.0, "new": 1}'
        >>> DriverIdentity.from_json(text).pid
        7
        """
        known = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in json.loads(text).items() if key in known})

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    def beat(self) -> DriverIdentity:
        """Return a copy with one more heartbeat.

        Examples
        --------
        >>> driver = DriverIdentity("token", "a host", 7, process_started=1.0)
        >>> driver.beat().beats
        1
        """
        return dataclasses.replace(self, heartbeat=time.time(), beats=self.beats + 1)

    def end(self) -> None:
        """Take note, in the driver's own process, that the driver has ended.

        Examples
        --------
        >>> driver = DriverIdentity.of_this_process()
        >>> driver.end()
        >>> driver.life()
        <Life.DEAD: 'dead'>
        """
        _ended.add(self.token)

    def life(self) -> Life:
        """Return whether the driver lives, as far as this machine knows.

        A driver of this machine is looked up by its process and thread. Others are unknown here;
        `engine.client.liveness` watches their heartbeats.

        Examples
        --------
        >>> DriverIdentity("token", "a host", 7, process_started=1.0).life()
        <Life.UNKNOWN: 'unknown'>
        """
        if self.host != _host():
            return Life.UNKNOWN
        started = process_started(self.pid)
        if started is None or abs(started - self.process_started) > _SAME_START_SECONDS:
            return Life.DEAD
        if self.pid == os.getpid():
            return Life.DEAD if self.token in _ended else Life.ALIVE
        return Life.ALIVE if _has_thread(self.pid, self.thread) else Life.DEAD


def _host() -> str:
    """Return the machine, its current boot, and the namespace in which process ids are unique."""
    return f"{socket.gethostname()}/{boot_id()}/{process_namespace()}"


def _has_thread(pid: int, thread: int) -> bool:
    """Whether a process has a thread; true where the system does not list threads."""
    tasks = Path(f"/proc/{pid}/task")
    return thread == 0 or not tasks.exists() or (tasks / str(thread)).exists()
