"""Reading the iterations of a run again and again, each time only what may be new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord, RunRecord

#: An iteration has its end time before it has its state, so others may overtake it by this much.
_OVERTAKEN_SECONDS = 5.0


class IterationReader:
    """Read the iterations of a run that are new or have changed since the last reading.

    A reading costs two requests, however many iterations have ended: one for those that go on, one
    for those that have ended lately. The clocks of several drivers may differ, so an iteration
    that went on and is in neither answer is read by itself, and the first reading after the run's
    end reads everything once more.

    Parameters
    ----------
    store:
        The store that holds the run.
    run_id:
        The run.

    Attributes
    ----------
    ended_count:
        Number of iterations that have ended so far.
    """

    def __init__(self, store: RunStore, run_id: str) -> None:
        self._store, self._run_id = store, run_id
        self._going: dict[str, IterationRecord] = {}
        self._ended: dict[str, float] = {}
        self._latest_end: float | None = None
        self._is_complete = False  # whether everything was read since the run's end

    @property
    def ended_count(self) -> int:
        """Number of iterations that have ended so far."""
        return len(self._ended)

    @property
    def going(self) -> list[IterationRecord]:
        """The iterations that had not ended at the last reading, by number."""
        return sorted(self._going.values(), key=lambda record: record.iteration)

    def read(self, record: RunRecord) -> list[IterationRecord]:
        """Return the iterations that are new or have changed, by number.

        Parameters
        ----------
        record:
            The run as the store holds it now.
        """
        found = self._read(record)
        news = [child for child in found.values() if self._is_new(child)]
        self._remember(news)
        self._is_complete = record.is_final
        return sorted(news, key=lambda child: child.iteration)

    def _read(self, record: RunRecord) -> Mapping[str, IterationRecord]:
        since = None
        if self._latest_end is not None and self._is_complete == record.is_final:
            since = self._latest_end - _OVERTAKEN_SECONDS
        children = self._store.iterations(self._run_id, since)
        found = {child.run_id: child for child in children}
        for child_id in self._going.keys() - found.keys():
            found[child_id] = self._store.iteration(child_id)
        return found

    def _is_new(self, child: IterationRecord) -> bool:
        if child.ended is not None:
            return self._ended.get(child.run_id) != child.ended
        return self._going.get(child.run_id) != child

    def _remember(self, news: Iterable[IterationRecord]) -> None:
        for child in news:
            if child.ended is None:
                self._ended.pop(child.run_id, None)  # begun again by another driver
                self._going[child.run_id] = child
            else:
                self._going.pop(child.run_id, None)
                self._ended[child.run_id] = child.ended
                self._latest_end = max(self._latest_end or 0.0, child.ended)
