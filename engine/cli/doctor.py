"""The command ``raysmith doctor``: checks of this machine."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from engine.show.console import print_table
from engine.show.view import installed_versions

_LEAST_MEMORY_GIB, _LEAST_DISK_GIB = 2.0, 2.0
_GIB = 2**30
#: Port -> its usual user. Both can use another one.
_PORTS = {8265: "Ray dashboard", 5000: "MLflow UI"}


@dataclass(frozen=True)
class Check:
    """The result of a check of this machine.

    Examples
    --------
    >>> Check("port 5000", True, "free (MLflow UI)").ok
    True
    """

    check: str
    ok: bool
    found: str


def doctor(options: argparse.Namespace) -> int:
    """Check this machine for everything that a run needs; return 1 when something is missing."""
    checks = [*_software(), *_hardware(), *_ports()]
    if options.json:
        print(json.dumps([asdict(check) for check in checks], indent=1))
    else:
        rows = [{"": "ok" if c.ok else "BAD", "check": c.check, "found": c.found} for c in checks]
        print_table(["", "check", "found"], rows)
    return 0 if all(check.ok for check in checks) else 1


def _software() -> Iterator[Check]:
    yield Check("python", sys.version_info >= (3, 11), platform.python_version())
    for package, version in installed_versions().items():
        yield Check(package, True, version)


def _hardware() -> Iterator[Check]:
    yield Check("cores", (os.cpu_count() or 0) >= 1, str(os.cpu_count()))
    memory = psutil.virtual_memory()
    free = memory.available / _GIB
    found = f"{free:.1f} of {memory.total / _GIB:.1f} GiB free"
    yield Check("memory", free >= _LEAST_MEMORY_GIB, found)
    yield _folder("working directory", ".")
    yield _folder("temporary files", tempfile.gettempdir())


def _folder(name: str, place: str) -> Check:
    free = shutil.disk_usage(place).free / _GIB
    writable = os.access(place, os.W_OK)
    found = f"{Path(place).resolve()}, {free:.1f} GiB free{'' if writable else ', not writable'}"
    return Check(name, writable and free >= _LEAST_DISK_GIB, found)


def _ports() -> Iterator[Check]:
    for port, user in _PORTS.items():
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        yield Check(f"port {port}", True, f"{'in use' if taken else 'free'} ({user})")
