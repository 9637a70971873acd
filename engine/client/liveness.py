"""Liveness of runs: whether the driver of an unfinished run still works."""

from __future__ import annotations

from engine.client.interfaces import WorkspaceLike
from engine.errors import AutoMLError
from engine.store.records import RunRecord
from engine.store.status import RunStatus

_WAITING_OR_RUNNING = ("PENDING", "RUNNING")  # states of a job on a cluster


def status_of(record: RunRecord, workspace: WorkspaceLike) -> RunStatus:
    """Return a run's state; a run without a living driver is ``Failed``."""
    return record.status if death_of(record, workspace) is None else RunStatus.FAILED


def death_of(record: RunRecord, workspace: WorkspaceLike) -> str | None:
    """Return why nobody drives a run that has no final state; ``None`` for all other runs."""
    if record.is_final or record.driver_is_alive:
        return None
    if record.target == "local":
        if record.driver is None:
            return None  # the driver is being started
        return f"the driver of run {record.run_id} has died; run.resume() goes on with it"
    return _death_on_cluster(record, workspace)


def _death_on_cluster(record: RunRecord, workspace: WorkspaceLike) -> str | None:
    try:
        target = workspace.compute_targets[record.target]
        state, message = target.job_state(record.run_id)
    except (AutoMLError, KeyError) as gone:
        return f"compute target {record.target!r} is lost ({gone}); run.resume() goes on"
    if state in _WAITING_OR_RUNNING:
        return None  # the job waits for its turn, or the driver is being started again
    again = workspace.store.run(record.run_id)
    if again.is_final or again.driver_is_alive:
        return None
    ended = "is unknown there" if not state else f"ended as {state}"
    return f"the driver of run {record.run_id} {ended}: {message}; run.resume() goes on with it"
