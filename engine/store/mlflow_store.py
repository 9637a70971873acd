"""All that is said to MLflow: runs, iterations, requests, files.

An experiment is an MLflow experiment, a run a parent run, an iteration a child run. What MLflow
has no field for is a tag that starts with ``raysmith.``.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cloudpickle
import numpy as np
from numpy.typing import NDArray

from engine.errors import RunException, WorkspaceException
from engine.store.driver_identity import DriverIdentity
from engine.store.records import (
    IterationEnd,
    IterationRecord,
    Requests,
    RunRecord,
)
from engine.store.status import IterationStatus, RunStatus

# MLflow's first open of a database logs each of its migrations; a newcomer takes them for errors.
for _name in ("alembic", "mlflow.store.db.utils"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# A progress bar for every small file would tear up the table.
os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")

from mlflow import MlflowClient  # noqa: E402
from mlflow.entities import Metric, Param, Run, RunTag, ViewType  # noqa: E402
from mlflow.exceptions import MlflowException  # noqa: E402
from mlflow.tracking.context.default_context import DefaultRunContext  # noqa: E402

#: Where a driver on a cluster finds the store; may hold a password, so it is not an argument.
TRACKING_URI_VARIABLE = "RAYSMITH_TRACKING_URI"
#: Which of its two faces the MLflow UI shows an experiment with.
_UI_KIND = "mlflow.experimentKind"
_PARENT = "mlflow.parentRunId"
_TAG = "raysmith."
#: Where ``raysmith ui`` and ``mlflow ui`` listen unless told otherwise.
DEFAULT_UI = "http://127.0.0.1:5000"
_BATCH = 900  # MLflow takes at most 1,000 metrics in one call
_PAGE = 200  # runs in one answer: MLflow holds some 60 KB for each meanwhile
_TEXT_LIMIT = 4000  # of a tag's value, well under MLflow's own
_SPEC_FILE, _DATA_FILE = "spec/settings.json", "data.pkl"
MODEL_FILE, PREDICTIONS_FILE = "outputs/model.pkl.zst", "outputs/predictions.npy"
LOG_FILE = "logs/iteration.log"

_MLFLOW_STATUS = {
    "NotStarted": "SCHEDULED",
    "Preparing": "SCHEDULED",
    "Running": "RUNNING",
    "Finalizing": "RUNNING",
    "Completed": "FINISHED",
    "Canceled": "KILLED",
    "Failed": "FAILED",
    "Timeout": "KILLED",
    "Retried": "RUNNING",
    "Pruned": "KILLED",
}


class RunStore:
    """Reads and writes runs on one MLflow tracking server or database.

    Parameters
    ----------
    tracking_uri:
        Any MLflow tracking URI.
    """

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri
        self.client = MlflowClient(tracking_uri, registry_uri=tracking_uri)

    def experiment_id(self, name: str, artifact_root: str | None) -> str:
        """The id of an experiment, made if it does not exist yet."""
        found = self.client.get_experiment_by_name(name)
        if found is None:
            # A folder name of our own: the experiment's may hold dots and spaces.
            location = None if artifact_root is None else f"{artifact_root}/{uuid.uuid4().hex[:12]}"
            try:
                return str(
                    self.client.create_experiment(
                        name,
                        artifact_location=location,
                        tags={_UI_KIND: "custom_model_development"},
                    )
                )
            except MlflowException:
                found = self.client.get_experiment_by_name(name)  # another process was faster
                if found is None:
                    raise
        if found.lifecycle_stage == "deleted":
            raise WorkspaceException(
                f"the experiment {name!r} was deleted; restore it in MLflow or choose another name"
            )
        return str(found.experiment_id)

    def experiments(self) -> dict[str, str]:
        """Name -> id of every experiment."""
        return {e.name: str(e.experiment_id) for e in self.client.search_experiments()}

    def runs(self, experiment_id: str) -> list[RunRecord]:
        """The AutoML runs of an experiment, newest first."""
        found = self._search(experiment_id, f"tags.`{_TAG}kind` = 'run'")
        return [_run_record(run) for run in found]

    def create_run(self, experiment_id: str, settings: Mapping[str, Any], user_tags: Any) -> str:
        """A new parent run in the state ``NotStarted``; returns its id."""
        name = settings.get("name") or f"AutoML_{uuid.uuid4()}"
        tags = {
            "mlflow.runName": name,
            **{key: str(value) for key, value in DefaultRunContext().tags().items()},
            f"{_TAG}kind": "run",
            f"{_TAG}status": RunStatus.NOT_STARTED.value,
            f"{_TAG}task": settings["task"],
            f"{_TAG}primary_metric": settings["primary_metric"],
            f"{_TAG}target": settings.get("compute_target") or "local",
            **(user_tags or {}),
        }
        run = self.client.create_run(experiment_id, tags=tags)
        params = [
            Param(key, _shorten(str(value)))
            for key, value in settings.items()
            if value is not None and key not in ("task", "primary_metric")
        ]
        params += [Param(key, settings[key]) for key in ("task", "primary_metric")]
        self.client.log_batch(run.info.run_id, params=params)
        self.client.update_run(run.info.run_id, status="SCHEDULED")
        return str(run.info.run_id)

    def run(self, run_id: str) -> RunRecord:
        """One run.

        Raises
        ------
        RunException
            When there is no run of that id, or it is not an AutoML run.
        """
        return _run_record(self._mlflow_run(run_id))

    def set_status(self, run_id: str, status: RunStatus, error: Exception | None = None) -> None:
        if error is not None:
            self.tag_error(run_id, error)
        if status.is_final:
            self.client.set_terminated(run_id, _MLFLOW_STATUS[status])
        else:
            self.client.update_run(run_id, status=_MLFLOW_STATUS[status])
        self.tag(run_id, f"{_TAG}status", status.value)

    def tag_error(self, run_id: str, error: Exception) -> None:
        """Why the run fails."""
        self.tag(run_id, f"{_TAG}error", str(error))
        self.tag(run_id, f"{_TAG}error_type", type(error).__name__)

    def tag(self, run_id: str, key: str, value: str) -> None:
        self.client.set_tag(run_id, key, _shorten(value))

    def tag_notes(self, run_id: str, notes: Sequence[str]) -> None:
        """Warnings for the user, one a line."""
        self.tag(run_id, f"{_TAG}notes", "\n".join(notes))

    def tag_best(self, run_id: str, iteration: int, child_id: str) -> None:
        self.tag(run_id, f"{_TAG}best_iteration", str(iteration))
        self.tag(run_id, f"{_TAG}best_run_id", child_id)

    def tag_driver(self, run_id: str, driver: DriverIdentity) -> None:
        self.tag(run_id, f"{_TAG}driver", driver.to_json())

    def forget_driver(self, run_id: str) -> None:
        """No process drives the run yet, or any more."""
        if f"{_TAG}driver" in self._mlflow_run(run_id).data.tags:
            self.client.delete_tag(run_id, f"{_TAG}driver")
        self.set_status(run_id, RunStatus.NOT_STARTED)

    def move_run(self, run_id: str, target: str) -> None:
        """The run goes on at another compute target."""
        self.tag(run_id, f"{_TAG}target", target)

    def page_of(self, run_id: str) -> str:
        """Address of the run's page in the MLflow UI."""
        uri = self.tracking_uri
        base = uri.rstrip("/") if uri.startswith(("http://", "https://")) else DEFAULT_UI
        experiment_id = self._mlflow_run(run_id).info.experiment_id
        return f"{base}/#/experiments/{experiment_id}/runs/{run_id}"

    def experiment_of(self, run_id: str) -> str:
        """The name of the run's experiment."""
        experiment_id = self._mlflow_run(run_id).info.experiment_id
        return str(self.client.get_experiment(experiment_id).name)

    def request_cancel(self, run_id: str) -> None:
        self.tag(run_id, f"{_TAG}request.cancel", "true")

    def request_pause(self, run_id: str, pause: bool) -> None:
        self.tag(run_id, f"{_TAG}request.pause", str(pause).lower())

    def request_cancel_iteration(self, run_id: str, iteration: int) -> None:
        self.tag(run_id, f"{_TAG}request.cancel_iteration.{iteration}", "true")

    def clear_requests(self, run_id: str) -> None:
        """Forget what earlier drivers of this run were asked, and their error."""
        for key in list(self._mlflow_run(run_id).data.tags):
            if key.startswith((f"{_TAG}request.", f"{_TAG}error")):
                self.client.delete_tag(run_id, key)

    def save_spec(self, run_id: str, settings: Mapping[str, Any]) -> None:
        text = json.dumps(dict(settings), indent=1, default=str)
        self.client.log_text(run_id, text, _SPEC_FILE)

    def load_spec(self, run_id: str) -> dict[str, Any]:
        return dict(json.loads(self.read_bytes(run_id, _SPEC_FILE)))

    def save_data(self, run_id: str, data: Any, name: str = _DATA_FILE) -> None:
        """Keep data that was given directly, so that another process can go on with the run."""
        with self._files(run_id, "spec") as folder, (folder / name).open("wb") as file:
            cloudpickle.dump(data, file)

    def load_data(self, run_id: str, name: str = _DATA_FILE) -> Any:
        return cloudpickle.loads(self.read_bytes(run_id, f"spec/{name}"))

    def iterations(self, run_id: str, ended_since: float | None = None) -> list[IterationRecord]:
        """The iterations of a run, by number.

        Parameters
        ----------
        ended_since:
            Only those that ended then or later (seconds since the epoch), and those that have not
            ended: what is new to somebody who has seen the others.
        """
        mine = f"tags.`{_PARENT}` = '{run_id}'"
        conditions = [mine]
        if ended_since is not None:
            # One that ends in between is in both.
            conditions = [
                f"{mine} and attributes.status = 'RUNNING'",
                f"{mine} and attributes.end_time >= {int(ended_since * 1000)}",
            ]
        experiment_id = self._mlflow_run(run_id).info.experiment_id
        found = {
            child.info.run_id: _iteration_record(child)
            for condition in conditions
            for child in self._search(experiment_id, condition)
        }
        return sorted(found.values(), key=lambda r: r.iteration)

    def iteration(self, child_id: str) -> IterationRecord:
        return _iteration_record(self._mlflow_run(child_id))

    def start_iteration(
        self,
        record: RunRecord,
        iteration: int,
        pipeline: str,
        params: Mapping[str, Any],
        properties: Mapping[str, Any],
        started: float,
    ) -> str:
        """A child run in the state ``Running``; returns its id."""
        tags = {
            _PARENT: record.run_id,
            "mlflow.runName": f"{iteration} {pipeline}",
            f"{_TAG}kind": "iteration",
            f"{_TAG}iteration": str(iteration),
            f"{_TAG}pipeline": pipeline,
            f"{_TAG}status": IterationStatus.RUNNING.value,
            **_property_tags(properties),
        }
        child = self.client.create_run(record.experiment_id, int(started * 1000), tags)
        child_id = str(child.info.run_id)
        self.client.log_batch(
            child_id, params=[Param(key, _shorten(str(value))) for key, value in params.items()]
        )
        return child_id

    def restart_iteration(
        self, child_id: str, properties: Mapping[str, Any], started: float
    ) -> None:
        """An iteration whose driver died is tried again under its own number."""
        tags = {
            f"{_TAG}status": IterationStatus.RUNNING.value,
            f"{_TAG}reason": "",
            f"{_TAG}started": str(started),
            **_property_tags(properties),
        }
        self.client.log_batch(child_id, tags=[RunTag(k, v) for k, v in tags.items()])

    def retry_iteration(self, child_id: str, reasons: Sequence[str]) -> None:
        """An iteration whose node was lost waits for another one."""
        shown = [_shorten(reason)[:300] for reason in reasons]
        tags = {
            f"{_TAG}retries": json.dumps(shown),
            f"{_TAG}reason": shown[-1],
            f"{_TAG}status": IterationStatus.RETRIED.value,
        }
        self.client.log_batch(child_id, tags=[RunTag(k, v) for k, v in tags.items()])

    def end_iteration(self, child_id: str, end: IterationEnd) -> None:
        """Everything an iteration leaves, its final state last: who sees that sees all."""
        now = int(time.time() * 1000)
        metrics = [
            Metric(name, value, now, 0) for name, value in end.metrics.items() if value == value
        ]
        metrics += [
            Metric(f"folds/{name}", value, now, number)
            for number, fold in enumerate(end.fold_metrics)
            for name, value in fold.items()
            if value == value
        ]
        tags = {
            **_property_tags(end.properties),
            f"{_TAG}reason": _shorten(end.reason),
            f"{_TAG}status": end.status.value,
        }
        with self._files(child_id) as folder:
            for file, content in (
                (MODEL_FILE, end.model),
                (PREDICTIONS_FILE, end.predictions),
                (LOG_FILE, None if end.log is None else end.log.encode()),
            ):
                if content is not None:
                    (folder / file).parent.mkdir(exist_ok=True)
                    (folder / file).write_bytes(content)
        for start in range(0, len(metrics), _BATCH):
            self.client.log_batch(child_id, metrics=metrics[start : start + _BATCH])
        self.client.set_terminated(child_id, _MLFLOW_STATUS[end.status])
        self.client.log_batch(child_id, tags=[RunTag(k, v) for k, v in tags.items()])

    def log_best(self, run_id: str, iteration: int, scores: Mapping[str, float]) -> None:
        """A step of the parent run's curves: the score of an iteration and the best so far."""
        now = int(time.time() * 1000)
        metrics = [Metric(k, v, now, iteration) for k, v in scores.items() if v == v]
        self.client.log_batch(run_id, metrics=metrics)

    def register_model(
        self,
        name: str,
        child_id: str,
        description: str | None,
        tags: Mapping[str, str] | None,
    ) -> Any:
        """A new version of a registered model, which is made if it is new."""
        try:
            self.client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        source = f"{self._mlflow_run(child_id).info.artifact_uri}/model"
        return self.client.create_model_version(
            name, source, child_id, tags=dict(tags or {}), description=description
        )

    def fold_metrics(self, child_id: str, metric: str) -> list[float]:
        """The values of a metric, a fold each."""
        history = self.client.get_metric_history(child_id, f"folds/{metric}")
        return [float(m.value) for m in sorted(history, key=lambda m: m.step)]

    def predictions(self, child_id: str) -> NDArray[np.float32]:
        """The out-of-fold predictions of an iteration.

        Raises
        ------
        FileNotFoundError
            When it left none.
        """
        content = io.BytesIO(self.read_bytes(child_id, PREDICTIONS_FILE))
        return np.asarray(np.load(content, allow_pickle=False))

    def metric_history(self, run_id: str, metric: str) -> dict[int, float]:
        """Step -> value."""
        history = self.client.get_metric_history(run_id, metric)
        return {int(m.step): float(m.value) for m in history}

    def write_files(self, run_id: str, folder: str, files: Mapping[str, bytes]) -> None:
        """Files, by their names in ``folder``."""
        with self._files(run_id, folder) as place:
            for name, content in files.items():
                (place / name).write_bytes(content)

    def write_text(self, run_id: str, file: str, text: str) -> None:
        self.client.log_text(run_id, text, file)

    def read_bytes(self, run_id: str, file: str) -> bytes:
        """The content of an artifact.

        Raises
        ------
        FileNotFoundError
            When the run has no such file.
        """
        with tempfile.TemporaryDirectory() as folder:
            return Path(self.download(run_id, file, folder)).read_bytes()

    def download(self, run_id: str, file: str, folder: str) -> str:
        """Copy an artifact into ``folder``; returns the path of the copy."""
        try:
            return str(self.client.download_artifacts(run_id, file, folder))
        except (MlflowException, OSError) as error:
            raise FileNotFoundError(f"run {run_id} has no file {file!r}") from error

    def files(self, run_id: str, folder: str = "") -> list[str]:
        """The paths of all artifacts, or of those in a folder, sorted."""
        paths: list[str] = []
        folders = [folder]
        while folders:
            for entry in self.client.list_artifacts(run_id, folders.pop() or None):
                (folders if entry.is_dir else paths).append(entry.path)
        return sorted(paths)

    def upload_folder(self, run_id: str, folder: Path, artifact_path: str) -> None:
        self.client.log_artifacts(run_id, str(folder), artifact_path)

    @contextmanager
    def _files(self, run_id: str, artifact_path: str | None = None) -> Iterator[Path]:
        """A folder whose content becomes artifacts of the run."""
        folder = Path(tempfile.mkdtemp(prefix="raysmith-"))
        try:
            yield folder
            if any(folder.iterdir()):
                self.client.log_artifacts(run_id, str(folder), artifact_path)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _mlflow_run(self, run_id: str) -> Run:
        try:
            return self.client.get_run(run_id)
        except MlflowException as error:
            raise RunException(f"there is no run {run_id!r} in {self.tracking_uri}") from error

    def _search(self, experiment_id: str, condition: str) -> Sequence[Run]:
        found: list[Run] = []
        token = None
        while True:
            page = self.client.search_runs(
                [experiment_id], condition, ViewType.ACTIVE_ONLY, _PAGE, None, token
            )
            found += page
            token = page.token
            if not token:
                return found


