"""Iterations that a driver leaves open."""

from __future__ import annotations

import logging

from engine.store.mlflow_store import RunStore
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")


def end_open(store: RunStore, run_id: str, reason: str) -> None:
    """Cancel the iterations of a run that nobody will execute any more.

    They were left by a driver that has died and were not begun again. What cannot be written is
    logged and goes no further: clients show open iterations of an ended run as failed.

    Parameters
    ----------
    store, run_id:
        The run.
    reason:
        Why they have ended, in one line.
    """
    for record in store.iterations(run_id):
        if not record.status.is_final:
            logger.info("iteration %d is left: %s", record.iteration, reason)
            try:
                store.end_iteration(record.run_id, IterationEnd(IterationStatus.CANCELED, reason))
            except Exception:
                logger.exception("iteration %d stays open", record.iteration)
