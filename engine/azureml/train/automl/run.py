"""`AutoMLRun` as scripts for SDK v1 use it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from engine import azureml
from engine.azureml.core.run import IterationAsRun, Run
from engine.azureml.core.run_properties import (
    model_name_of,
    properties_of_run,
    sdk_dependencies,
)
from engine.azureml.core.run_views import details_of_v1, fits, warn_of_failure
from engine.azureml.unavailable import SPARK, NotAvailable
from engine.client import run
from engine.client.iteration import pick_metrics
from engine.errors import AutoMLError, ConfigException, RunException
from engine.store.choice import best_iteration
from engine.store.records import IterationRecord

_ARRAYS = (
    "X",
    "y",
    "sample_weight",
    "X_valid",
    "y_valid",
    "sample_weight_valid",
    "cv_splits_indices",
)


class AutoMLRun(run.AutoMLRun, Run):
    """A run, opened by its id; with the id of an iteration, that iteration.

    Parameters
    ----------
    experiment : Experiment
        The experiment that the run belongs to.
    run_id : str
        The run's `id`, or an iteration's.

    Attributes
    ----------
    model_id : str
        Name of the model that `register_model` has added; until then its default name.

    Raises
    ------
    RunException
        When the experiment has no such run.
    """

    iteration_class: ClassVar[type[IterationAsRun]] = IterationAsRun

    _registered: str | None = None

    __repr__ = Run.__repr__

    @property
    def model_id(self) -> str:
        """Name of the model that was registered last, or would be by default."""
        return self._registered or model_name_of(self.id, "best")

    def iterations(self) -> list[IterationAsRun]:
        """List the iterations that have started, by number."""
        return [self.iteration_class(self, record) for record in self._iterations()]

    def get_children(  # type: ignore[override]
        self,
        recursive: bool = False,
        tags: str | Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        type: str | None = None,
        status: str | None = None,
        **ignored: object,
    ) -> Iterator[IterationAsRun]:
        """Iterate over the iterations that have started, by number.

        Parameters
        ----------
        recursive:
            Without a meaning here: iterations have no children.
        tags, properties, type, status:
            Conditions, see `Experiment.get_runs`.
        """
        for child in self.iterations():
            if fits(child, type, tags, properties, status):
                yield child

    def get_properties(self) -> dict[str, str]:
        """Return property name -> text: settings, number of iterations, metric and target."""
        record = self.store.run(self.id)
        return properties_of_run(record, self.store.load_spec(self.id)["settings"])

    def get_details(self) -> dict[str, Any]:
        """Return id, state, times (ISO 8601, UTC), properties and the error of a failed run."""
        details = super().get_details()
        shown = details | {
            "target": self.store.run(self.id).target,
            "properties": self.get_properties(),
            "inputDatasets": [],
            "outputDatasets": [],
            "logFiles": {},
            "warnings": [{"source": "raysmith", "message": note} for note in details["warnings"]],
        }
        return details_of_v1(shown, details["status"], details["error"])

    def wait_for_completion(  # type: ignore[override]
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = False,
        timeout_seconds: float | None = None,
    ) -> dict[str, Any]:
        """Wait until the run has a final state; return `get_details`.

        Parameters
        ----------
        show_output:
            Print the table of iterations meanwhile.
        wait_post_processing:
            Without a meaning here: a run has ended when everything is done.
        raise_on_error:
            Raise when the run fails; by default there is a warning.
        timeout_seconds:
            Stop waiting after this time.

        Raises
        ------
        AutoMLError
            When the run fails and ``raise_on_error`` is set.
        TimeoutError
            When the run has not ended within ``timeout_seconds``.
        """
        try:
            super().wait_for_completion(show_output, timeout_seconds)
        except AutoMLError as error:
            if raise_on_error:
                raise
            warn_of_failure(self.id, error)
        return self.get_details()

    def handed_over(self, records: Sequence[IterationRecord]) -> IterationRecord | None:
        """Return the best iteration by the primary metric, whatever it is."""
        return best_iteration(records, self.metric)

    def get_output(
        self,
        iteration: int | None = None,
        metric: str | None = None,
        return_onnx_model: bool = False,
        return_split_onnx_model: object = None,
        **ignored: object,
    ) -> tuple[IterationAsRun, Any]:
        """Return an iteration and its fitted pipeline, see `engine.AutoMLRun.get_output`.

        By default it is the best one by the primary metric. An ONNX model has an input a column.
        """
        found: tuple[Any, Any] = super().get_output(iteration, metric, return_onnx_model)
        return found

    def to_onnx(self, model: Any) -> Any:
        """Convert a fitted pipeline, with an input a column."""
        from engine.onnx.convert import to_onnx

        return to_onnx(model, by_column=True)

    def get_best_child(
        self, metric: str | None = None, onnx_compatible: bool = False, **ignored: object
    ) -> IterationAsRun:
        """Return the best iteration by the primary metric or another one."""
        return self.iteration_class(self, self._pick(None, metric))

    def get_metrics(
        self,
        name: str | None = None,
        recursive: bool = False,
        run_type: object = None,
        populate: bool = False,
    ) -> dict[str, Any]:
        """Return the metrics of the best iteration, and what was logged with the run.

        With ``recursive`` it returns the metrics of all iterations, by their ids.
        """
        if not recursive:
            return self.with_logged(super().get_metrics(name), name)
        return {
            f"{self.id}_{record.iteration}": pick_metrics(record.metrics, name)
            for record in self.store.iterations(self.id)
        }

    def summary(self) -> list[list[Any]]:  # type: ignore[override]
        """Return [estimator, number of iterations, best score] for each estimator, best first."""
        by_kind: dict[str, list[IterationRecord]] = {}
        for record in self._iterations():
            by_kind.setdefault(record.kind, []).append(record)
        rows = []
        for kind, records in by_kind.items():
            best = best_iteration(records, self.metric)
            score = float("nan") if best is None else self.metric.of(best.metrics)
            rows.append([kind, len(records), score])
        return sorted(rows, key=lambda row: self.metric.loss(row[2]))

    def register_model(
        self,
        model_name: str | None = None,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        iteration: int | None = None,
        metric: str | None = None,
        alias: str | None = None,
        model_path: str | None = None,
    ) -> Any:
        """Add a model to the registry, as a new version of ``model_name``.

        Parameters
        ----------
        model_name:
            Name of the registered model; default: `model_id`.
        description, tags:
            Description and tags of the version.
        iteration, metric:
            Choose the iteration as in `get_output`.
        alias:
            Alias of the version, such as ``champion``.
        model_path:
            A file of the run that was uploaded: it is registered by itself. Default, and for
            anything else such as ``outputs/model.pkl``: the model.

        Returns
        -------
        engine.azureml.core.model.Model
        """
        given = (model_path or "").rstrip("/")
        if given and given in self.get_file_names():
            return self.register_uploaded(given, model_name or given, tags or {}, description)
        which: object = "best"
        if iteration is not None or metric is not None:
            which = metric if iteration is None else iteration
        name = model_name or model_name_of(self.id, which)
        version = super().register_model(name, description, tags, iteration, metric, alias)
        self._registered = version.name
        workspace = self.experiment.workspace
        return azureml.core.Model(workspace, name=version.name, version=int(version.version))

    def register_iteration(
        self,
        iteration: int,
        model_name: str,
        description: str | None,
        tags: Mapping[str, str] | None,
    ) -> Any:
        """Add an iteration's model to the registry, see `register_model`."""
        return self.register_model(model_name, description, tags, iteration)

    def continue_experiment(  # type: ignore[override]
        self,
        X: object = None,
        y: object = None,
        sample_weight: object = None,
        X_valid: object = None,
        y_valid: object = None,
        sample_weight_valid: object = None,
        data: object = None,
        label: object = None,
        columns: object = None,
        cv_splits_indices: object = None,
        spark_context: object = None,
        experiment_timeout_hours: float | None = None,
        experiment_exit_score: float | None = None,
        iterations: int | None = None,
        show_output: bool = False,
        training_data: object = None,
        validation_data: object = None,
        experiment_timeout_minutes: float | None = None,
        **ignored: object,
    ) -> AutoMLRun:
        """Add iterations to a run that has ended; a local run is waited for.

        Parameters
        ----------
        X, y, sample_weight, X_valid, y_valid, sample_weight_valid, cv_splits_indices:
            The run's data, which is compared with what its iterations have seen.
        training_data, validation_data:
            The run's tables, compared likewise.
        data, label, columns, spark_context:
            Not available.
        experiment_timeout_hours, experiment_timeout_minutes, experiment_exit_score, iterations:
            As in `engine.AutoMLRun.continue_experiment`.
        show_output:
            Print the table of iterations.

        Raises
        ------
        DataException
            When the data is not the run's.
        RunException
            While the run goes on.
        """
        _refuse(spark_context=spark_context, data=data, label=label, columns=columns)
        arrays = (X, y, sample_weight, X_valid, y_valid, sample_weight_valid, cv_splits_indices)
        raw = {**dict(zip(_ARRAYS, arrays, strict=True)), "training_data": training_data}
        raw["validation_data"] = validation_data
        self.check_data({name: value for name, value in raw.items() if value is not None})
        minutes = experiment_timeout_minutes
        if experiment_timeout_hours is not None:
            minutes = 60 * experiment_timeout_hours
        super().continue_experiment(iterations, minutes, experiment_exit_score)
        if show_output or self.store.run(self.id).target == "local":
            self.wait_for_completion(show_output=show_output)
        return self

    def cancel_iteration(self, iteration: int) -> None:
        """Ask the driver to stop one iteration; one that has ended already gives a warning."""
        try:
            super().cancel_iteration(iteration)
        except RunException as error:
            warnings.warn(str(error), stacklevel=2)

    def get_run_sdk_dependencies(
        self, iteration: int | None = None, check_versions: bool = True, **ignored: object
    ) -> dict[str, str]:
        """Return package -> version; the service's packages have the version of this tree.

        Parameters
        ----------
        iteration:
            Number of an iteration that there is; default: the run.
        check_versions:
            Without a meaning here.
        """
        if iteration is not None:
            self._pick(iteration, None)
        return sdk_dependencies()

    def clean_preprocessor_cache(self) -> bool:
        """Return True: a run keeps no cache after its end."""
        return True

    def get_guardrails(self, to_console: bool = True) -> dict[str, Any]:
        """Return what the checks of the data have found, and print it."""
        notes = self.store.run(self.id).notes
        if to_console:
            print("\n".join(notes) or "No problems were found in the data.")
        return {"faults": [{"type": "note", "friendly_result": note} for note in notes]}

    def get_environment(self) -> Any:
        """Return the packages that the best model needs, as an `Environment`."""
        return self.get_best_child().get_environment()


def _refuse(spark_context: object, **words: object) -> None:
    """Raise for data in a form that is not available."""
    if spark_context is not None:
        raise NotAvailable(f"spark_context of the retired service is not available: {SPARK}")
    given = [name for name, value in words.items() if value is not None]
    if given:
        raise ConfigException([f"{name}: give X and y, or training_data" for name in given])
