"""The file that a driver's log lines go to."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from engine.config.settings import Settings
from engine.errors import ConfigException
from engine.store.mlflow_store import RunStore
from engine.store.redaction import RedactingFormatter


def open_debug_log(settings: Settings) -> None:
    """Make the file ``debug_log`` of a run on this machine, and its folder.

    The driver appends to it later, when nobody could be told that this is not possible.

    Raises
    ------
    ConfigException
        When the file cannot be written.
    """
    if settings.debug_log is None or settings.is_remote:
        return
    try:
        Path(settings.debug_log).parent.mkdir(parents=True, exist_ok=True)
        with open(settings.debug_log, "a", encoding="utf-8"):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigException(
            [
                f"debug_log={settings.debug_log!r}: the file cannot be written ({reason}); "
                "name another file, or None for no log"
            ]
        ) from error


#: The run that the present thread drives; ``None`` in threads that nobody has told.
_RUN: ContextVar[str | None] = ContextVar("raysmith_run", default=None)


@contextmanager
def debug_log(settings: Settings, store: RunStore, run_id: str) -> Iterator[None]:
    """Send the driver's log lines to the file ``debug_log`` meanwhile.

    On a cluster the file is written beside the driver, and becomes a file of the run. A file that
    cannot be written is told once on the console and ends nothing.
    """
    # Two runs of a process share the logger, and each has its file.
    token = _RUN.set(run_id)
    log = logging.getLogger("raysmith.driver")
    log.setLevel(settings.verbosity)
    log.propagate = False
    handler: logging.Handler = logging.NullHandler()
    file = settings.debug_log
    if file is not None and settings.is_remote:
        file = os.path.basename(file)
    if file is not None:
        handler = _LogFile(file)
    handler.setFormatter(RedactingFormatter(store.redact, "%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(lambda record: _RUN.get() in (run_id, None))
    log.addHandler(handler)
    try:
        yield
    finally:
        _RUN.reset(token)
        log.removeHandler(handler)
        handler.close()
        if file is not None and settings.is_remote:
            _upload(file, store, run_id)


def _upload(file: str, store: RunStore, run_id: str) -> None:
    try:
        text = Path(file).read_text(encoding="utf-8", errors="replace")
        store.write_text(run_id, f"logs/{os.path.basename(file)}", text)
    except Exception as error:
        print(f"{file} was not written to the store: {error}", file=sys.stderr)


class _LogFile(logging.FileHandler):
    """A log file whose failures are told once and end nothing."""

    def __init__(self, file: str) -> None:
        super().__init__(file, encoding="utf-8", errors="backslashreplace", delay=True)
        self._has_failed = False

    def emit(self, record: logging.LogRecord) -> None:
        try:
            super().emit(record)
        except Exception:
            # Opening the file is not covered by the base class.
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if not self._has_failed:
            self._has_failed = True
            error = sys.exc_info()[1]
            print(f"debug_log {self.baseFilename!r}: {error}; the run goes on", file=sys.stderr)

    def close(self) -> None:
        # Lines that are still to be written may not fit on the disk.
        with suppress(OSError):
            super().close()
