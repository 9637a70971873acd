"""Processes of the benchmark's own: drivers and clients."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

_MAIN = Path(__file__).resolve().with_name("__main__.py")


def start(name: str, *arguments: str) -> subprocess.Popen[str]:
    """Start a process of this benchmark, see ``CHILDREN`` there; its output is piped."""
    command = [sys.executable, str(_MAIN), "--child", name, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@contextlib.contextmanager
def running(name: str, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Start a process; give it with the first line of its output, and wait for its good end."""
    process = start(name, *arguments)
    assert process.stdout is not None
    try:
        first = process.stdout.readline()
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield process, first
        process.wait(600)
        assert process.returncode == 0, (name, arguments)
    finally:
        process.kill()
