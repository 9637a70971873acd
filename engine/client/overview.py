"""The runs of a workspace with their states, in few requests."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from engine.client.interfaces import WorkspaceLike
from engine.client.liveness import status_of
from engine.deadline import Deadline
from engine.errors import AutoMLError
from engine.store.records import RunRecord
from engine.store.status import RunStatus

#: Compute targets have this many seconds, all together, to say whether runs are alive.
_ANSWER_SECONDS = 15.0


@dataclass(frozen=True)
class RunOverview:
    """A run in a list of runs.

    Attributes
    ----------
    is_certain:
        Whether the state is known. Otherwise the run's compute target has not answered in time
        and ``status`` is the last one that the run's driver wrote.
    """

    run_id: str
    experiment: str
    status: RunStatus
    target: str
    is_certain: bool = True


def overview_of(
    workspace: WorkspaceLike,
    experiments: Mapping[str, str],
    answer_seconds: float = _ANSWER_SECONDS,
) -> list[RunOverview]:
    """Return the runs of several experiments, newest first within each.

    The store is asked once for all experiments. A compute target is asked only where runs are
    without a heartbeat: once, and all targets at the same time.

    Parameters
    ----------
    experiments:
        Name -> id.
    answer_seconds:
        How long compute targets may take, all together.
    """
    if not experiments:
        return []
    names = {experiment_id: name for name, experiment_id in experiments.items()}
    order = {experiment_id: place for place, experiment_id in enumerate(names)}
    records = workspace.store.runs(*names)
    states = _states(workspace, records, answer_seconds)
    return [
        RunOverview(
            record.run_id,
            names[record.experiment_id],
            states.get(record.run_id, record.status),
            record.target,
            record.run_id in states,
        )
        for record in sorted(records, key=lambda record: order[record.experiment_id])
    ]


def _states(
    workspace: WorkspaceLike, records: Sequence[RunRecord], answer_seconds: float
) -> dict[str, RunStatus]:
    """Return run -> state, for those that are known within the time."""
    states: dict[str, RunStatus] = {}
    by_target: dict[str, list[RunRecord]] = defaultdict(list)
    silent = _with_targets(workspace, _NoTargets())
    for record in records:
        try:
            states[record.run_id] = status_of(record, silent)
        except _IsUnclearError:
            by_target[record.target].append(record)
    if not by_target:
        return states
    asked = _with_targets(workspace, _Targets(workspace.compute_targets))

    def ask(unclear: Sequence[RunRecord]) -> None:
        for record in unclear:
            states[record.run_id] = status_of(record, asked)

    # Daemons: a tunnel that does not open holds up neither the list nor the process's end.
    threads = [
        threading.Thread(target=ask, args=[unclear], name="raysmith-overview", daemon=True)
        for unclear in by_target.values()
    ]
    for thread in threads:
        thread.start()
    until = Deadline.after(answer_seconds)
    for thread in threads:
        thread.join(max(0.0, until.left()))
    return dict(states)


class _IsUnclearError(Exception):
    """The state of a run cannot be found out without its compute target."""


class _NoTargets(Mapping[str, Any]):
    """Stands for compute targets where none is to be asked."""

    def __getitem__(self, name: str) -> Any:
        raise _IsUnclearError

    def __iter__(self) -> Iterator[str]:
        raise _IsUnclearError

    def __len__(self) -> int:
        raise _IsUnclearError


def _with_targets(workspace: WorkspaceLike, targets: Mapping[str, Any]) -> WorkspaceLike:
    asked: Any = SimpleNamespace(
        tracking_uri=workspace.tracking_uri,
        artifact_location=workspace.artifact_location,
        store=workspace.store,
        compute_targets=targets,
    )
    return asked


class _Targets(Mapping[str, Any]):
    """Compute targets that ask their cluster once, whether it answers or not."""

    def __init__(self, targets: Mapping[str, Any]) -> None:
        self._targets = {name: _Target(target) for name, target in targets.items()}

    def __getitem__(self, name: str) -> Any:
        return self._targets[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._targets)

    def __len__(self) -> int:
        return len(self._targets)


class _Target:
    def __init__(self, target: Any) -> None:
        self._target = target
        self._states: Mapping[str, tuple[str, str]] | None = None
        self._error: AutoMLError | None = None

    def job_state(self, run_id: str) -> tuple[str, str]:
        """See `cluster.targets.target.RayTarget.job_state`."""
        if self._error is not None:
            raise self._error
        if self._states is None:
            try:
                self._states = self._target.job_states()
            except AutoMLError as error:
                self._error = error
                raise
        return self._states.get(run_id, ("", ""))
