"""The state of a run that goes on, and the changes that a widget sends to its browser."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypedDict, cast

from engine.metrics.metric import metrics_in
from engine.show.seen_run import SeenRun
from engine.show.view import (
    IterationState,
    RunView,
    ViewState,
    add_summaries,
    iteration_state,
    log_of,
    run_state,
)
from engine.store.choice import chosen_iteration
from engine.store.iteration_reader import IterationReader
from engine.store.records import IterationRecord
from engine.store.status import RunStatus


class Changes(TypedDict):
    """What is different from the state before.

    ``revision`` counts the changes of a run; a reader that misses one asks for the whole state.
    ``run``, ``iterations`` and ``logs`` hold the fields that are different, an iteration its number
    besides. The others replace what the state has under their name.
    """

    revision: int
    run: NotRequired[dict[str, Any]]
    iterations: NotRequired[list[dict[str, Any]]]
    logs: NotRequired[dict[str, str]]
    metrics: NotRequired[dict[str, bool]]
    best: NotRequired[int | None]
    explanation: NotRequired[Any]
    quality: NotRequired[Any]
    data: NotRequired[Any]
    settings: NotRequired[dict[str, str]]
    versions: NotRequired[dict[str, str]]
    snippet: NotRequired[str]


class LiveState:
    """Follows a run and keeps its state, of which each look returns the changes.

    A look costs three requests, and one for the chosen iteration's log while it grows. The first
    look after the run's end reads everything once more.

    Parameters
    ----------
    view:
        The run.

    Notes
    -----
    Looks must not overlap. The state may be read by other threads meanwhile.
    """

    def __init__(self, view: RunView) -> None:
        self._view = view
        self._reader = IterationReader(view.store, view.run_id)
        self._records: dict[int, IterationRecord] = {}
        self._whole_logs: set[int] = set()
        #: The end that the summaries were read after.
        self._summed_up: SeenRun | None = None
        seen = view.seen()
        self._take(self._reader.read(seen.record))
        state = self._now(seen)
        state["iterations"] = [iteration_state(r) for r in seen.iterations(self._in_order())]
        state["logs"] = {}
        # Replaced as one, so that other threads never see a state with another's number.
        self._latest = 0, state

    @property
    def revision(self) -> int:
        """Number of changes so far."""
        return self._latest[0]

    @property
    def state(self) -> ViewState:
        """The whole state, with the logs that were asked for."""
        return self._latest[1]

    def whole(self) -> dict[str, Any]:
        """Return the state and its ``revision`` as one mapping, as the browser has it."""
        revision, state = self._latest
        return {**state, "revision": revision}

    @property
    def is_over(self) -> bool:
        """Whether the run had a final state at the last look."""
        return RunStatus(self.state["run"]["status"]).is_final

    def look(self, chosen: int | None = None) -> Changes | None:
        """Read what is new; return the changes, ``None`` when there are none.

        Parameters
        ----------
        chosen:
            Number of the iteration whose log is read too.
        """
        seen = self._view.seen()
        news = self._reader.read(seen.record)
        self._take(news)
        now = self._now(seen)
        # Iterations that go on have taken longer since the last look.
        concerned = {r.iteration: r for r in (*news, *self._reader.going)}
        now["iterations"] = [iteration_state(r) for r in seen.iterations(concerned.values())]
        now["logs"] = self._log_of(chosen)
        return self._changed(now)

    def bring_log(self, chosen: int) -> Changes | None:
        """Read the log of an iteration; return the changes, ``None`` when there are none."""
        return self._changed({**self.state, "iterations": [], "logs": self._log_of(chosen)})

    def _now(self, seen: SeenRun) -> ViewState:
        """Return the run as it is now, without its iterations; at its end with the summaries."""
        record = seen.record
        now = run_state(self._view, seen, [])
        records = self._in_order()
        best = chosen_iteration(records, record.metric)
        known = metrics_in(record.metric.task, [r.metrics for r in records])
        now["best"] = None if best is None else best.iteration
        now["metrics"] = {name: metric.greater_is_better for name, metric in known.items()}
        if seen.status.is_final and self._summed_up != seen:
            add_summaries(now, self._view, records)
            self._summed_up = seen
        return now

    def _take(self, news: Iterable[IterationRecord]) -> None:
        self._records.update((record.iteration, record) for record in news)

    def _in_order(self) -> list[IterationRecord]:
        return [self._records[number] for number in sorted(self._records)]

    def _log_of(self, chosen: int | None) -> dict[str, str]:
        """Read a log, unless it is known and will not change."""
        record = None if chosen is None else self._records.get(chosen)
        if record is None or record.iteration in self._whole_logs:
            return {}
        if record.ended is not None:
            self._whole_logs.add(record.iteration)
        return {str(chosen): log_of(self._view.store, record)}

    def _changed(self, now: ViewState) -> Changes | None:
        changes = changes_of(self.state, now)
        if not changes:
            return None
        self._latest = self.revision + 1, merged(self.state, changes)
        return cast(Changes, {"revision": self.revision, **changes})


def changes_of(before: ViewState, now: ViewState) -> dict[str, Any]:
    """Return what is different; iterations and logs that ``now`` does not name are as before.

    Examples
    --------
    >>> before = {"run": {"status": "Running", "ended": None}, "best": 3, "iterations": []}
    >>> changes_of(before, {**before, "run": {"status": "Completed", "ended": None}})
    {'run': {'status': 'Completed'}}
    """
    known = {one["iteration"]: one for one in before["iterations"]}
    changes: dict[str, Any] = {
        "run": _different(before["run"], now["run"]),
        "iterations": [
            {"iteration": one["iteration"], **fields}
            for one in now["iterations"]
            if (fields := _different(known.get(one["iteration"], {}), one))
        ],
        "logs": _different(before.get("logs", {}), now.get("logs", {})),
    }
    found = {name: value for name, value in changes.items() if value}
    rest = {name: value for name, value in now.items() if name not in changes}
    return found | _different(before, rest)


def merged(state: ViewState, changes: Mapping[str, Any]) -> ViewState:
    """Return the state after the changes, as the browser has it.

    Examples
    --------
    >>> state = {"run": {"status": "Running"}, "iterations": [{"iteration": 0, "seconds": 1.5}]}
    >>> changes = {"revision": 7, "iterations": [{"iteration": 0, "seconds": 2.5}]}
    >>> merged(state, changes)["iterations"]
    [{'iteration': 0, 'seconds': 2.5}]
    """
    result: dict[str, Any] = {**state}
    for name, value in changes.items():
        if name in ("run", "logs"):
            result[name] = {**result.get(name, {}), **value}
        elif name == "iterations":
            result[name] = _with_iterations(state["iterations"], value)
        elif name != "revision":
            result[name] = value
    return cast(ViewState, result)


def _with_iterations(
    iterations: Iterable[IterationState], changed: Iterable[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    known: dict[int, Mapping[str, Any]] = {one["iteration"]: one for one in iterations}
    for fields in changed:
        known[fields["iteration"]] = {**known.get(fields["iteration"], {}), **fields}
    return [known[number] for number in sorted(known)]


def _different(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    missing = object()
    return {name: value for name, value in now.items() if before.get(name, missing) != value}
