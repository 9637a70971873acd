"""The file that a driver's log lines go to."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.config.settings import Settings
from engine.store.mlflow_store import RunStore
from engine.store.redaction import RedactingFormatter


@contextmanager
def debug_log(settings: Settings, store: RunStore, run_id: str) -> Iterator[None]:
    """Send the driver's log lines to the file ``debug_log`` meanwhile.

    On a cluster the file is written beside the driver, and becomes a file of the run.
    """
    log = logging.getLogger("raysmith.driver")
    log.setLevel(settings.verbosity)
    log.propagate = False
    handler: logging.Handler = logging.NullHandler()
    file = settings.debug_log
    if file is not None and settings.is_remote:
        file = os.path.basename(file)
    if file is not None:
        handler = logging.FileHandler(file, delay=True)
    handler.setFormatter(RedactingFormatter(store.redact, "%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
        handler.close()
        if file is not None and settings.is_remote and os.path.exists(file):
            store.write_text(run_id, f"logs/{file}", Path(file).read_text(errors="replace"))
