"""The start of a run's driver at its compute target."""

from __future__ import annotations

from dataclasses import replace

from cluster.errors import ComputeTargetException
from cluster.targets.launch import Launch
from engine.client.interfaces import WorkspaceLike
from engine.config.specification import RunSpecification
from engine.config.variables import Variables, variables_here
from engine.driver.driver import Driver
from engine.driver.specification_files import keep_data
from engine.errors import AutoMLError
from engine.store.mlflow_store import TRACKING_URI_VARIABLE
from engine.store.status import RunStatus

#: Environment variables of the runs that this process has started: their values are stored nowhere.
_variables: dict[str, Variables] = {}


def check_target(workspace: WorkspaceLike, given: RunSpecification) -> None:
    """Check, before anything is written, that a run can be driven at its compute target.

    Raises
    ------
    ComputeTargetException
        When the workspace has no such target, or the store cannot be reached from there.
    """
    settings = given.settings
    if not settings.is_remote:
        return
    known = workspace.compute_targets
    if settings.target_name not in known:
        raise ComputeTargetException(
            f"compute_target={settings.compute_target!r}: the workspace has {', '.join(known)}; "
            "ComputeTarget.create or .attach makes others"
        )
    target = known[settings.target_name]
    if not target.is_reachable_from(workspace.tracking_uri):
        raise ComputeTargetException(
            f"the workspace is kept in {workspace.tracking_uri.partition(':')[0]} on this machine, "
            f"which the cluster {settings.compute_target!r} cannot reach; use "
            "Workspace.create(name, tracking_uri=...) with a tracking server or PostgreSQL"
        )
    target.head.version()


def start_driver(workspace: WorkspaceLike, run_id: str, given: RunSpecification) -> None:
    """Start the run's driver and return at once.

    Raises
    ------
    ComputeTargetException
        When the cluster does not take the driver. The run is ``Failed`` then.
    """
    _variables[run_id] = given.variables
    try:
        _launch(workspace, run_id, given)
    except AutoMLError as error:
        workspace.store.set_status(run_id, RunStatus.FAILED, error)
        raise


def start_again(workspace: WorkspaceLike, run_id: str, given: RunSpecification) -> None:
    """Start another driver of a run, without the requests to earlier ones; return at once.

    Raises
    ------
    ComputeTargetException
        When the run cannot be driven at its compute target.
    ConfigException
        When it was given an environment variable whose value this process does not have.
    """
    variables = variables_here(given.settings.variable_names, _variables.get(run_id, {}))
    given = replace(given, variables=variables)
    check_target(workspace, given)
    workspace.store.clear_requests(run_id)
    start_driver(workspace, run_id, given)


def _launch(workspace: WorkspaceLike, run_id: str, given: RunSpecification) -> None:
    store, settings = workspace.store, given.settings
    driver = Driver(store, run_id, given)
    target = workspace.compute_targets[settings.target_name]
    project = None
    metadata: dict[str, str] = {}
    if not settings.is_remote:
        driver.claim()
    else:
        store.forget_driver(run_id)
        keep_data(store, run_id, given)
        project = settings.path if settings.data_script is not None else None
        metadata = {
            "experiment": store.experiment_of(run_id),
            "run_id": run_id,
            "name": store.run(run_id).name,
            "mlflow": store.page_of(run_id),
        }
    target.launch(
        Launch(
            run_id=run_id,
            drive=driver.run,
            module="engine.driver",
            arguments=(run_id,),
            secrets={TRACKING_URI_VARIABLE: workspace.tracking_uri},
            variables=given.variables,
            project=project,
            runtime_env={
                key: value
                for key, value in (settings.run_configuration or {}).items()
                if key != "env_vars"
            },
            metadata=metadata,
        )
    )
