"""Iterations of a run: child runs with their scores, files and states."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence

from mlflow.entities import Metric, Param

from engine.store import tags
from engine.store.digests import digest_tags
from engine.store.files import LOG_FILE, MODEL_FILE, PREDICTIONS_FILE, Files
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd, IterationRecord, RunRecord
from engine.store.texts import plain_text

_BATCH = 900  # MLflow takes at most 1,000 metrics in one call


class Iterations(Files):
    """Read and write the iterations of runs."""

    def iterations(self, run_id: str, ended_since: float | None = None) -> list[IterationRecord]:
        """Read the iterations of a run, by number.

        Parameters
        ----------
        ended_since:
            Leave out iterations that ended before (seconds since the epoch), which a caller has
            read already. Iterations that go on are always read.
        """
        mine = f"tags.`{tags.PARENT}` = '{run_id}'"
        conditions = [mine]
        if ended_since is not None:
            # An iteration that ends between the two searches is in both.
            conditions = [
                f"{mine} and attributes.status = 'RUNNING'",
                f"{mine} and attributes.end_time >= {int(ended_since * 1000)}",
            ]
        experiment_id = self._experiment_of(run_id)
        found = {
            child.info.run_id: tags.iteration_record(child)
            for condition in conditions
            for child in self._search([experiment_id], condition)
        }
        return sorted(found.values(), key=lambda r: r.iteration)

    def iteration(self, child_id: str) -> IterationRecord:
        """Read one iteration.

        Raises
        ------
        RunException
            When there is no iteration of that id.
        """
        return tags.iteration_record(self._mlflow_run(child_id))

    def start_iteration(
        self,
        record: RunRecord,
        iteration: int,
        pipeline: str,
        params: Mapping[str, object],
        properties: IterationProperties,
        started: float,
    ) -> str:
        """Create a child run in the state ``Running``; return its id."""
        own = tags.tags_of_new_iteration(record.run_id, iteration, pipeline, properties)
        child_id = self._create_run(record.experiment_id, own, int(started * 1000))
        self.client.log_batch(
            child_id, params=[Param(k, tags.message(str(v))) for k, v in params.items()]
        )
        return child_id

    def run_of(self, run_id: str) -> str:
        """Return the run that an iteration belongs to; a run's own id as it is."""
        return self._mlflow_run(run_id).data.tags.get(tags.PARENT, run_id)

    def restart_iteration(
        self, child_id: str, properties: IterationProperties, started: float
    ) -> None:
        """Set an iteration whose driver has died to ``Running`` again, under its own number."""
        self._tag_all(child_id, tags.tags_of_restart(properties, started))

    def retry_iteration(self, child_id: str, reasons: Sequence[str]) -> None:
        """Set an iteration whose node was lost to ``Retried``, with all reasons so far."""
        self._tag_all(child_id, tags.tags_of_retry([self.redact(reason) for reason in reasons]))

    def end_iteration(self, child_id: str, end: IterationEnd, ended: float | None = None) -> None:
        """Write everything that an iteration leaves; its final state is the last write.

        The scores come first: they need little room, and are kept although the files do not fit.

        Parameters
        ----------
        ended:
            When it ended, in seconds since the epoch; default: now.
        """
        metrics = _scores(end)
        for start in range(0, len(metrics), _BATCH):
            self.client.log_batch(child_id, metrics=metrics[start : start + _BATCH])
        contents = {
            MODEL_FILE: end.model,
            PREDICTIONS_FILE: end.predictions,
            LOG_FILE: None if end.log is None else self.redact(plain_text(end.log)).encode(),
        }
        self.write_files(child_id, "", {k: v for k, v in contents.items() if v is not None})
        ended_ms = None if ended is None else int(ended * 1000)
        self.client.set_terminated(child_id, tags.MLFLOW_STATUS[end.status], ended_ms)
        digests = {} if end.model is None else digest_tags({MODEL_FILE: end.model})
        own = tags.tags_of_end(end.status, self.redact(end.reason), end.properties)
        self._tag_all(child_id, {**digests, **own})

    def log_best(self, run_id: str, iteration: int, scores: Mapping[str, float]) -> None:
        """Add a step to the parent run's curves: an iteration's score and the best so far."""
        now = int(time.time() * 1000)
        metrics = [Metric(k, v, now, iteration) for k, v in scores.items() if not math.isnan(v)]
        self.client.log_batch(run_id, metrics=metrics)

    def fold_metrics(self, child_id: str, metric: str) -> list[float]:
        """Read the values of a metric on the folds, in the order of the folds.

        A fold that was written twice, because a driver died in between, has its last value.
        """
        history = self.client.get_metric_history(child_id, f"{tags.FOLDS}{metric}")
        in_order = sorted(history, key=lambda m: (m.step, m.timestamp))
        return list({m.step: float(m.value) for m in in_order}.values())

    def metric_history(self, run_id: str, metric: str) -> dict[int, float]:
        """Return step -> value of a curve of a run."""
        history = self.client.get_metric_history(run_id, metric)
        return {int(m.step): float(m.value) for m in history}


def _scores(end: IterationEnd) -> list[Metric]:
    """Return the defined values: means over the folds, and one step for each fold."""
    now = int(time.time() * 1000)
    means = [(name, value, 0) for name, value in end.metrics.items()]
    folds = [
        (f"{tags.FOLDS}{name}", value, number)
        for number, fold in enumerate(end.fold_metrics)
        for name, value in fold.items()
    ]
    return [
        Metric(name, value, now, step)
        for name, value, step in (*means, *folds)
        if not math.isnan(value)
    ]
