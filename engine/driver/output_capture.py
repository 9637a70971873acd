"""Capture of what code prints, native code included."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def capture_output(file: Path) -> Iterator[None]:
    """Send the output of this process to the end of ``file`` meanwhile.

    File descriptors 1 and 2 are redirected, not ``sys.stdout``, so that lines of native code such
    as LightGBM's are captured too. The folder of ``file`` is made where it is missing.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    target = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    _flush()
    saved = [(fd, os.dup(fd)) for fd in (1, 2)]
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    try:
        for fd, _ in saved:
            os.dup2(target, fd)
        yield
    finally:
        _flush()
        for fd, copy in saved:
            os.dup2(copy, fd)
            os.close(copy)
        os.close(target)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()
