"""Reading the iterations of a run again and again, each time only what may be new."""

from __future__ import annotations

from collections.abc import Iterable

from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord, RunRecord

#: An iteration has its end time before it has its state, so others may overtake it by this much.
_OVERTAKEN_SECONDS = 5.0


class IterationReader:
    """Read the iterations of a run that are new or have changed since the last reading.

    A reading costs two requests, however many iterations have ended: one for those that go on, one
    for those that have ended lately. The clocks of several drivers may differ, and a clock may be
    set, so an iteration that went on and is in neither answer is read by itself. When that or
    another sign shows that an iteration may have been missed, the first reading after the run's end
    reads everything once more.

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
        self._numbers: set[int] = set()
        self._driver: str | None = None
        #: Whether the ends may have been written by several clocks, or by one that was set.
        self._is_doubtful = False

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
        self._watch_driver(record)
        is_over = record.is_final and not self._is_complete
        is_begun_again = self._is_complete and not record.is_final
        news = self._news(None if is_begun_again else self._horizon)
        if is_over and (self._is_doubtful or self._misses_a_number):
            news |= self._news(None)
        self._is_complete = record.is_final
        return sorted(news.values(), key=lambda child: child.iteration)

    @property
    def _horizon(self) -> float | None:
        """The end time before which everything was read; ``None`` before the first reading."""
        return None if self._latest_end is None else self._latest_end - _OVERTAKEN_SECONDS

    @property
    def _misses_a_number(self) -> bool:
        return len(self._numbers) <= max(self._numbers, default=-1)

    def _watch_driver(self, record: RunRecord) -> None:
        token = None if record.driver is None else record.driver.token
        self._is_doubtful |= self._driver is not None and token != self._driver
        self._driver = token

    def _news(self, since: float | None) -> dict[str, IterationRecord]:
        """Read what has ended since, or everything; return what is new, by its run's id."""
        children = self._store.iterations(self._run_id, since)
        found = {child.run_id: child for child in children}
        for child_id in self._going.keys() - found.keys():
            found[child_id] = self._store.iteration(child_id)
            self._is_doubtful |= found[child_id].ended is not None
        news = {child_id: child for child_id, child in found.items() if self._is_new(child)}
        self._remember(news.values())
        return news

    def _is_new(self, child: IterationRecord) -> bool:
        if child.ended is not None:
            return self._ended.get(child.run_id) != child.ended
        return self._going.get(child.run_id) != child

    def _remember(self, news: Iterable[IterationRecord]) -> None:
        for child in news:
            self._numbers.add(child.iteration)
            if child.ended is None:
                self._ended.pop(child.run_id, None)  # begun again by another driver
                self._going[child.run_id] = child
            else:
                self._going.pop(child.run_id, None)
                self._ended[child.run_id] = child.ended
                self._latest_end = max(self._latest_end or 0.0, child.ended)
