"""`IterationRun`: what a client sees of one iteration, read from the store each time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.store.mlflow_store import LOG_FILE, RunStore
from engine.store.records import IterationRecord

if TYPE_CHECKING:
    from engine.client.run import AutoMLRun


class IterationRun:
    """One iteration of a run: a child run in the store.

    Attributes
    ----------
    id:
        Its MLflow run id.
    iteration:
        Its number, from 0.
    """

    def __init__(self, parent: AutoMLRun, record: IterationRecord) -> None:
        self.parent = parent
        self.id = record.run_id
        self.iteration = record.iteration

    def __repr__(self) -> str:
        return f"IterationRun(iteration={self.iteration}, id={self.id!r})"

    def get_status(self) -> str:
        """``Running``, ``Completed``, ``Failed``, ``Timeout`` or ``Canceled``."""
        return self._record().status

    def get_metrics(self, name: str | None = None) -> dict[str, float]:
        """Metric name -> mean over the folds; those that are not defined are left out."""
        return pick(self._record().metrics, name)

    def get_fold_metrics(self, name: str) -> list[float]:
        """The values of one metric, a fold each."""
        return self.parent._store.fold_metrics(self.id, name)

    def get_properties(self) -> dict[str, str]:
        """``iteration``, ``run_algorithm``, ``run_preprocessor``, ``pipeline_spec``, ``node_id``,
        ``node_ip``, ``pid``, ``fit_seconds``, ``score_seconds``, ``prediction_ms`` (1,000 rows on
        one core, roughly), ``folds``, ``fitted_rows``, ``cores``, ``threads``."""
        return dict(self._record().properties)

    def get_details(self) -> dict[str, Any]:
        """Status, reason, pipeline, times (seconds since the epoch), metrics and properties."""
        record = self._record()
        return {
            "runId": record.run_id,
            "iteration": record.iteration,
            "status": record.status,
            "reason": record.reason,
            "pipeline": record.pipeline,
            "startTime": record.started,
            "endTime": record.ended,
            "metrics": dict(record.metrics),
            "properties": dict(record.properties),
        }

    def get_logs(self) -> str:
        """What the trial and ``get_data()`` printed; while it runs, as far as it is."""
        try:
            return self.parent._store.read_bytes(self.id, LOG_FILE).decode(errors="replace")
        except FileNotFoundError:
            return ""

    def get_file_names(self) -> list[str]:
        """The iteration's files."""
        return self.parent._store.files(self.id)

    def download_file(self, name: str, output_file_path: str | Path | None = None) -> str:
        """Copy a file of the iteration; returns the copy's path.

        Raises
        ------
        FileNotFoundError
            When there is no such file.
        """
        return download(self.parent._store, self.id, name, output_file_path)

    def _record(self) -> IterationRecord:
        return self.parent._store.iteration(self.id)


def pick(metrics: Mapping[str, float], name: str | None) -> dict[str, float]:
    """All metrics, or the one of that name."""
    return {k: v for k, v in metrics.items() if name is None or k == name}


def download(store: RunStore, run_id: str, name: str, target: str | Path | None) -> str:
    """Copy a file of a run or iteration to a path, or into a folder; returns the copy's path."""
    path = Path(target if target is not None else Path(name).name)
    if path.is_dir():
        path = path / Path(name).name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(store.read_bytes(run_id, name))
    return str(path)
