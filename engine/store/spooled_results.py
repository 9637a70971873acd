"""The way of spooled results into the store, once it answers again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from engine.errors import AutoMLError, StoreUnavailable
from engine.store.mlflow_store import RunStore
from engine.store.records import RunRecord
from engine.store.retrying import NONE
from engine.store.spool import Spool, SpooledIteration, SpooledState
from engine.store.status import RunStatus

logger = logging.getLogger("raysmith.driver")

#: Pause between two tries of a driver whose run is over but not written.
_PAUSE_SECONDS = 15.0


def write_spooled(store: RunStore, run_id: str, spool: Spool | None = None) -> RunStatus | None:
    """Write what waits on this machine for the store of a run, and remove it here.

    Nothing is overwritten: an iteration that has completed in the store, by another driver, stays
    as it is. So does a state that another driver has set.

    Parameters
    ----------
    spool:
        Holds the results; default: the run's own.

    Returns
    -------
    RunStatus or None
        The final state that was written; ``None`` if none was.

    Raises
    ------
    StoreUnavailable
        While the store does not answer. The rest is still in the spool.
    """
    spool = Spool(run_id) if spool is None else spool
    if spool.is_empty:
        return None
    try:
        with spool.locked():
            status = _write_all(store, run_id, spool)
    except FileNotFoundError:
        return None  # another process was faster
    logger.info("results of run %s that were kept on disk are in the store now", run_id)
    return status


def _write_all(store: RunStore, run_id: str, spool: Spool) -> RunStatus | None:
    record = store.run(run_id)
    children = {r.iteration: r for r in store.iterations(run_id)}
    for iteration in spool.iterations():
        known = children.get(iteration.start.iteration)
        if known is None or not known.is_completed:
            _write(store, record, iteration, None if known is None else known.run_id)
        if iteration.scores:
            store.log_best(run_id, iteration.start.iteration, iteration.scores)
        spool.forget_iteration(iteration.start.iteration)
    status = _write_state(store, record, spool.state())
    spool.remove()
    return status


def _write(
    store: RunStore, record: RunRecord, iteration: SpooledIteration, child_id: str | None
) -> None:
    start = iteration.start
    if child_id is None:
        child_id = store.start_iteration(
            record, start.iteration, start.pipeline, start.params, start.properties, start.started
        )
    else:
        store.restart_iteration(child_id, start.properties, start.started)
    store.end_iteration(child_id, iteration.end, iteration.ended)


def _write_state(
    store: RunStore, record: RunRecord, state: SpooledState | None
) -> RunStatus | None:
    driver = None if record.driver is None else record.driver.token
    if state is None or record.is_final or driver != state.driver:
        return None
    error = None
    if state.error is not None:
        error = type(state.error_type or "RunException", (AutoMLError,), {})(state.error)
    store.set_status(record.run_id, state.status, error)
    return state.status


def keep_writing(
    store: RunStore, run_id: str, spool: Spool, wait: Callable[[float], object] | None = None
) -> threading.Thread:
    """Try to write a run's spooled results in a thread, for as long as this process lives.

    Parameters
    ----------
    wait:
        Waits for some seconds between two tries.
    """
    wait = threading.Event().wait if wait is None else wait
    once = store.with_patience(NONE)

    def write() -> None:
        while not spool.is_empty:
            try:
                write_spooled(once, run_id, spool)
                return
            except StoreUnavailable:
                wait(_PAUSE_SECONDS)
            except Exception:
                logger.exception("the results of run %s stay in %s", run_id, spool.path)
                return

    thread = threading.Thread(target=write, name="raysmith-last-state", daemon=True)
    thread.start()
    return thread
