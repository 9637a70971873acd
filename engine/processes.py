"""Processes of this machine, told apart by what setting its clock does not change."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def boot_id() -> str:
    """Return what is the same until the machine is started again; empty where it is not known."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def process_namespace() -> str:
    """Return the namespace in which numbers of processes are unique; empty where there is none."""
    with suppress(OSError):
        return os.readlink("/proc/self/ns/pid")
    return ""


def process_started(pid: int) -> float | None:
    """Return when a process started, in seconds since the boot; ``None`` without a process.

    psutil's time of creation follows the wall clock of Linux, the kernel's own count does not. On
    other systems it is psutil's, in seconds since the epoch.

    Examples
    --------
    >>> process_started(os.getpid()) == process_started(os.getpid())
    True
    >>> process_started(2**30) is None
    True
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        # The name, in brackets, may have spaces in it.
        fields = stat.rpartition(")")[2].split()
        is_zombie, ticks = fields[0] in "ZX", int(fields[19])
        return None if is_zombie else ticks / os.sysconf("SC_CLK_TCK")
    except OSError:
        if Path("/proc/self/stat").exists():
            return None
    import psutil

    with suppress(psutil.Error):
        return float(psutil.Process(pid).create_time())
    return None
