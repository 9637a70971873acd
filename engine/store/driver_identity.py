"""Identity and heartbeat of the process that drives a run."""

from __future__ import annotations

import json
import os
import socket
import time
import uuid
from dataclasses import asdict, dataclass

import psutil

#: A driver on another machine that has not been heard of for this long is taken for dead.
HEARTBEAT_LIMIT_SECONDS = 30.0


HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True)
class DriverIdentity:
    """The process that drives a run; kept with the run so that others can tell whether it lives."""

    token: str
    host: str
    pid: int
    process_started: float
    heartbeat: float

    @classmethod
    def of_this_process(cls) -> DriverIdentity:
        started = psutil.Process().create_time()
        return cls(uuid.uuid4().hex, _host(), os.getpid(), started, time.time())

    @classmethod
    def from_json(cls, text: str) -> DriverIdentity:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def beat(self) -> DriverIdentity:
        return DriverIdentity(self.token, self.host, self.pid, self.process_started, time.time())

    def is_alive(self) -> bool:
        """Known at once for a process of this machine, else judged by its last heartbeat."""
        if self.host == _host():
            try:
                return abs(psutil.Process(self.pid).create_time() - self.process_started) < 2.0
            except psutil.NoSuchProcess:
                return False
        return time.time() - self.heartbeat < HEARTBEAT_LIMIT_SECONDS


def _host() -> str:
    """Tells machines apart, and restarts of one machine: process ids are only good within one."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except OSError:
        boot = str(int(psutil.boot_time()))
    return f"{socket.gethostname()}/{boot}"
