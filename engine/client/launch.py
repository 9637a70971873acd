"""The start of a run's driver at its compute target."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from cluster.errors import ComputeTargetException
from cluster.jobs.worker_setup import SETUP_VARIABLE
from cluster.targets.launch import Launch
from engine.client.interfaces import WorkspaceLike
from engine.config.specification import RunSpecification
from engine.driver.claim import Claim
from engine.driver.driver import Driver
from engine.driver.open_iterations import end_open
from engine.driver.specification_files import keep_data
from engine.errors import RunException
from engine.store.driver_identity import DriverIdentity
from engine.store.mlflow_store import TRACKING_URI_VARIABLE
from engine.store.records import RunRecord
from engine.store.status import RunStatus

logger = logging.getLogger("raysmith")

#: Secrets of the runs that this process has started: environment variables, and the URIs of tables
#: that hold passwords under the names of variables. They are stored nowhere.
_secrets: dict[str, Mapping[str, str]] = {}


def check_target(workspace: WorkspaceLike, given: RunSpecification) -> None:
    """Check, before anything is written, that a run can be driven at its compute target.

    Raises
    ------
    ComputeTargetException
        When the workspace has no such target, the store cannot be reached from there, or the run's
        environment cannot be made there.
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
    target.environment_for(settings.run_configuration or {})
    target.head.version()


def start_run(
    workspace: WorkspaceLike,
    experiment_id: str,
    given: RunSpecification,
    tags: Mapping[str, str] | None = None,
) -> str:
    """Create a run, start its driver and return the run's id at once.

    From its first moment on the run has a driver, which is this process until the real one has
    started: a client that dies in between leaves a run with a dead driver.

    Raises
    ------
    ComputeTargetException
        When the cluster does not take the driver. The run is ``Failed`` then, as after every error.
    """
    store = workspace.store
    # Another process that resumes the run has not asked for it.
    given = replace(given, worker_setup=os.environ.get(SETUP_VARIABLE, ""))
    identity = DriverIdentity.of_this_process()
    settings = given.settings.to_dict()
    run_id = store.create_run(experiment_id, settings, tags, identity, given.is_resumable)
    _secrets[run_id] = {**given.variables, **given.secrets}
    claim = Claim(store, run_id, identity)
    with _failing(workspace, run_id, claim):
        claim.take(after=identity.token)
        store.save_spec(run_id, given.to_spec())
        _note_environment(workspace, run_id, given, earlier=())
        _launch(workspace, run_id, given, claim)
    return run_id


def start_again(
    workspace: WorkspaceLike, record: RunRecord, given: RunSpecification, is_changed: bool = False
) -> None:
    """Start another driver of a run, without the requests to earlier ones; return at once.

    Parameters
    ----------
    record:
        The run, whose driver is known to have ended.
    given:
        What the run is to do from now on.
    is_changed:
        Whether the store holds another specification so far.

    Raises
    ------
    RunException
        When another client or driver has claimed the run meanwhile. Nothing is changed then.
    ComputeTargetException
        When the run cannot be driven at its compute target.
    ConfigException
        When it was given an environment variable, or a table's password, that this process does
        not have.
    """
    store, run_id = workspace.store, record.run_id
    given = given.complete(_secrets.get(run_id))
    check_target(workspace, given)
    claim = Claim(store, run_id)
    claim.take(after=None if record.driver is None else record.driver.token)
    with _failing(workspace, run_id, claim):
        if is_changed:
            store.save_spec(run_id, given.to_spec())
        if record.target != given.settings.target_name:
            # Also when an earlier client has died before it came to this.
            store.move_run(run_id, given.settings.target_name)
        store.clear_requests(run_id)
        _note_environment(workspace, run_id, given, earlier=record.notes)
        _launch(workspace, run_id, given, claim)


def end_in_place_of_driver(workspace: WorkspaceLike, record: RunRecord) -> None:
    """Write that a run with a dead driver was cancelled, unless somebody has resumed it."""
    store, driver = workspace.store, record.driver
    claim = Claim(store, record.run_id)
    try:
        claim.take(after=None if driver is None else driver.token)
    except RunException:
        return  # the new driver reads the request
    try:
        end_open(store, record.run_id, "the run was canceled after the death of its driver")
        store.set_status(record.run_id, RunStatus.CANCELED)
    finally:
        claim.give_up()


@contextmanager
def _failing(workspace: WorkspaceLike, run_id: str, claim: Claim) -> Iterator[None]:
    """Give the run up, and make it ``Failed``, when its driver cannot be started."""
    try:
        yield
    except BaseException as error:
        claim.give_up()
        reason = error if isinstance(error, Exception) else RunException("the submit was stopped")
        try:
            workspace.store.set_status(run_id, RunStatus.FAILED, reason)
        except Exception:
            # The run has a dead driver, which every client sees.
            logger.exception("run %s could not be marked as failed", run_id)
        raise


def _note_environment(
    workspace: WorkspaceLike, run_id: str, given: RunSpecification, earlier: tuple[str, ...]
) -> None:
    """Write what the run's environment is without as the run's warnings.

    Those of an earlier driver go: the new one writes its own.
    """
    settings = given.settings
    notes: tuple[str, ...] = ()
    if settings.is_remote and settings.run_configuration:
        target = workspace.compute_targets[settings.target_name]
        notes = target.environment_for(settings.run_configuration).notes
    if notes != earlier:
        workspace.store.tag_notes(run_id, notes)


def _launch(workspace: WorkspaceLike, run_id: str, given: RunSpecification, claim: Claim) -> None:
    store, settings = workspace.store, given.settings
    store.redact.add(given.passwords)
    driver = Driver(store, run_id, given, claim=claim)
    target = workspace.compute_targets[settings.target_name]
    project = None
    metadata: dict[str, str] = {}
    if not settings.is_remote:
        driver.claim()
    else:
        store.set_status(run_id, RunStatus.NOT_STARTED)
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
            arguments=(run_id, claim.identity.token),
            secrets={TRACKING_URI_VARIABLE: workspace.tracking_uri, **given.secrets},
            variables=given.variables,
            project=project,
            runtime_env={
                key: value
                for key, value in (settings.run_configuration or {}).items()
                if key != "env_vars"
            },
            metadata=metadata,
            is_resumable=given.is_resumable,
        )
    )
    if settings.is_remote:
        # From here on the cluster's job says whether the run has a driver.
        claim.give_up()
