"""Capture of what code prints, native code included."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

#: Bytes of an iteration's log that are kept, from its end.
LARGEST_LOG = 1_000_000
#: Bytes that a file of captured output may have on disk, and what is kept of its beginning then.
_LARGEST_FILE = 8_000_000
_KEPT_BEGINNING = 500_000
_LOOK_SECONDS = 0.5


@contextmanager
def capture_output(file: Path, most: int = _LARGEST_FILE) -> Iterator[None]:
    """Send the output of this process to the end of ``file`` meanwhile.

    File descriptors 1 and 2 are redirected, not ``sys.stdout``, so that lines of native code such
    as LightGBM's are captured too. The folder of ``file`` is made where it is missing.

    Parameters
    ----------
    file:
        The file; a symbolic link in its place is an error.
    most:
        Bytes above which the middle of the file is left out, with a line that says so.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW
    target = os.open(file, flags, 0o600)
    _flush()
    saved = [(fd, os.dup(fd)) for fd in (1, 2)]
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError):
            stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    over = threading.Event()
    limiter = threading.Thread(target=_limit, args=(target, most, over), daemon=True)
    limiter.start()
    try:
        for fd, _ in saved:
            os.dup2(target, fd)
        yield
    finally:
        _flush()
        for fd, copy in saved:
            os.dup2(copy, fd)
            os.close(copy)
        over.set()
        limiter.join()
        os.close(target)


def read_end(file: Path, most: int) -> str:
    """Return the last ``most`` bytes of a file as text; an empty text where there is no file.

    A first line says how much was left out. No more is read than is returned.
    """
    try:
        with file.open("rb") as content:
            size = content.seek(0, os.SEEK_END)
            content.seek(max(0, size - most))
            text = content.read(most).decode("utf-8", "replace")
    except OSError:
        return ""
    return text if size <= most else f"[{size - most} bytes before this were left out]\n{text}"


def _limit(target: int, most: int, over: threading.Event) -> None:
    """Leave out the middle of a file that grows too large, until ``over``; once more at the end.

    The processes that write to the file append, so that they go on at its new end.
    """
    while True:
        is_over = over.wait(_LOOK_SECONDS)
        size = os.fstat(target).st_size
        if size > most:
            beginning = min(_KEPT_BEGINNING, most // 2)
            os.ftruncate(target, beginning)
            left_out = size - beginning
            os.write(target, f"\n[{left_out} bytes after this were left out]\n".encode())
        if is_over:
            return


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, ValueError, OSError):
            stream.flush()
