"""`Run`: what runs and iterations of SDK v1 have in common, and iterations as runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from engine import azureml
from engine.azureml.core.run_files import MadeFiles
from engine.azureml.core.run_logging import Logging
from engine.azureml.core.run_properties import properties_of_iteration
from engine.azureml.core.run_views import details_of_v1, status_of_v1
from engine.azureml.unavailable import SCRIPTS, NotAvailable
from engine.client.iteration import IterationRun, pick_metrics
from engine.errors import ConfigException, RunException
from engine.store.records import IterationRecord
from engine.temporary import passing_folder


class _Opening(type):
    """Class of classes that open runs: an id says whether it is a run's or an iteration's."""

    opens: ClassVar[bool] = True

    def __call__(cls, *arguments: Any, **named: Any) -> Any:
        if cls.opens:
            return _opened(*arguments, **named)
        return super().__call__(*arguments, **named)


def _opened(experiment: Any, run_id: str, **ignored: object) -> Any:
    if not hasattr(experiment, "run_of"):
        raise ConfigException(
            [f"experiment={experiment!r}: expected an Experiment of engine.azureml.core"]
        )
    return experiment.run_of(run_id)


class Run(Logging, metaclass=_Opening):
    """A run or an iteration of a run, opened by its id.

    Parameters
    ----------
    experiment : Experiment
        The experiment that the run belongs to.
    run_id : str
        A run's `id`, or an iteration's, which is the run's with the iteration's number behind.
    """

    #: Kind of the run, as SDK v1 named it.
    type: ClassVar[str] = "automl"
    #: The experiment that the run belongs to.
    experiment: Any

    @property
    def status(self) -> str:
        """The state, see `get_status`."""
        return self.get_status()

    @property
    def properties(self) -> dict[str, str]:
        """The properties, see `get_properties`."""
        return self.get_properties()

    @property
    def tags(self) -> dict[str, str]:
        """The user's tags."""
        return self.get_tags()

    @property
    def name(self) -> str:
        """The id."""
        return self.id

    display_name = name

    def __repr__(self) -> str:
        name = self.experiment.name
        return (
            f"Run(Experiment: {name},\nId: {self.id},\nType: {self.type},\nStatus: {self.status})"
        )

    def get_status(self) -> str:
        """Return the state."""
        raise NotImplementedError

    def get_properties(self) -> dict[str, str]:
        """Return property name -> text."""
        raise NotImplementedError

    def download_files(
        self,
        prefix: str | None = None,
        output_directory: str | None = None,
        output_paths: list[str] | None = None,
        batch_size: int = 100,
        append_prefix: bool = True,
        **ignored: object,
    ) -> None:
        """Copy all files whose names begin with ``prefix``.

        Parameters
        ----------
        prefix:
            Beginning of the names; default: all files.
        output_directory:
            Folder for the copies; default: the working directory.
        output_paths:
            A path for each file instead.
        batch_size:
            Without a meaning here.
        append_prefix:
            Whether the copies keep the folders that ``prefix`` names.
        """
        names = [name for name in self.get_file_names() if name.startswith(prefix or "")]
        if output_paths is not None and len(output_paths) != len(names):
            raise ConfigException(
                [f"output_paths has {len(output_paths)} paths for {len(names)} files: {names}"]
            )
        for number, name in enumerate(names):
            short = name if append_prefix else name.removeprefix(prefix or "").lstrip("/")
            path = Path(output_directory or ".", short)
            self.download_file(name, path if output_paths is None else output_paths[number])

    def register_uploaded(
        self, path: str, model_name: str, tags: Mapping[str, str], description: str | None
    ) -> Any:
        """Register one of the files, or a folder of them, as a model of its own.

        Raises
        ------
        ConfigException
            When there is no such file.
        """
        names = self.get_file_names()
        if not any(name == path or name.startswith(f"{path}/") for name in names):
            raise ConfigException([f"model_path={path!r}: allowed is any of {names}"])
        with passing_folder("model") as folder:
            self.download_files(path, str(folder))
            return azureml.core.Model.register(
                self.experiment.workspace, str(folder / path), model_name, tags, None, description
            )

    @staticmethod
    def get(workspace: Any, run_id: str) -> Any:
        """Open a run or an iteration of a workspace by its id.

        Raises
        ------
        RunException
            When the workspace has no such run.
        """
        record = workspace.store.run(run_id.partition("_")[0])
        experiment = azureml.core.Experiment.existing(
            workspace, workspace.store.experiment_of(record.run_id), record.experiment_id
        )
        return experiment.run_of(run_id)

    @staticmethod
    def list(experiment: Any, **conditions: Any) -> Iterator[Any]:
        """List the runs of an experiment, see `Experiment.get_runs`."""
        runs: Iterator[Any] = experiment.get_runs(**conditions)
        return runs

    @staticmethod
    def get_context(**ignored: object) -> Any:
        """Raise `NotAvailable`: scripts are not run as runs here."""
        raise NotAvailable(f"Run.get_context() of the retired service is not available: {SCRIPTS}")


