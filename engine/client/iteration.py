"""`IterationRun`: one iteration of a run, read from the store on each call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.client.interfaces import RunLike
from engine.client.stored import Stored
from engine.store.files import LOG_FILE
from engine.store.records import IterationRecord


class IterationRun(Stored):
    """One iteration of a run: a child run in the store.

    `engine.AutoMLRun.get_children` and `engine.AutoMLRun.get_output` return iterations.

    Attributes
    ----------
    parent:
        The run.
    id:
        Id of the iteration in MLflow.
    iteration:
        Number of the iteration, from 0.
    store:
        The store that holds the iteration.
    """

    def __init__(self, parent: RunLike, record: IterationRecord) -> None:
        super().__init__(parent.store, record.run_id)
        self.parent = parent
        self.iteration = record.iteration

    def __repr__(self) -> str:
        return f"IterationRun(iteration={self.iteration}, id={self.id!r})"

    def get_status(self) -> str:
        """Return the state.

        ``Running``, ``Retried`` (its node was lost, it waits for another one), ``Completed``,
        ``Failed``, ``Timeout``, ``Canceled``, or ``Pruned`` (stopped because its first folds were
        far behind the best).
        """
        return self._record().status.value

    def get_metrics(self, name: str | None = None) -> dict[str, float]:
        """Return metric name -> mean over the folds, for those that are defined.

        Parameters
        ----------
        name:
            Return this metric alone; default: all.
        """
        return pick_metrics(self._record().metrics, name)

    def get_fold_metrics(self, name: str) -> list[float]:
        """Return the values of a metric on the folds, in the order of the folds."""
        return self.store.fold_metrics(self.run_id, name)

    def get_properties(self) -> dict[str, str]:
        """Return property name -> text, for those that are known.

        Pipelines have ``iteration``, ``run_algorithm``, ``run_preprocessor``, ``pipeline_spec``,
        ``node_id``, ``node_ip``, ``pid``, ``fit_seconds``, ``score_seconds``, ``prediction_ms``
        (an estimate, for 1,000 rows on one core), ``folds``, ``fold_scores`` (of the primary
        metric), ``fitted_rows``, ``cores`` and ``threads``. Ensembles have
        ``ensembled_iterations`` and ``ensemble_weights`` instead of the times and sizes.
        """
        return self._record().properties.to_tags()

    def get_details(self) -> dict[str, Any]:
        """Return status, reason, pipeline, times (seconds since the epoch), metrics, properties."""
        record = self._record()
        return {
            "runId": record.run_id,
            "iteration": record.iteration,
            "status": record.status.value,
            "reason": record.reason,
            "pipeline": record.pipeline,
            "startTime": record.started,
            "endTime": record.ended,
            "metrics": dict(record.metrics),
            "properties": record.properties.to_tags(),
        }

    def get_logs(self) -> str:
        """Return the output of the trial and of ``get_data()``, so far while it runs."""
        try:
            return self.store.read_bytes(self.run_id, LOG_FILE).decode(errors="replace")
        except FileNotFoundError:
            return ""

    def _record(self) -> IterationRecord:
        return self.parent.as_seen(self.store.iteration(self.run_id))


def pick_metrics(metrics: Mapping[str, float], name: str | None) -> dict[str, float]:
    """Return all metrics, or the one of a name.

    Examples
    --------
    >>> pick_metrics({"accuracy": 0.9, "log_loss": 0.3}, "accuracy")
    {'accuracy': 0.9}
    """
    return {k: v for k, v in metrics.items() if name is None or k == name}
