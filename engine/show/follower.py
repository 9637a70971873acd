"""The table of iterations in a terminal while a run goes on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from engine.config.settings import Settings
from engine.show.table import Table
from engine.store.choice import by_end
from engine.store.iteration_reader import IterationReader
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord, RunRecord
from engine.store.status import IterationStatus


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
        record = store.run(run_id)
        settings = Settings.from_dict(store.load_spec(run_id)["settings"])
        self._table = Table(record.metric, total=settings.iterations + len(settings.ensembles))
        self._reader = IterationReader(store, run_id)
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
        news = self._reader.read(record)
        self._print_retries(news)
        for iteration in by_end(r for r in news if r.ended is not None):
            self._table.row(iteration)
        self._table.progress(self._reader.ended_count, self._reader.going)

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
            if iteration.retries:
                self._retries[iteration.iteration] = len(iteration.retries)
