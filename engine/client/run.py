"""`AutoMLRun` and its iterations: what a client sees of a run, read from the store each time."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from engine import errors
from engine.client.iteration import IterationRun, download, pick
from engine.client.launch import check_target, start_driver
from engine.config.specification import RunSpecification
from engine.driver.specification_files import load_specification
from engine.errors import AutoMLError, ConfigException, RunException
from engine.metrics.metric import METRICS, metrics_in
from engine.show.follower import Follower
from engine.show.table import first_line, format_seconds
from engine.show.view import RunView
from engine.store.choice import best_iteration, chosen_iteration, is_ensemble
from engine.store.mlflow_model import MLFLOW_MODEL, load_model, save_mlflow_model
from engine.store.records import IterationRecord, RunRecord
from engine.store.status import RunStatus

if TYPE_CHECKING:
    from engine.client.experiment import Experiment

_POLL_SECONDS = 0.5


class AutoMLRun:
    """A run, by its id; from any process that reaches the workspace.

    Parameters
    ----------
    experiment:
        The experiment it belongs to.
    run_id:
        Its id, as `id` tells.

    Raises
    ------
    RunException
        When there is no such run.
    """

    def __init__(self, experiment: Experiment, run_id: str) -> None:
        self.experiment = experiment
        self.id = run_id
        self._store = experiment.workspace.store
        record = self._store.run(run_id)
        if record.experiment_id != experiment.id:
            raise RunException(
                f"run {run_id} does not belong to the experiment {experiment.name!r}"
            )
        self._metric = METRICS[record.primary_metric]

    def __repr__(self) -> str:
        return f"AutoMLRun({self.experiment.name!r}, {self.id!r})"

    def get_status(self) -> str:
        """``NotStarted``, ``Preparing``, ``Running``, ``Finalizing``, ``Completed``, ``Canceled``
        or ``Failed``; a run whose driver has died is ``Failed`` and can be resumed."""
        return self._status(self._store.run(self.id))

    def get_details(self) -> dict[str, Any]:
        """Status, error, warnings, times (seconds since the epoch) and settings."""
        record = self._store.run(self.id)
        return {
            "runId": record.run_id,
            "name": record.name,
            "status": self._status(record),
            "error": record.error or self._death(record),
            "warnings": list(record.notes),
            "startTime": record.started,
            "endTime": record.ended,
            "settings": self._store.load_spec(self.id)["settings"],
        }

    def wait_for_completion(
        self, show_output: bool = False, timeout_seconds: float | None = None
    ) -> str:
        """Return the final state once the run has one.

        Parameters
        ----------
        show_output:
            Print the table of iterations meanwhile.
        timeout_seconds:
            Give up waiting after this long; the run goes on.

        Raises
        ------
        DataException, ConfigException, RunException
            When the run fails, with its reason; also when its driver has died.
        TimeoutError
            When it has not ended within ``timeout_seconds``.
        """
        until = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        follow = Follower(self._store, self.id, self._metric) if show_output else None
        try:
            while True:
                record = self._store.run(self.id)
                death = self._death(record)
                is_over = record.is_final or death is not None
                if follow is not None:
                    follow.look(record)
                if is_over:
                    break
                if time.monotonic() > until:
                    raise TimeoutError(
                        f"run {self.id} is still {record.status} after {timeout_seconds:g} s"
                    )
                time.sleep(_POLL_SECONDS)
        finally:
            if follow is not None:
                follow.end()
        if death is not None:
            raise RunException(death)
        if record.status == "Failed":
            raise _as_exception(record.error or "the run failed", record.error_type)
        return record.status

    def get_children(self) -> list[IterationRun]:
        """The iterations that have started, by number."""
        return [IterationRun(self, record) for record in self._store.iterations(self.id)]

    def get_output(
        self,
        iteration: int | None = None,
        metric: str | None = None,
        return_onnx_model: bool = False,
    ) -> tuple[IterationRun, Any]:
        """An iteration and its fitted pipeline; also while the run is going on.

        Parameters
        ----------
        iteration:
            That one.
        metric:
            The best by this metric; default: the run's choice. That is the best by the primary
            metric, or, where 25 pipelines or more were tried, an ensemble that is not worse, by
            more than the standard error, than the best of them when that is chosen on other rows
            than it is scored on: the best score of many is partly luck. Its property ``preferred``
            has both scores.
        return_onnx_model:
            The model as ``onnx.ModelProto`` instead; `engine.onnx_inputs` makes its inputs. Sure to
            work when the run had ``enable_onnx_compatible_models=True``.

        Returns
        -------
        tuple
            The `IterationRun`, and the fitted scikit-learn pipeline, which takes the raw columns.

        Raises
        ------
        ConfigException
            For both arguments at once, or a metric that the run does not have.
        RunException
            When no iteration has completed, or that one has not.
        ModelException
            When the pipeline has no counterpart in ONNX, or the extra ``onnx`` is not installed.
        """
        record = self._pick(iteration, metric)
        model = load_model(self._store, record.run_id)
        if return_onnx_model:
            from engine.onnx.convert import to_onnx

            model = to_onnx(model)
        return IterationRun(self, record), model

    def explain(
        self,
        iteration: int | None = None,
        metric: str | None = None,
        X: Any = None,
        features: str = "raw",
        timeout_minutes: float | None = None,
        show_output: bool = False,
    ) -> tuple[Any, ...]:
        """Explain an iteration's model by SHAP values, and keep them with the iteration.

        Parameters
        ----------
        iteration, metric:
            Choose it as in `get_output`; default: the best.
        X:
            Rows to explain; default: what the run was given as ``X_valid``, else the validation
            part, else a sample of the training rows.
        features:
            ``raw``, or ``engineered`` for the columns that the pipeline's first step makes.
        timeout_minutes:
            Explain as many rows as this allows; default: all.
        show_output:
            Print how many rows are done.

        Returns
        -------
        tuple
            As `engine.retrieve_model_explanation`.

        Raises
        ------
        ConfigException
            For other ``features``.
        RunException
            When there is no such iteration, or it has no model.
        DataException
            When ``X`` does not have the training data's columns.
        """
        if features not in ("raw", "engineered"):
            raise ConfigException([f"features={features!r}: allowed is 'raw' or 'engineered'"])
        from engine.driver.explain_step import explain_run

        record = self._pick(iteration, metric)
        seconds = None if timeout_minutes is None else 60 * timeout_minutes
        explanation = explain_run(self._store, self.id, record, X, features, seconds, show_output)
        return explanation.as_six()

    def get_metrics(self, name: str | None = None, recursive: bool = False) -> dict[str, Any]:
        """The best iteration's metrics; with ``recursive`` those of every iteration, by number."""
        records = self._store.iterations(self.id)
        if recursive:
            return {str(record.iteration): pick(record.metrics, name) for record in records}
        best = chosen_iteration(records, self._metric)
        return {} if best is None else pick(best.metrics, name)

    def get_tags(self) -> dict[str, str]:
        """The user's tags."""
        return dict(self._store.run(self.id).tags)

    def tag(self, key: str, value: str = "") -> None:
        """Set a tag.

        Raises
        ------
        ConfigException
            For the names that MLflow and raysmith use themselves.
        """
        if not isinstance(key, str) or not key or key.startswith(("mlflow.", "raysmith.")):
            raise ConfigException([f"tag {key!r}: expected a name not starting with mlflow. or "
                                   "raysmith."])  # fmt: skip
        self._store.tag(self.id, key, str(value))

    def get_portal_url(self) -> str:
        """The run's page in the MLflow UI (``raysmith ui`` starts it on a local workspace)."""
        return self._store.page_of(self.id)

    def get_file_names(self) -> list[str]:
        """The run's own files; those of an iteration are with it."""
        return self._store.files(self.id)

    def download_file(self, name: str, output_file_path: str | Path | None = None) -> str:
        """Copy a file of the run; returns the copy's path."""
        return download(self._store, self.id, name, output_file_path)

    def summary(self) -> pd.DataFrame:
        """All iterations: the table's columns, status, reason, node, seconds, every metric."""
        rows = []
        best: float | None = None
        records = sorted(self._store.iterations(self.id), key=lambda r: r.ended or math.inf)
        metrics = metrics_in(self._metric.task, [record.metrics for record in records])
        for record in records:
            score = record.metrics.get(self._metric.name, math.nan)
            if record.status == "Completed" and self._metric.is_better(score, best):
                best = score
            rows.append(
                {
                    "iteration": record.iteration,
                    "pipeline": record.pipeline,
                    "duration": format_seconds(record.seconds),
                    "metric": score,
                    "best": best,
                    "status": record.status,
                    "reason": first_line(record.reason),
                    "node_id": record.properties.get("node_id", ""),
                    "node_ip": record.properties.get("node_ip", ""),
                    "seconds": record.seconds,
                    **{name: record.metrics.get(name) for name in metrics},
                }
            )
        columns = ["iteration", "pipeline", "duration", "metric", "best", "status", "reason",
                   "node_id", "node_ip", "seconds", *metrics]  # fmt: skip
        return pd.DataFrame(rows, columns=columns).sort_values("iteration", ignore_index=True)

    def cancel(self) -> None:
        """Stop the run within 2 s; what has finished is kept. A run that has ended stays as it
        is."""
        self._store.request_cancel(self.id)

    def cancel_iteration(self, iteration: int) -> None:
        """Stop one iteration within 2 s, even in native code; one to come is passed over.

        Raises
        ------
        RunException
            When it has ended already.
        """
        for record in self._store.iterations(self.id):
            if record.iteration == iteration and record.status != "Running":
                raise RunException(f"iteration {iteration} has ended already: {record.status}")
        self._store.request_cancel_iteration(self.id, int(iteration))

    def pause(self) -> None:
        """Start no new iterations until `resume`; those that run go on to their end."""
        self._store.request_pause(self.id, True)

    def resume(self, compute_target: Any = None) -> AutoMLRun:
        """Go on: after `pause`, or with a new driver after the old one died.

        Iterations that have ended are not repeated. Returns at once.

        Parameters
        ----------
        compute_target:
            Where the new driver runs: a compute target or its name; default: where it ran.

        Raises
        ------
        RunException
            When the run has completed; `continue_experiment` adds iterations to it.
        """
        record = self._store.run(self.id)
        if record.status == "Completed":
            raise RunException(
                f"run {self.id} has completed; continue_experiment(iterations=...) adds iterations"
            )
        if not record.is_final and self._death(record) is None:
            self._store.request_pause(self.id, False)
        else:
            given = load_specification(self._store, self.id)
            if compute_target is not None:
                name = getattr(compute_target, "name", compute_target)
                given.settings.check({"compute_target": name})
                settings = given.settings.with_changes({"compute_target": name})
                given = dataclasses.replace(given, settings=settings)
                self._store.save_spec(self.id, given.to_spec())
                self._store.move_run(self.id, name)
            self._launch(given)
        return self

    def continue_experiment(
        self,
        iterations: int | None = None,
        experiment_timeout_minutes: float | None = None,
        experiment_exit_score: float | None = None,
    ) -> AutoMLRun:
        """Add iterations to a run that has ended; their numbers go on. Returns at once.

        Parameters
        ----------
        iterations:
            How many more; default: those that the run had not come to.
        experiment_timeout_minutes, experiment_exit_score:
            New limits, counted from now; default: none.

        Raises
        ------
        RunException
            While the run is going on.
        ConfigException
            For values that are not allowed.
        """
        record = self._store.run(self.id)
        if not record.is_final and self._death(record) is None:
            raise RunException(f"run {self.id} is {record.status}; wait for its end or cancel it")
        given = load_specification(self._store, self.id)
        changes: dict[str, Any] = {
            "experiment_timeout_minutes": experiment_timeout_minutes,
            "experiment_exit_score": experiment_exit_score,
        }
        if iterations is not None:
            changes["iterations"] = iterations
        given.settings.check(changes)
        if iterations is not None:
            tried = sum(not is_ensemble(record) for record in self._store.iterations(self.id))
            changes["iterations"] = iterations + tried
        given = dataclasses.replace(given, settings=given.settings.with_changes(changes))
        self._store.save_spec(self.id, given.to_spec())
        self._launch(given)
        return self

    def report(self, path: str | Path = "report.html") -> str:
        """Write all that is known of the run as one HTML file that needs nothing else.

        Parameters
        ----------
        path:
            The file, or a folder for ``report.html``.

        Returns
        -------
        str
            The file's path.
        """
        from engine.show.report import write_report

        return write_report(self._view(), path)

    def _view(self) -> RunView:
        return RunView(self._store, self.id, self.get_portal_url(), self._status)

    def register_model(
        self,
        model_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        iteration: int | None = None,
        metric: str | None = None,
    ) -> Any:
        """Put a model into the MLflow model registry, as a new version of ``model_name``.

        ``iteration`` and ``metric`` choose it as in `get_output`; the default name is the
        experiment's. It loads back with ``mlflow.pyfunc.load_model`` or
        ``mlflow.sklearn.load_model``. Beside the model lies its card, ``model_card.md``.

        Returns
        -------
        mlflow.entities.model_registry.ModelVersion
        """
        from engine.show.model_card import CARD_FILE, model_card

        record = self._pick(iteration, metric)
        save_mlflow_model(self._store, record.run_id)
        name = model_name or self.experiment.name
        card = model_card(self._view(), record, name, description)
        self._store.write_text(record.run_id, f"{MLFLOW_MODEL}/{CARD_FILE}", card)
        return self._store.register_model(name, record.run_id, description, tags)

    def _launch(self, given: RunSpecification) -> None:
        check_target(self.experiment.workspace, given)
        self._store.clear_requests(self.id)
        self._start(given)

    def _start(self, given: RunSpecification) -> None:
        try:
            start_driver(self.experiment.workspace, self.id, given, self.get_portal_url())
        except AutoMLError as error:
            self._store.set_status(self.id, RunStatus.FAILED, error)
            raise

    def _status(self, record: RunRecord) -> str:
        return "Failed" if self._death(record) is not None else record.status

    def _death(self, record: RunRecord) -> str | None:
        """Why a run that should be going on is not, or ``None``."""
        if record.is_final or record.driver_is_alive:
            return None
        if record.target == "local":
            if record.driver is None:
                return None  # it is being started
            return f"the driver of run {record.run_id} has died; run.resume() goes on with it"
        try:
            target = self.experiment.workspace.compute_targets[record.target]
            state, message = target.job_state(record.run_id)
        except (AutoMLError, KeyError) as gone:
            return f"compute target {record.target!r} is lost ({gone}); run.resume() goes on"
        if state in ("PENDING", "RUNNING"):
            return None  # it waits for its turn, or is started again
        again = self._store.run(record.run_id)
        if again.is_final or again.driver_is_alive:
            return None
        ended = "is unknown there" if not state else f"ended as {state}"
        return f"the driver of run {record.run_id} {ended}: {message}; run.resume() goes on with it"

    def _pick(self, iteration: int | None, metric: str | None) -> IterationRecord:
        if iteration is not None and metric is not None:
            raise ConfigException(["give iteration or metric, not both"])
        records = self._store.iterations(self.id)
        if iteration is not None:
            for record in records:
                if record.iteration == iteration:
                    if record.status != "Completed":
                        raise RunException(
                            f"iteration {iteration} has no model: {record.status}"
                            + (f", {first_line(record.reason)}" if record.reason else "")
                        )
                    return record
            raise RunException(
                f"there is no iteration {iteration}; there are {[r.iteration for r in records]}"
            )
        known = metrics_in(self._metric.task, [record.metrics for record in records])
        if metric is not None and metric not in known:
            raise ConfigException([f"metric={metric!r}: allowed is one of {', '.join(known)}"])
        best = (
            chosen_iteration(records, self._metric)
            if metric is None
            else best_iteration(records, known[metric])
        )
        if best is None:
            raise RunException(
                f"no iteration of run {self.id} has completed yet; the run is {self.get_status()}"
            )
        return best


def _as_exception(message: str, type_name: str | None) -> Exception:
    kind = getattr(errors, type_name or "", RunException)
    return kind([message]) if kind is ConfigException else kind(message)
