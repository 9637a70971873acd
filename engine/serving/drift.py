"""Drift: how the rows of requests differ from the training data, column by column."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.training_summary import TrainingSummary

#: Seconds between two batches that are counted: under load a sample is enough.
_SECONDS_BETWEEN_COUNTS = 0.25
#: Rows below which an index says little, and is not told.
_FEWEST_ROWS = 100


class Drift:
    """Counts the values of rows, and compares them with those of training.

    Only counts are kept: no value can be read from them.

    Parameters
    ----------
    summary:
        The training data's counts.
    now:
        The clock, in seconds.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> table = pd.DataFrame({"a": np.arange(400.0)})
    >>> data = check_data({"X": table, "y": np.arange(400) % 2}, "classification")
    >>> drift = Drift(TrainingSummary.of(data))
    >>> drift.add(table + 300)
    >>> round(drift.indices()["a"])
    6
    """

    def __init__(self, summary: TrainingSummary, now: Callable[[], float] = time.monotonic) -> None:
        self._summary = summary
        self._now = now
        self._counts: dict[str, NDArray[np.int64]] = {}
        self._rows = 0
        self._next = -np.inf
        self._lock = threading.Lock()

    @property
    def is_due(self) -> bool:
        """Whether the next batch will be counted: none was a moment ago."""
        return self._now() >= self._next

    def add(self, table: pd.DataFrame) -> None:
        """Count the rows of a batch, unless one was counted a moment ago."""
        with self._lock:
            if not self.is_due:
                return
            self._next = self._now() + _SECONDS_BETWEEN_COUNTS
            self._rows += len(table)
            for name, counts in self._summary.count(table).items():
                self._counts[name] = self._counts.get(name, 0) + counts

    def indices(self) -> dict[str, float]:
        """Return column -> population stability index; empty for fewer than a hundred rows.

        Below 0.1 a column is as in training, above 0.25 it is another one, as a rule of thumb.
        """
        with self._lock:
            if self._rows < _FEWEST_ROWS:
                return {}
            return self._summary.stability_indices(dict(self._counts))
