"""The table of iterations in a terminal while a run goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from engine.config.settings import Settings
from engine.show.table import Table
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord, RunRecord
from engine.store.status import IterationStatus

#: An iteration has its end time before it has its state, so others may overtake it by this much.
_OVERTAKEN_SECONDS = 60.0


class Follower:
    """Print the rows, warnings and retries of a run that are new since the last look.

    Parameters
    ----------
    store:
        The store that holds the run.
    run_id:
        The run.
    """

    def __init__(self, store: RunStore, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        record = store.run(run_id)
        settings = Settings.from_dict(store.load_spec(run_id)["settings"])
        self._table = Table(record.metric, total=settings.iterations + len(settings.ensembles))
        self._seen: set[tuple[int, float | None]] = set()
        self._ended_since: float | None = None
        self._retries: dict[int, int] = {}
        self._notes: tuple[str, ...] = ()
        where = "local compute" if record.target == "local" else f"remote compute: {record.target}"
        self._table.message(f"Running on {where}\nParent Run ID: {run_id}")
        self._table.header()

    def look(self, record: RunRecord) -> None:
        """Print the news; ``record`` is the run as the store holds it now."""
        for note in record.notes[len(self._notes) :]:
            self._table.message(f"Warning: {note}")
        self._notes = record.notes
        iterations = self._store.iterations(self._run_id, self._ended_since)
        self._print_retries(iterations)
        self._print_ended([r for r in iterations if r.ended is not None])
        running = [r for r in iterations if r.ended is None]
        self._table.progress(len(self._seen), running)

    def end(self) -> None:
        """Take the progress line away; the rows stay."""
        self._table.close()
        self._table.message("")

    def _print_retries(self, iterations: Sequence[IterationRecord]) -> None:
        for iteration in iterations:
            for reason in iteration.retries[self._retries.get(iteration.iteration, 0) :]:
                self._table.row(
                    dataclasses.replace(iteration, status=IterationStatus.RETRIED, reason=reason)
                )
            self._retries[iteration.iteration] = len(iteration.retries)

    def _print_ended(self, ended: Sequence[IterationRecord]) -> None:
        for iteration in sorted(ended, key=lambda r: (r.ended or 0.0, r.iteration)):
            key = (iteration.iteration, iteration.ended)
            if key not in self._seen:
                self._seen.add(key)
                self._table.row(iteration)
                since = (iteration.ended or 0.0) - _OVERTAKEN_SECONDS
                self._ended_since = max(self._ended_since or 0.0, since)