class IterationAsRun(IterationRun, Run):
    """An iteration as scripts for SDK v1 see it: a run whose id ends in its number.

    Attributes
    ----------
    parent:
        The run.
    """

    opens = False
    type = "azureml.scriptrun"

    def __init__(self, parent: Any, record: IterationRecord) -> None:
        super().__init__(parent, record)
        self.parent: Any = parent

    __repr__ = Run.__repr__

    @property
    def id(self) -> str:
        """The run's id, ``_``, and the iteration's number."""
        return f"{self.parent.id}_{self.iteration}"

    @property
    def number(self) -> int:
        """Number of the iteration."""
        return self.iteration

    @property
    def experiment(self) -> Any:
        """The experiment that the run belongs to."""
        return self.parent.experiment

    def get_status(self) -> str:
        """Return the state, by the names of SDK v1.

        A pruned iteration is ``Canceled``, one over its time limit ``Failed``.
        """
        return status_of_v1(self._record())

    def get_metrics(
        self,
        name: str | None = None,
        recursive: bool = False,
        run_type: object = None,
        populate: bool = False,
    ) -> dict[str, Any]:
        """Return metric name -> mean over the folds, and name -> what was logged.

        The other arguments have no meaning here.
        """
        return self.with_logged(pick_metrics(self._record().metrics, name), name)

    def get_properties(self) -> dict[str, str]:
        """Return property name -> text: those of `engine.IterationRun` and those of SDK v1."""
        record = self._record()
        return properties_of_iteration(record, self.parent)

    def get_details(self) -> dict[str, Any]:
        """Return id, state, times (ISO 8601, UTC), properties and the error of a failed one."""
        record = self._record()
        details = super().get_details() | {
            "runId": self.id,
            "target": self.parent.store.run(self.parent.run_id).target,
            "properties": properties_of_iteration(record, self.parent),
            "inputDatasets": [],
            "outputDatasets": [],
            "logFiles": {},
        }
        return details_of_v1(details, status_of_v1(record), record.reason)

    def get_children(self, **conditions: object) -> Iterator[Any]:
        """Return no runs: an iteration has no children."""
        return iter(())

    def get_file_names(self) -> list[str]:
        """List the files that are kept, and those that are made when they are asked for."""
        return sorted({*super().get_file_names(), *self._made_files().names()})

    def read_file(self, name: str) -> bytes:
        """Return the content of one of the files."""
        made = self._made_files()
        return made.read(name) if name in made.names() else super().read_file(name)

    def wait_for_completion(
        self,
        show_output: bool = False,
        wait_post_processing: bool = False,
        raise_on_error: bool = True,
    ) -> dict[str, Any]:
        """Wait for the end of the whole run; return `get_details`.

        Raises
        ------
        RunException
            When the iteration has no model and ``raise_on_error`` is set.
        """
        self.parent.wait_for_completion(show_output)
        record = self._record()
        if raise_on_error and not record.is_completed:
            raise RunException(f"iteration {self.iteration} is {record.status}: {record.reason}")
        return self.get_details()

    def cancel(self) -> None:
        """Ask the driver to stop this iteration."""
        self.parent.cancel_iteration(self.iteration)

    def get_environment(self) -> Any:
        """Return the packages that the iteration's model needs, as an `Environment`."""
        return self._made_files().environment()

    def register_model(
        self,
        model_name: str,
        model_path: str | None = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        model_framework: str | None = None,
        model_framework_version: str | None = None,
        description: str | None = None,
        **ignored: object,
    ) -> Any:
        """Add the iteration's model to the registry.

        Parameters
        ----------
        model_name:
            Name of the registered model.
        model_path:
            ``outputs/model.pkl``, its folder, or a file that is made from the model; default: the
            model. A file or folder that was uploaded is registered by itself.
        tags, properties:
            Tags of the version; the registry has no properties apart from them.
        model_framework, model_framework_version:
            Without a meaning here: the version's files say it.
        description:
            Description of the version.

        Returns
        -------
        engine.azureml.core.model.Model

        Raises
        ------
        ConfigException
            When ``model_path`` is another file.
        """
        names = self._made_files().names()
        allowed = {*names, *(name.partition("/")[0] for name in names)}
        given = (model_path or "").rstrip("/")
        texts = {**(properties or {}), **(tags or {})}
        if names and given and given not in allowed:
            return self.register_uploaded(given, model_name, texts, description)
        return self.parent.register_iteration(self.iteration, model_name, description, texts)

    def get_portal_url(self) -> str:
        """Return the address of the iteration's page in the MLflow UI."""
        return self.store.page_of(self.run_id)

    def _made_files(self) -> MadeFiles:
        return MadeFiles(self.parent, self._record())


def get_run(experiment: Any, run_id: str, **ignored: object) -> Any:
    """Open a run or an iteration by its id."""
    return _opened(experiment, run_id)
