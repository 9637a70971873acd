"""`AutoMLRun`: a run as a client sees it, read from the store on each call."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

import pandas as pd

from engine.client.handover import HandedOverRun
from engine.client.interfaces import ExperimentLike
from engine.client.iteration import IterationRun, pick_metrics
from engine.client.user_tags import check_tags
from engine.client.waiting import wait_for_end
from engine.errors import ConfigException, RunException
from engine.explain.explanation import ModelExplanation
from engine.metrics.metric import Metric
from engine.show.summary import summary_of
from engine.show.view import MOST_LOGS, RunView
from engine.store.mlflow_model import load_model
from engine.store.records import RunRecord


class AutoMLRun(HandedOverRun):
    """A run, opened by its id from any process that reaches the workspace.

    Parameters
    ----------
    experiment:
        The experiment that the run belongs to.
    run_id:
        The run's `id`.

    Attributes
    ----------
    id:
        Id of the run in MLflow.
    store:
        The store that holds the run.
    metric:
        The primary metric.

    Raises
    ------
    RunException
        When the experiment has no such run.
    """

    #: Class of the run's iterations.
    iteration_class: ClassVar[type[IterationRun]] = IterationRun

    def __init__(self, experiment: ExperimentLike, run_id: str) -> None:
        super().__init__(experiment, run_id)
        record = self.store.run(run_id)
        if record.experiment_id != experiment.id:
            raise RunException(
                f"run {run_id} does not belong to the experiment {experiment.name!r}"
            )
        self.metric: Metric = record.metric

    @classmethod
    def of(cls, experiment: ExperimentLike, record: RunRecord) -> Self:
        """Return the run of a record that was read from the store already."""
        run = cls.__new__(cls)
        HandedOverRun.__init__(run, experiment, record.run_id)
        run.metric = record.metric
        return run

    def __repr__(self) -> str:
        return f"AutoMLRun({self.experiment.name!r}, {self.id!r})"

    def get_status(self) -> str:
        """Return the state.

        ``NotStarted``, ``Preparing``, ``Running``, ``Finalizing``, ``Completed``, ``Canceled`` or
        ``Failed``. A run whose driver has died is ``Failed`` and can be resumed.
        """
        return self._status(self.store.run(self.id))

    def get_details(self) -> dict[str, Any]:
        """Return status, error, warnings, times (seconds since the epoch) and settings."""
        record = self.store.run(self.id)
        return {
            "runId": record.run_id,
            "name": record.name,
            "status": self._status(record),
            "error": record.error or self._death(record),
            "warnings": list(record.notes),
            "startTime": record.started,
            "endTime": record.ended,
            "settings": self.store.load_spec(self.id)["settings"],
        }

    def wait_for_completion(
        self, show_output: bool = False, timeout_seconds: float | None = None
    ) -> str:
        """Wait until the run has a final state, and return it.

        Parameters
        ----------
        show_output:
            Print the table of iterations meanwhile.
        timeout_seconds:
            Stop waiting after this time; the run goes on. Default: wait for the end.

        Raises
        ------
        DataException, ConfigException, RunException
            When the run fails, with its reason; also when its driver has died.
        TimeoutError
            When the run has not ended within ``timeout_seconds``.
        """
        end = wait_for_end(self.experiment.workspace, self.id, show_output, timeout_seconds)
        return end.status.value

    def get_children(self) -> list[IterationRun]:
        """List the iterations that have started, by number."""
        return [self.iteration_class(self, record) for record in self._iterations()]

    def get_output(
        self,
        iteration: int | None = None,
        metric: str | None = None,
        return_onnx_model: bool = False,
    ) -> tuple[IterationRun, Any]:
        """Return an iteration and its fitted pipeline; also while the run goes on.

        Without ``iteration`` and ``metric`` the run chooses. It hands over the best iteration by
        the primary metric, or, once 25 pipelines have been tried, an ensemble that does as well.
        The best score of many is partly luck, so the ensemble is compared with the score that the
        best pipeline has on rows it was not chosen on, less the standard error. The property
        ``preferred`` of such an ensemble holds both scores.

        Parameters
        ----------
        iteration:
            Return the iteration of this number.
        metric:
            Return the best iteration by this metric.
        return_onnx_model:
            Return the model as ``onnx.ModelProto``; `engine.onnx_inputs` makes its inputs. This
            works for every pipeline of a run with ``enable_onnx_compatible_models=True``.

        Returns
        -------
        tuple
            The `IterationRun` and the fitted scikit-learn pipeline, which takes the raw columns.

        Raises
        ------
        ConfigException
            For both arguments at once, or a metric that the run does not have.
        RunException
            When no iteration has completed, or the one asked for has not.
        ModelException
            When the pipeline has no counterpart in ONNX, or the extra ``onnx`` is not installed.
        """
        record = self._pick(iteration, metric)
        model = load_model(self.store, record.run_id)
        if return_onnx_model:
            model = self.to_onnx(model)
        return self.iteration_class(self, record), model

    def to_onnx(self, model: Any) -> Any:
        """Convert a fitted pipeline of the run, see `engine.onnx.convert.to_onnx`."""
        from engine.onnx.convert import to_onnx

        return to_onnx(model)

    def explain(
        self,
        iteration: int | None = None,
        metric: str | None = None,
        X: Any = None,
        features: str = "raw",
        timeout_minutes: float | None = None,
        show_output: bool = False,
    ) -> ModelExplanation:
        """Explain an iteration's model by SHAP values, and keep them with the iteration.

        Parameters
        ----------
        iteration, metric:
            Choose the iteration as in `get_output`.
        X:
            Rows to explain; default: the run's ``X_valid``, else the validation part, else a sample
            of the training rows.
        features:
            ``raw``, or ``engineered`` for the columns that the pipeline's first step makes.
        timeout_minutes:
            Explain as many rows as this allows; default: all.
        show_output:
            Print how many rows are done.

        Returns
        -------
        ModelExplanation
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
        from engine.driver.explain_step import ExplainRequest, PrintedProgress, explain_run

        record = self._pick(iteration, metric)
        seconds = None if timeout_minutes is None else 60 * timeout_minutes
        progress = PrintedProgress() if show_output else None
        request = ExplainRequest(X, features, seconds, progress)
        return explain_run(self.store, self.id, record, request).as_six()

    def get_metrics(self, name: str | None = None, recursive: bool = False) -> dict[str, Any]:
        """Return the metrics of the iteration that the run hands over.

        Parameters
        ----------
        name:
            Return this metric alone; default: all.
        recursive:
            Return the metrics of every iteration instead, by number.
        """
        records = self.store.iterations(self.id)
        if recursive:
            return {str(record.iteration): pick_metrics(record.metrics, name) for record in records}
        best = self.handed_over(records)
        return {} if best is None else pick_metrics(best.metrics, name)

    def get_tags(self) -> dict[str, str]:
        """Return the user's tags."""
        return dict(self.store.run(self.id).tags)

    def tag(self, key: str, value: str = "") -> None:
        """Set a tag.

        Raises
        ------
        ConfigException
            For names that MLflow and raysmith use themselves.
        """
        check_tags({key: value})
        self.store.tag(self.id, key, str(value))

    def get_portal_url(self) -> str:
        """Return the address of the run's page in the MLflow UI.

        ``raysmith ui`` starts the UI of a local workspace.
        """
        return self.store.page_of(self.id)

    def summary(self) -> pd.DataFrame:
        """Return a table with a row for each iteration, by number.

        Columns: ``iteration``, ``pipeline``, ``duration`` (h:mm:ss), ``metric`` (the primary
        metric), ``best`` (the best value of it when the iteration ended), ``status``, ``reason``,
        ``node_id``, ``node_ip``, ``seconds``, and every metric by its name.
        """
        return summary_of(self._iterations(), self.metric)

    def report(self, path: str | Path = "report.html", logs: int | None = MOST_LOGS) -> str:
        """Write the run as one HTML file, which needs no other file and no network.

        Parameters
        ----------
        path:
            Name of the file, or a folder for ``report.html``.
        logs:
            Number of iterations whose logs the file holds: failed ones first, then the best.
            ``None``: all; a log has at most 20,000 characters, all together 500,000.

        Raises
        ------
        ConfigException
            For other ``logs``.

        Returns
        -------
        str
            Path of the file.
        """
        from engine.show.report import write_report

        if logs is not None and (type(logs) is not int or logs < 0):
            raise ConfigException(
                [f"logs={logs!r}: allowed is a number from 0 on, or None for all"]
            )
        return write_report(self.view(), path, logs)

    def view(self) -> RunView:
        """Return the run as report, widget and model card read it."""
        return RunView(
            self.store, self.id, self.experiment.name, self.get_portal_url(), self._death
        )
