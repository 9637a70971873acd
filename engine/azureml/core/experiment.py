"""`Experiment` as scripts for SDK v1 use it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from engine.azureml.core.run import IterationAsRun
from engine.azureml.core.run_properties import EXPLANATION
from engine.azureml.core.run_views import fits
from engine.azureml.train.automl.run import AutoMLRun
from engine.azureml.unavailable import SCRIPTS, NotAvailable
from engine.client import experiment
from engine.config.automl_config import AutoMLConfig
from engine.errors import RunException


class Experiment(experiment.Experiment):
    """Runs under one name in a workspace.

    Parameters
    ----------
    workspace : Workspace
        The workspace that holds the experiment.
    name : str
        1 to 250 letters, digits, ``_``, ``-``, ``.`` and spaces.

    Raises
    ------
    ConfigException
        (a ``ValueError``) for any other name.
    WorkspaceException
        When the workspace cannot be opened.
    """

    run_class: ClassVar[type[AutoMLRun]] = AutoMLRun

    def submit(  # type: ignore[override]
        self,
        config: AutoMLConfig,
        tags: Mapping[str, str] | None = None,
        show_output: bool = False,
        **ignored: object,
    ) -> Any:
        """Start a run. A local run is waited for, as is any run with ``show_output``.

        Parameters
        ----------
        config:
            Settings and data of the run.
        tags:
            The run's first tags.
        show_output:
            Print the table of iterations.
        **ignored:
            Accepted and without a meaning here.

        Returns
        -------
        AutoMLRun
            A run that has failed is returned too, with a warning: its status is ``Failed``.

        Raises
        ------
        ConfigException, ComputeTargetException, DataException
            When the run cannot be started.
        """
        run = super().submit(config, tags=tags)
        if show_output or not config.settings.is_remote:
            run.wait_for_completion(show_output=show_output)
        return run

    def run_of(self, run_id: str) -> AutoMLRun | IterationAsRun:
        """Open a run, or an iteration whose id is the run's with its number behind.

        Raises
        ------
        RunException
            When the experiment has no such run or iteration.
        """
        parent, _, end = run_id.removesuffix(EXPLANATION).partition("_")
        record = self.workspace.store.run(parent)
        if record.experiment_id != self.id:
            raise RunException(f"run {parent} does not belong to the experiment {self.name!r}")
        run = self.run_class.of(self, record)
        if not end:
            return run
        for iteration in run.iterations():
            if str(iteration.iteration) == end:
                return iteration
        raise RunException(f"run {parent} has no iteration {end!r}")

    def get_runs(  # type: ignore[override]
        self,
        type: str | None = None,
        tags: str | Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        include_children: bool = False,
        status: str | None = None,
    ) -> Iterator[Any]:
        """List runs, newest first.

        Parameters
        ----------
        type:
            Kind of the runs; only ``automl`` has any.
        tags:
            Name of a tag, or names and values, that the runs have.
        properties:
            Names and values that the runs have.
        include_children:
            List the iterations after each run.
        status:
            State of the runs.
        """
        for record in self.workspace.store.runs(self.id):
            run = self.run_class.of(self, record)
            children = run.iterations() if include_children else []
            for found in (run, *children):
                if fits(found, type, tags, properties, status):
                    yield found

    def start_logging(self, *arguments: object, **named: object) -> Any:
        """Raise `NotAvailable`: metrics of scripts are logged with MLflow."""
        raise NotAvailable(
            f"Experiment.start_logging of the retired service is not available: {SCRIPTS}; "
            "mlflow.start_run() logs metrics of a script"
        )

    @staticmethod
    def list(
        workspace: Any,
        experiment_name: str | None = None,
        view_type: str = "ActiveOnly",
        tags: object = None,
    ) -> Sequence[Experiment]:
        """List the experiments of a workspace.

        Parameters
        ----------
        experiment_name:
            List the experiment of this name alone.
        view_type, tags:
            Without a meaning here: experiments are neither archived nor tagged.
        """
        return [
            Experiment.existing(workspace, name, experiment_id)
            for name, experiment_id in workspace.store.experiments().items()
            if name != "Default" and experiment_name in (None, name)
        ]
