"""What a terminal is told of a run while it goes on."""

from __future__ import annotations

import dataclasses

from engine.config.settings import Settings
from engine.metrics.metric import Metric
from engine.show.table import Table
from engine.store.mlflow_store import RunStore
from engine.store.records import RunRecord
from engine.store.status import IterationStatus

_OVERTAKEN_SECONDS = 60.0


class Follower:
    """Prints what is new in a run since the last look."""

    def __init__(self, store: RunStore, run_id: str, metric: Metric) -> None:
        self._store, self._run_id = store, run_id
        settings = Settings.from_dict(store.load_spec(run_id)["settings"])
        self._table = Table(metric, total=settings.iterations + len(settings.ensembles))
        self._seen: set[tuple[int, float | None]] = set()
        self._ended_since: float | None = None
        self._retries: dict[int, int] = {}
        self._notes: tuple[str, ...] = ()
        target = store.run(run_id).target
        where = "local compute" if target == "local" else f"remote compute: {target}"
        self._table.message(f"Running on {where}\nParent Run ID: {run_id}")
        self._table.header()

    def look(self, record: RunRecord) -> None:
        for note in record.notes[len(self._notes) :]:
            self._table.message(f"Warning: {note}")
        self._notes = record.notes
        iterations = self._store.iterations(self._run_id, self._ended_since)
        for iteration in iterations:
            for reason in iteration.retries[self._retries.get(iteration.iteration, 0) :]:
                self._table.row(
                    dataclasses.replace(iteration, status=IterationStatus.RETRIED, reason=reason)
                )
            self._retries[iteration.iteration] = len(iteration.retries)
        ended = [r for r in iterations if r.ended is not None]
        for iteration in sorted(ended, key=lambda r: (r.ended or 0.0, r.iteration)):
            key = (iteration.iteration, iteration.ended)
            if key not in self._seen:
                self._seen.add(key)
                self._table.row(iteration)
                # An iteration has its time before it has its state: another may overtake it.
                since = (iteration.ended or 0.0) - _OVERTAKEN_SECONDS
                self._ended_since = max(self._ended_since or 0.0, since)
        running = [r for r in iterations if r.ended is None]
        self._table.progress(len(self._seen), running)

    def end(self) -> None:
        self._table.close()
        self._table.message("")