def _run_record(run: Run) -> RunRecord:
    tags = run.data.tags
    if tags.get(f"{_TAG}kind") != "run":
        raise RunException(f"run {run.info.run_id} is not an AutoML run")
    driver = tags.get(f"{_TAG}driver")
    prefix = f"{_TAG}request.cancel_iteration."
    status = RunStatus(tags[f"{_TAG}status"])
    return RunRecord(
        run_id=run.info.run_id,
        experiment_id=run.info.experiment_id,
        name=tags.get("mlflow.runName", run.info.run_id),
        status=status,
        error=tags.get(f"{_TAG}error"),
        error_type=tags.get(f"{_TAG}error_type"),
        task=tags[f"{_TAG}task"],
        primary_metric=tags[f"{_TAG}primary_metric"],
        started=run.info.start_time / 1000,
        ended=_end_of(run) if status.is_final else None,
        driver=None if driver is None else DriverIdentity.from_json(driver),
        requests=Requests(
            cancel=tags.get(f"{_TAG}request.cancel") == "true",
            pause=tags.get(f"{_TAG}request.pause") == "true",
            cancel_iterations=frozenset(
                int(key.removeprefix(prefix)) for key in tags if key.startswith(prefix)
            ),
        ),
        notes=tuple(tags.get(f"{_TAG}notes", "").splitlines()),
        target=tags.get(f"{_TAG}target", "local"),
        tags={k: v for k, v in tags.items() if not k.startswith((_TAG, "mlflow."))},
    )


