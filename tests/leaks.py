"""What a test with Ray may not leave behind in its process and on its machine."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil

from cluster.targets.connection import NAMESPACE
from engine.temporary import temporary_root
from tests.live.helpers import wait_until

#: What has begun to end may take this long on a busy machine.
_SECONDS = 60.0
#: It keeps the embedded cluster, which all tests of the process use.
_LASTING_THREADS = {"raysmith-ray"}


def _threads() -> set[str]:
    return {
        f"thread {thread.name} ({thread.native_id})"
        for thread in threading.enumerate()
        if thread.name.startswith("raysmith-") and thread.name not in _LASTING_THREADS
    }


def _processes() -> set[str]:
    """Children of this process, without those that are dead; Ray's own are its head's children."""
    found = set()
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if child.status() != psutil.STATUS_ZOMBIE:
                found.add(f"process {child.pid} {child.name()}")
    return found


def _files() -> set[str]:
    """Temporary folders that this process has made; other processes of the user make some too."""
    mine = f"-{os.getpid()}-"
    # The reports that were shown stay until the process ends: a browser may read them.
    shown = f"reports-{os.getpid()}"
    owners = temporary_root() / ".owners"
    folders = list(owners.iterdir()) if owners.is_dir() else []
    return {
        f"temporary folder {folder.name}"
        for folder in folders
        if folder.is_dir()
        and folder.name != shown
        and any(mine in owner.name for owner in folder.iterdir())
    }


def _descriptors() -> set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        with suppress(OSError):
            file = os.readlink(f"/proc/self/fd/{name}")
            if file.startswith(str(temporary_root())):
                found.add(f"descriptor {name} of {file}")
    return found


def _actors() -> set[str]:
    ray = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return set()
    named = ray.util.list_named_actors(all_namespaces=True)
    return {f"actor {actor['name']}" for actor in named if actor["namespace"] == NAMESPACE}


def _all() -> set[str]:
    return _threads() | _processes() | _files() | _descriptors() | _actors()


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Fail when the block leaves a thread, process, file, descriptor or actor behind.

    Threads are those of raysmith, files and descriptors those in the user's temporary folder, and
    actors the named ones, which outlive their makers.
    """
    before = _all()
    yield
    try:
        wait_until(lambda: not _all() - before, _SECONDS)
    except AssertionError:
        raise AssertionError(f"left behind: {sorted(_all() - before)}") from None
