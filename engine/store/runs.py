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
from engine.store.tracking import Tracking, all_pages
from engine.uris import without_credentials

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
        search = self.client.search_experiments
        pages = all_pages(lambda token: search(page_token=token))
        return {experiment.name: str(experiment.experiment_id) for experiment in pages}

    def experiment_of(self, run_id: str) -> str:
        """Return the name of the run's experiment."""
        return str(self.client.get_experiment(self._experiment_of(run_id)).name)

    def runs(self, *experiment_ids: str) -> list[RunRecord]:
        """Return the AutoML runs of one or several experiments, newest first."""
        return [tags.run_record(run) for run in self._search(experiment_ids, tags.ALL_RUNS)]

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
        creator: DriverIdentity | None = None,
        is_resumable: bool = True,
    ) -> str:
        """Create a parent run in the state ``NotStarted``; return its id.

        Parameters
        ----------
        creator:
            The process that creates the run and is to start its driver: when it dies before, the
            run has a dead driver from its first moment on.
        is_resumable:
            Whether the store will have all that another driver needs.
        """
        context = {key: str(value) for key, value in DefaultRunContext().tags().items()}
        name = settings.get("name") or f"AutoML_{uuid.uuid4()}"
        own = tags.tags_of_new_run(name, settings, user_tags or {}, creator, is_resumable)
        run_id = self._create_run(experiment_id, {**context, **own})
        params = [
            Param(key, tags.message(str(value)))
            for key, value in settings.items()
            if value is not None and key not in _NAMED_PARAMS
        ]
        params += [Param(key, settings[key]) for key in _NAMED_PARAMS]
        self.client.log_batch(run_id, params=params)
        self.client.update_run(run_id, status=tags.MLFLOW_STATUS[RunStatus.NOT_STARTED])
        return run_id

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
        self._tag_all(run_id, tags.tags_of_error(self.redact(str(error)), type(error).__name__))

    def tag_notes(self, run_id: str, notes: Sequence[str]) -> None:
        """Keep warnings for the user, each on one line."""
        self.tag(run_id, tags.NOTES, tags.message(self.redact("\n".join(notes))))

    def tag_data(self, run_id: str, fingerprint: str) -> None:
        """Keep the fingerprint of the data that the run's iterations see."""
        self.tag(run_id, tags.DATA, fingerprint)

    def tag_best(self, run_id: str, iteration: int, child_id: str) -> None:
        """Keep which iteration the run hands over."""
        best = {tags.BEST_ITERATION: str(iteration), tags.BEST_RUN_ID: child_id}
        self._tag_all(run_id, best)

    def tag_driver(self, run_id: str, driver: DriverIdentity) -> None:
        """Keep the last heartbeat of the run's driver."""
        self.tag(run_id, tags.DRIVER, driver.to_json())

    def claim(self, run_id: str, driver: DriverIdentity, after: str | None) -> bool:
        """Make a driver the run's, unless another one has become so; return whether it is.

        Of several drivers that claim a run at the same time one wins: claims are numbered, and a
        parameter of MLflow that has a value never gets another one.

        Parameters
        ----------
        after:
            Token of the driver that the caller knows to be dead, or to have handed over; ``None``
            for a run that nobody has claimed.
        """
        run = self._mlflow_run(run_id)
        current = tags.driver_of(run)
        if (None if current is None else current.token) != after:
            return False
        own = tags.claim(max(tags.claims_of(run.data.params), default=0) + 1)
        try:
            self.client.log_param(run_id, own, driver.to_json())
        except MlflowException:
            # Another driver has the number, or the answer of the store was lost on its way.
            if own not in self._mlflow_run(run_id).data.params:
                raise
        holder = DriverIdentity.from_json(self._mlflow_run(run_id).data.params[own])
        return holder.token == driver.token

    def move_run(self, run_id: str, target: str) -> None:
        """Keep the name of the compute target where the run goes on."""
        self.tag(run_id, tags.TARGET, target)

    def page_of(self, run_id: str) -> str:
        """Return the address of the run's page in the MLflow UI."""
        uri = self.tracking_uri
        is_server = uri.startswith(("http://", "https://"))
        base = without_credentials(uri).rstrip("/") if is_server else DEFAULT_UI
        return f"{base}/#/experiments/{self._experiment_of(run_id)}/runs/{run_id}"


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
                self._remove_tag(run_id, key)