def _iteration_record(run: Run) -> IterationRecord:
    tags = run.data.tags
    status = IterationStatus(tags[f"{_TAG}status"])
    return IterationRecord(
        run_id=run.info.run_id,
        iteration=int(tags[f"{_TAG}iteration"]),
        status=status,
        pipeline=tags[f"{_TAG}pipeline"],
        reason=tags.get(f"{_TAG}reason", ""),
        metrics={k: v for k, v in run.data.metrics.items() if not k.startswith("folds/")},
        properties={
            k.removeprefix(f"{_TAG}property."): v
            for k, v in tags.items()
            if k.startswith(f"{_TAG}property.")
        },
        started=float(tags.get(f"{_TAG}started", run.info.start_time / 1000)),
        ended=_end_of(run) if status.is_final else None,
        retries=tuple(json.loads(tags.get(f"{_TAG}retries", "[]"))),
    )


def _end_of(run: Run) -> float | None:
    """MLflow reads a run and then its tags: what ended in between has no time yet."""
    return None if run.info.end_time is None else run.info.end_time / 1000


def _property_tags(properties: Mapping[str, Any]) -> dict[str, str]:
    return {f"{_TAG}property.{key}": _shorten(str(value)) for key, value in properties.items()}


def _shorten(text: str) -> str:
    return text if len(text) <= _TEXT_LIMIT else text[: _TEXT_LIMIT - 3] + "..."
