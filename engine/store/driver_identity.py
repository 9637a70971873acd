"""Identity and heartbeat of the process that drives a run."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass

import psutil

#: A driver on another machine without a heartbeat for this long counts as dead.
HEARTBEAT_LIMIT_SECONDS = 30.0
#: Interval of a driver's heartbeats.
HEARTBEAT_SECONDS = 5.0

#: Two readings of a process's start time differ by less than this.
_SAME_START_SECONDS = 2.0


@dataclass(frozen=True)
class DriverIdentity:
    """The process that drives a run, kept with the run so that others can see whether it lives.

    Attributes
    ----------
    token:
        Unique to the driver.
    host:
        Machine and boot of the machine, as process ids are unique within one boot only.
    process_started, heartbeat:
        Seconds since the epoch.

    Examples
    --------
    >>> driver = DriverIdentity.of_this_process()
    >>> driver.is_alive()
    True
    >>> DriverIdentity.from_json(driver.to_json()) == driver
    True
    """

    token: str
    host: str
    pid: int
    process_started: float
    heartbeat: float

    @classmethod
    def of_this_process(cls) -> DriverIdentity:
        """Make an identity with a new token.

        Examples
        --------
        >>> DriverIdentity.of_this_process().pid == os.getpid()
        True
        """
        started = psutil.Process().create_time()
        return cls(uuid.uuid4().hex, _host(), os.getpid(), started, time.time())

    @classmethod
    def from_json(cls, text: str) -> DriverIdentity:
        """Read what `to_json` wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    def beat(self) -> DriverIdentity:
        """Return a copy whose heartbeat is now.

        Examples
        --------
        >>> driver = DriverIdentity("token", "a host", 7, process_started=1.0, heartbeat=2.0)
        >>> driver.beat().heartbeat > driver.heartbeat
        True
        """
        return dataclasses.replace(self, heartbeat=time.time())

    def is_alive(self) -> bool:
        """Whether the process lives.

        A process of this machine is looked up; one of another machine is judged by its last
        heartbeat.

        Examples
        --------
        >>> elsewhere = DriverIdentity("token", "a host", 7, process_started=1.0, heartbeat=2.0)
        >>> elsewhere.is_alive(), elsewhere.beat().is_alive()
        (False, True)
        """
        if self.host == _host():
            try:
                started = psutil.Process(self.pid).create_time()
            except psutil.NoSuchProcess:
                return False
            return abs(started - self.process_started) < _SAME_START_SECONDS
        return time.time() - self.heartbeat < HEARTBEAT_LIMIT_SECONDS


def _host() -> str:
    """Return the name of the machine and id of its current boot."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except OSError:
        boot = str(int(psutil.boot_time()))
    return f"{socket.gethostname()}/{boot}"
