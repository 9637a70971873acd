"""The file that a driver's log lines go to."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from engine.config.settings import Settings
from engine.store.mlflow_store import RunStore

#: The run that the present thread drives; ``None`` in threads that nobody has told.
_RUN: ContextVar[str | None] = ContextVar("raysmith_run", default=None)


@contextmanager
def debug_log(settings: Settings, store: RunStore, run_id: str) -> Iterator[None]:
    """Send the driver's log lines to the file ``debug_log`` meanwhile.

    On a cluster the file is written beside the driver, and becomes a file of the run.
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
        handler = logging.FileHandler(file, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.addFilter(lambda record: _RUN.get() in (run_id, None))
    log.addHandler(handler)
    try:
        yield
    finally:
        _RUN.reset(token)
        log.removeHandler(handler)
        handler.close()
        if file is not None and settings.is_remote and os.path.exists(file):
            store.write_text(run_id, f"logs/{file}", Path(file).read_text(errors="replace"))
