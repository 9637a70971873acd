"""`Experiment`: a name under which runs are kept."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar, Self

from engine.client.interfaces import WorkspaceLike
from engine.client.launch import check_target, start_run
from engine.client.run import AutoMLRun
from engine.client.user_tags import check_tags
from engine.config.automl_config import AutoMLConfig
from engine.driver.debug_log import open_debug_log
from engine.errors import AutoMLError, ConfigException, RunException

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

    #: Class of the experiment's runs.
    run_class: ClassVar[type[AutoMLRun]] = AutoMLRun

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
    def existing(cls, workspace: WorkspaceLike, name: str, experiment_id: str) -> Self:
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
        ConfigException
            When a tag has a name that is not allowed, or ``debug_log`` cannot be written.
        ComputeTargetException
            When the compute target does not exist, does not answer, or cannot reach the workspace.
        DataException
            When data given directly cannot be used, or the data script is missing or has no
            ``get_data``. Both are found before anything is started. With ``show_output`` also when
            ``get_data()`` fails on the cluster.
        RunException
            With ``show_output``, when the run fails, or when the wait for its end does: the message
            names the run then, which goes on.
        """
        if not isinstance(config, AutoMLConfig):
            raise ConfigException([f"config={config!r}: expected an AutoMLConfig"])
        check_tags(tags or {})
        given = config.prepare()
        open_debug_log(given.settings)
        check_target(self.workspace, given)
        run = self.run_class(self, start_run(self.workspace, self.id, given, tags))
        del given  # checked data need not stay in memory while the output is shown
        if show_output:
            _wait(run)
        return run

    def get_runs(self) -> list[AutoMLRun]:
        """List all runs, newest first."""
        return [self.run_class.of(self, record) for record in self.workspace.store.runs(self.id)]


def _wait(run: AutoMLRun) -> None:
    try:
        run.wait_for_completion(show_output=True)
    except AutoMLError:
        raise
    except Exception as error:
        raise RunException(
            f"waiting for run {run.id} failed ({type(error).__name__}: {error}); the run goes on: "
            f"AutoMLRun(experiment, {run.id!r}).wait_for_completion() waits for it again"
        ) from error


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
