"""Experiments and runs: creation, states, and requests of clients."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.entities import Param
from mlflow.exceptions import MlflowException
from mlflow.tracking.context.default_context import DefaultRunContext

from engine.errors import WorkspaceException
from engine.store import tags
from engine.store.driver_identity import DriverIdentity
from engine.store.records import RunRecord
from engine.store.status import RunStatus
from engine.store.tracking import Tracking

#: Address where ``raysmith ui`` and ``mlflow ui`` listen by default.
DEFAULT_UI = "http://127.0.0.1:5000"
#: The MLflow UI shows experiments of this kind as machine learning rather than language models.
_UI_KIND = {"mlflow.experimentKind": "custom_model_development"}
_NAMED_PARAMS = ("task", "primary_metric")


class Runs(Tracking):
    """Read and write experiments and their runs."""

    def experiment_id(self, name: str, artifact_root: str | None) -> str:
        """Return the id of an experiment, which is made if it does not exist yet.

        Raises
        ------
        WorkspaceException
            When the experiment was deleted.
        """
        found = self.client.get_experiment_by_name(name)
        if found is None:
            # A folder name of our own: the experiment's may hold dots and spaces.
            location = None if artifact_root is None else f"{artifact_root}/{uuid.uuid4().hex[:12]}"
            try:
                made = self.client.create_experiment(
                    name, artifact_location=location, tags=_UI_KIND
                )
                return str(made)
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
        """Return name -> id of every experiment."""
        return {e.name: str(e.experiment_id) for e in self.client.search_experiments()}

    def experiment_of(self, run_id: str) -> str:
        """Return the name of the run's experiment."""
        experiment_id = self._mlflow_run(run_id).info.experiment_id
        return str(self.client.get_experiment(experiment_id).name)

    def runs(self, experiment_id: str) -> list[RunRecord]:
        """Return the AutoML runs of an experiment, newest first."""
        return [tags.run_record(run) for run in self._search(experiment_id, tags.ALL_RUNS)]

    def run(self, run_id: str) -> RunRecord:
        """Read one run.

        Raises
        ------
        RunException
            When there is no run of that id, or it is not an AutoML run.
        """
        return tags.run_record(self._mlflow_run(run_id))

    def create_run(
        self,
        experiment_id: str,
        settings: Mapping[str, Any],
        user_tags: Mapping[str, str] | None,
    ) -> str:
        """Create a parent run in the state ``NotStarted``; return its id."""
        context = {key: str(value) for key, value in DefaultRunContext().tags().items()}
        name = settings.get("name") or f"AutoML_{uuid.uuid4()}"
        own = tags.tags_of_new_run(name, settings, user_tags or {})
        run = self.client.create_run(experiment_id, tags={**context, **own})
        params = [
            Param(key, tags.shorten(str(value)))
            for key, value in settings.items()
            if value is not None and key not in _NAMED_PARAMS
        ]
        params += [Param(key, settings[key]) for key in _NAMED_PARAMS]
        self.client.log_batch(run.info.run_id, params=params)
        self.client.update_run(run.info.run_id, status=tags.MLFLOW_STATUS[RunStatus.NOT_STARTED])
        return str(run.info.run_id)

    def set_status(self, run_id: str, status: RunStatus, error: Exception | None = None) -> None:
        """Set a run's state, after the error that explains it."""
        if error is not None:
            self.tag_error(run_id, error)
        if status.is_final:
            self.client.set_terminated(run_id, tags.MLFLOW_STATUS[status])
        else:
            self.client.update_run(run_id, status=tags.MLFLOW_STATUS[status])
        self.tag(run_id, tags.STATUS, status.value)

    def tag_error(self, run_id: str, error: Exception) -> None:
        """Keep the reason why a run fails."""
        self.tag(run_id, tags.ERROR, str(error))
        self.tag(run_id, tags.ERROR_TYPE, type(error).__name__)

    def tag_notes(self, run_id: str, notes: Sequence[str]) -> None:
        """Keep warnings for the user, each on one line."""
        self.tag(run_id, tags.NOTES, "\n".join(notes))

    def tag_data(self, run_id: str, fingerprint: str) -> None:
        """Keep the fingerprint of the data that the run's iterations see."""
        self.tag(run_id, tags.DATA, fingerprint)

    def tag_best(self, run_id: str, iteration: int, child_id: str) -> None:
        """Keep which iteration the run hands over."""
        self.tag(run_id, tags.BEST_ITERATION, str(iteration))
        self.tag(run_id, tags.BEST_RUN_ID, child_id)

    def tag_driver(self, run_id: str, driver: DriverIdentity) -> None:
        """Keep the process that drives the run, with its last sign of life."""
        self.tag(run_id, tags.DRIVER, driver.to_json())

    def forget_driver(self, run_id: str) -> None:
        """Set the run back to ``NotStarted``, driven by no process."""
        if tags.DRIVER in self._mlflow_run(run_id).data.tags:
            self.client.delete_tag(run_id, tags.DRIVER)
        self.set_status(run_id, RunStatus.NOT_STARTED)

    def move_run(self, run_id: str, target: str) -> None:
        """Keep the name of the compute target where the run goes on."""
        self.tag(run_id, tags.TARGET, target)

    def page_of(self, run_id: str) -> str:
        """Return the address of the run's page in the MLflow UI."""
        uri = self.tracking_uri
        base = uri.rstrip("/") if uri.startswith(("http://", "https://")) else DEFAULT_UI
        experiment_id = self._mlflow_run(run_id).info.experiment_id
        return f"{base}/#/experiments/{experiment_id}/runs/{run_id}"


class ControlRequests(Tracking):
    """Leave requests for the driver, which reads them with the run's record."""

    def request_cancel(self, run_id: str) -> None:
        """Ask the driver to end the run."""
        self.tag(run_id, tags.CANCEL, "true")

    def request_pause(self, run_id: str, pause: bool) -> None:
        """Ask the driver to start no iterations, or to start them again."""
        self.tag(run_id, tags.PAUSE, str(pause).lower())

    def request_cancel_iteration(self, run_id: str, iteration: int) -> None:
        """Ask the driver to end one iteration, or to pass over one to come."""
        self.tag(run_id, tags.cancel_iteration(iteration), "true")

    def clear_requests(self, run_id: str) -> None:
        """Remove requests to earlier drivers of the run, and their error."""
        for key in list(self._mlflow_run(run_id).data.tags):
            if tags.is_request_or_error(key):
                self.client.delete_tag(run_id, key)
