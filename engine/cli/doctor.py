"""The command `raysmith doctor`."""

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
from pathlib import Path

import psutil

from engine.cli.commands import _LEAST_DISK_GIB, _LEAST_MEMORY_GIB
from engine.show.console import print_table
from engine.show.view import installed_versions


def doctor(options: argparse.Namespace) -> int:
    """What a run needs of this machine; 1 when something is missing."""
    found = list(_checks())
    if options.json:
        print(json.dumps(
            [{"check": name, "ok": ok, "found": text} for name, ok, text in found], indent=1
        ))  # fmt: skip
    else:
        rows = [{"": "ok" if ok else "BAD", "check": n, "found": text} for n, ok, text in found]
        print_table(["", "check", "found"], rows)
    return 0 if all(ok for _, ok, _ in found) else 1


def _checks() -> Iterator[tuple[str, bool, str]]:
    yield "python", sys.version_info >= (3, 11), platform.python_version()
    for package, version in installed_versions().items():
        yield package, True, version
    memory = psutil.virtual_memory()
    yield "cores", (os.cpu_count() or 0) >= 1, str(os.cpu_count())
    free = memory.available / 2**30
    yield "memory", free >= _LEAST_MEMORY_GIB, f"{free:.1f} of {memory.total / 2**30:.1f} GiB free"
    for name, place in (("working directory", "."), ("temporary files", tempfile.gettempdir())):
        disk = shutil.disk_usage(place).free / 2**30
        writable = os.access(place, os.W_OK)
        text = f"{Path(place).resolve()}, {disk:.1f} GiB free{'' if writable else ', not writable'}"
        yield name, writable and disk >= _LEAST_DISK_GIB, text
    for name, port in (("Ray dashboard", 8265), ("MLflow UI", 5000)):
        with socket.socket() as probe:
            taken = probe.connect_ex(("127.0.0.1", port)) == 0
        # Both can use another one.
        yield f"port {port}", True, f"{'in use' if taken else 'free'} ({name})"
