"""Runs in the forms of SDK v1: states, details, and the conditions of lists."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from engine.errors import AutoMLError
from engine.store.records import IterationRecord
from engine.store.status import IterationStatus

#: States that SDK v1 did not know -> those that it had for them.
_STATUS: Mapping[str, str] = {
    IterationStatus.PRUNED: "Canceled",
    IterationStatus.TIMEOUT: "Failed",
    IterationStatus.RETRIED: "Running",
}


def fits(
    run: Any,
    type: str | None = None,
    tags: str | Mapping[str, str] | None = None,
    properties: Mapping[str, str] | None = None,
    status: str | None = None,
) -> bool:
    """Whether a run is of a kind, has tags and properties, and is in a state.

    Parameters
    ----------
    run:
        The run or iteration.
    type:
        ``automl`` for runs, ``azureml.scriptrun`` for iterations.
    tags:
        Name of a tag, or names and values.
    properties:
        Names and values.
    status:
        The state.
    """
    if type is not None and run.type.lower() != type.lower():
        return False
    if status is not None and run.get_status() != status:
        return False
    wanted_tags = {tags: None} if isinstance(tags, str) else dict(tags or {})
    return _has(run.get_tags, wanted_tags) and _has(run.get_properties, properties or {})


def _has(get: Callable[[], Mapping[str, str]], wanted: Mapping[str, str | None]) -> bool:
    """Whether all names are there with their values; ``None`` stands for any value."""
    found = get() if wanted else {}
    return all(name in found and value in (None, found[name]) for name, value in wanted.items())


def status_of_v1(record: IterationRecord) -> str:
    """Return the state of an iteration by the names of SDK v1.

    Examples
    --------
    >>> status_of_v1(IterationRecord("id", 3, IterationStatus.PRUNED, "KNN"))
    'Canceled'
    """
    return _STATUS.get(record.status, record.status.value)


def details_of_v1(details: Mapping[str, Any], status: str, error: str | None) -> dict[str, Any]:
    """Return details of a run with the times and the error in the form of SDK v1.

    Examples
    --------
    >>> details_of_v1({"startTime": 0.0, "endTime": None}, "Running", None)["startTimeUtc"]
    '1970-01-01T00:00:00.000000Z'
    """
    times = {f"{key}Utc": _utc(details[key]) for key in ("startTime", "endTime")}
    shown = {**details, **times, "status": status}
    shown.pop("error", None)
    if error and status == "Failed":
        shown["error"] = {"error": {"code": "UserError", "message": error}}
    return shown


def _utc(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def warn_of_failure(run_id: str, error: AutoMLError) -> None:
    """Warn that a run has failed, at the line of the user's call."""
    warnings.warn(f"run {run_id} has failed: {error}", stacklevel=3)
