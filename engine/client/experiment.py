"""`Experiment`: a name under which runs are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping

from engine.client.interfaces import WorkspaceLike
from engine.client.launch import check_target, start_driver
from engine.client.run import AutoMLRun
from engine.config.automl_config import AutoMLConfig
from engine.errors import ConfigException

_MAX_NAME = 250
_FORBIDDEN = re.compile(r"[^A-Za-z0-9_\-. ]")


class Experiment:
    """Runs under one name in a workspace; the store gets the experiment when it is new.

    Parameters
    ----------
    workspace:
        The workspace that holds the experiment.
    name:
        1 to 250 letters, digits, ``_``, ``-``, ``.`` and spaces.

    Attributes
    ----------
    id:
        Id of the experiment in MLflow.

    Raises
    ------
    ConfigException
        (a ``ValueError``) for any other name; the message names the character.
    WorkspaceException
        When the workspace cannot be opened.
    """

    def __init__(self, workspace: WorkspaceLike, name: str) -> None:
        check_experiment_name(name)
        if not hasattr(workspace, "artifact_location"):
            raise ConfigException(
                [
                    f"workspace={workspace!r}: an Experiment needs a Workspace; "
                    "open one with Workspace.from_config()"
                ]
            )
        self.workspace = workspace
        self.name = name
        self.id = workspace.store.experiment_id(name, workspace.artifact_location)

    @classmethod
    def existing(cls, workspace: WorkspaceLike, name: str, experiment_id: str) -> Experiment:
        """Return an experiment that the store holds already, whatever its name."""
        experiment = cls.__new__(cls)
        experiment.workspace, experiment.name, experiment.id = workspace, name, experiment_id
        return experiment

    def __repr__(self) -> str:
        return f"Experiment({self.workspace!r}, {self.name!r})"

    def submit(
        self,
        config: AutoMLConfig,
        show_output: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> AutoMLRun:
        """Start a run and return at once.

        Parameters
        ----------
        config:
            Settings and data of the run.
        show_output:
            Print the table of iterations and return when the run has ended.
        tags:
            The run's first tags.

        Raises
        ------
        ComputeTargetException
            When the compute target does not exist, does not answer, or cannot reach the workspace.
        DataException
            When data given directly cannot be used, or the data script is missing or has no
            ``get_data``. Both are found before anything is started. With ``show_output`` also when
            ``get_data()`` fails on the cluster.
        RunException
            With ``show_output``, when the run fails.
        """
        if not isinstance(config, AutoMLConfig):
            raise ConfigException([f"config={config!r}: expected an AutoMLConfig"])
        given = config.prepare()
        check_target(self.workspace, given)
        store = self.workspace.store
        run_id = store.create_run(self.id, given.settings.to_dict(), tags)
        store.save_spec(run_id, given.to_spec())
        run = AutoMLRun(self, run_id)
        start_driver(self.workspace, run_id, given)
        if show_output:
            run.wait_for_completion(show_output=True)
        return run

    def get_runs(self) -> list[AutoMLRun]:
        """List all runs, newest first."""
        return [AutoMLRun.of(self, record) for record in self.workspace.store.runs(self.id)]


def check_experiment_name(name: object) -> None:
    """Check that an experiment may have a name.

    Raises
    ------
    ConfigException
        When it may not.

    Examples
    --------
    >>> check_experiment_name("churn 2024")
    >>> check_experiment_name("churn/2024")
    Traceback (most recent call last):
    ...
    engine.errors.ConfigException: experiment name 'churn/2024': the character '/' is not ...
    """
    if not isinstance(name, str):
        raise ConfigException([f"experiment name {name!r}: expected text"])
    if not name.strip():
        raise ConfigException([f"experiment name {name!r}: it must not be empty"])
    if len(name) > _MAX_NAME:
        raise ConfigException(
            [f"experiment name of {len(name)} characters: at most {_MAX_NAME} are allowed"]
        )
    forbidden = _FORBIDDEN.search(name)
    if forbidden:
        raise ConfigException(
            [
                f"experiment name {name!r}: the character {forbidden.group()!r} is not allowed; "
                "use letters, digits, '_', '-', '.' and spaces"
            ]
        )
