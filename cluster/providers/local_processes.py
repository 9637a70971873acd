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
#: The only address on which processes of a local cluster listen.
LOOPBACK = "127.0.0.1"
#: Ray puts the address that other machines reach in the place of the loopback. With this variable
#: its functions leave the loopback alone, so that processes of the cluster find its head.
ON_LOOPBACK = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0"}
#: The same for ``ray start``, which refuses to start a second node with that variable.
_START = """
import sys
from ray._private import ray_constants, services
ray_constants.ENABLE_RAY_CLUSTER = True
services.resolve_ip_for_localhost = lambda host: host
from ray.scripts.scripts import main
sys.exit(main())
"""


def ray_start(*arguments: str) -> list[str]:
    """Return the command line of ``ray start`` on the loopback, with this environment's Ray."""
    here = f"--node-ip-address={LOOPBACK}"
    return [sys.executable, "-c", _START, "start", here, *arguments, "--disable-usage-stats"]


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
