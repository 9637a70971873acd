"""Values of a run for Ray's dashboard and its Prometheus endpoint."""

from __future__ import annotations

import collections

from ray.util.metrics import Gauge, Histogram

from engine.driver.gauges import Gauges

_SECONDS = [0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0]


class RunMetrics(Gauges):
    """The driver's values: iterations by state, the best score, how many trials run or wait.

    Parameters
    ----------
    run_id:
        Tag of every value.
    metric:
        Name of the primary metric.
    """

    def __init__(self, run_id: str, metric: str) -> None:
        self._tags = {"run": run_id}
        self._counts: collections.Counter[str] = collections.Counter()
        self._iterations = Gauge(
            "raysmith_iterations", "Iterations by state.", tag_keys=("run", "state")
        )
        self._best = Gauge(
            "raysmith_best_score", "Best primary metric so far.", tag_keys=("run", "metric")
        )
        self._queue = Gauge("raysmith_queue_length", "Iterations to come.", tag_keys=("run",))
        self._metric = metric

    def counted(self, state: str, running: int, to_come: int) -> None:
        """See `Gauges.counted`."""
        if state:
            self._counts[state] += 1
            self._iterations.set(self._counts[state], {**self._tags, "state": state})
        self._iterations.set(running, {**self._tags, "state": "Running"})
        self._queue.set(to_come, self._tags)

    def best(self, score: float) -> None:
        """See `Gauges.best`."""
        self._best.set(score, {**self._tags, "metric": self._metric})


class TrialMetrics:
    """The values of a trial's process: how long the data and the fits take."""

    def __init__(self, run_id: str) -> None:
        self._tags = {"run": run_id}
        self._fit = Histogram(
            "raysmith_fit_seconds", "Seconds in an iteration's fits.", _SECONDS, ("run",)
        )
        self._data = Histogram(
            "raysmith_get_data_seconds", "Seconds of get_data() on a node.", _SECONDS, ("run",)
        )

    def fitted(self, seconds: float) -> None:
        """Count the seconds of an iteration's fits."""
        self._fit.observe(seconds, self._tags)

    def loaded(self, seconds: float) -> None:
        """Count the seconds of ``get_data()`` on this node."""
        self._data.observe(seconds, self._tags)
