"""Processes of a local cluster: how they are started, and found by a mark in their environment."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Iterator

import psutil

#: Every process of a local cluster inherits these: the cluster's id, the node's id.
CLUSTER_MARK, NODE_MARK = "RAYSMITH_CLUSTER", "RAYSMITH_NODE"
HEAD_TYPE, WORKER_TYPE = "head", "worker"
HEAD_ID = "head"


def ray_start(*arguments: str) -> list[str]:
    """Return the command line of ``ray start``, with this environment's Ray."""
    script = "import sys; from ray.scripts.scripts import main; sys.exit(main())"
    return [sys.executable, "-c", script, "start", *arguments, "--disable-usage-stats"]


def marked(mark: str, value: str) -> Iterator[psutil.Process]:
    """The processes of this user whose environment holds ``mark=value``."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(mark) == value and process.status() != psutil.STATUS_ZOMBIE:
                yield process


def command_lines(mark: str, value: str) -> list[tuple[str, str]]:
    """Return name and command line of each marked process that is still there."""
    found = []
    for process in marked(mark, value):
        with contextlib.suppress(psutil.Error, OSError):
            found.append((process.name(), " ".join(process.cmdline())))
    return found


def end_marked(mark: str, value: str, patience: float = 3.0) -> int:
    """End all marked processes, first politely, then by force; return how many there were.

    A process that an ending one has started meanwhile is found by a second look.
    """
    ended: set[int] = set()
    for sign, seconds in ((signal.SIGTERM, patience), (signal.SIGKILL, 5.0), (signal.SIGKILL, 5.0)):
        processes = list(marked(mark, value))
        if not processes:
            break
        for process in processes:
            ended.add(process.pid)
            with contextlib.suppress(psutil.Error):
                process.send_signal(sign)
        psutil.wait_procs(processes, timeout=seconds)
    return len(ended)
