"""Waiting for the end of a run, with or without the table of iterations."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping

from engine.client.interfaces import WorkspaceLike
from engine.client.liveness import death_of
from engine.deadline import Deadline
from engine.errors import (
    AutoMLError,
    ConfigException,
    DataException,
    ModelException,
    RunException,
    WorkspaceException,
)
from engine.pace import Pace
from engine.show.follower import Follower
from engine.store.records import RunRecord
from engine.store.retrying import Patience
from engine.store.status import RunStatus

_POLL_SECONDS = 0.5
#: A store may be away for as long as a driver waits for it, and come back with the run's end.
_OUTAGE_SECONDS = 600.0

#: Errors that a driver may have written down, by the names of their types.
_ERRORS: Mapping[str, type[AutoMLError]] = {
    kind.__name__: kind
    for kind in (AutoMLError, DataException, ModelException, RunException, WorkspaceException)
}


def wait_for_end(
    workspace: WorkspaceLike, run_id: str, show_output: bool, timeout_seconds: float | None
) -> RunRecord:
    """Wait until a run has completed or was canceled.

    Parameters
    ----------
    show_output:
        Print the table of iterations meanwhile.
    timeout_seconds:
        Stop waiting after this time; ``None``: never.

    Raises
    ------
    AutoMLError
        When the run fails or its driver has died, see `failure_of`.
    TimeoutError
        When the run has not ended within ``timeout_seconds``.
    """
    deadline = Deadline.after(timeout_seconds, time.monotonic)
    limit = min(_OUTAGE_SECONDS, math.inf if timeout_seconds is None else timeout_seconds)
    store = workspace.store.with_patience(Patience(limit))
    with contextlib.ExitStack() as at_end:
        follower: Follower | None = None
        if show_output:
            follower = Follower(store, run_id)
            at_end.callback(follower.end)
        pace = Pace(_POLL_SECONDS)
        while True:
            with pace.look():
                record = store.run(run_id)
                death = death_of(record, workspace)
                if follower is not None:
                    follower.look(record)
            if record.is_final or death is not None:
                break
            if deadline.is_over:
                raise TimeoutError(
                    f"run {run_id} is still {record.status} after {timeout_seconds:g} s"
                )
            time.sleep(min(pace.pause, max(0.0, deadline.left())))
    if death is not None:
        raise RunException(death)
    if record.status == RunStatus.FAILED:
        raise failure_of(record)
    return record


def failure_of(record: RunRecord) -> AutoMLError:
    """Return the error that ended a run, of the type that the driver raised.

    Errors of types from outside `engine.errors` become a `RunException`.
    """
    message = record.error or "the run failed"
    if record.error_type == ConfigException.__name__:
        return ConfigException([message])
    return _ERRORS.get(record.error_type or "", RunException)(message)
