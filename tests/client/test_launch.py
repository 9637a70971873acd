"""The start of drivers: targets that refuse, clients that die, clients that come together."""

from __future__ import annotations

import dataclasses
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest

from cluster.errors import ComputeTargetException
from cluster.jobs.worker_setup import SETUP_VARIABLE
from cluster.provisioning.run_environment import RunEnvironment
from engine import AutoMLConfig, AutoMLRun, RunException
from engine.client import launch
from engine.config.specification import DATA_FILE
from engine.driver.specification_files import keep_data, load_specification
from engine.store.driver_identity import DriverIdentity, Life
from engine.store.properties import IterationProperties
from engine.store.status import RunStatus
from tests.client.recorded import record_run

#: For what one process does alone.
in_memory = pytest.mark.usefixtures("store_in_memory")


@pytest.fixture
def given(workspace):
    return AutoMLConfig(
        "classification", X=[[0.0], [1.0]] * 10, y=[0, 1] * 10, compute_target="automlcl"
    ).prepare()


def place(**targets):
    return SimpleNamespace(tracking_uri="sqlite:////mlflow.db", compute_targets=targets)


def test_a_target_that_does_not_exist(given):
    with pytest.raises(ComputeTargetException, match="the workspace has local, other"):
        launch.check_target(place(local=None, other=None), given)


def test_a_store_that_the_target_cannot_reach(given):
    target = SimpleNamespace(is_reachable_from=lambda uri: False)
    with pytest.raises(ComputeTargetException, match="kept in sqlite on this machine"):
        launch.check_target(place(automlcl=target), given)


def test_a_target_that_does_not_answer(given):
    def version():
        raise ComputeTargetException("no answer")

    target = SimpleNamespace(
        is_reachable_from=lambda uri: True,
        environment_for=RunEnvironment,
        head=SimpleNamespace(version=version),
    )
    with pytest.raises(ComputeTargetException, match="no answer"):
        launch.check_target(place(automlcl=target), given)


@in_memory
def test_a_driver_that_is_not_taken_fails_the_run(experiment, given):
    run = record_run(experiment, RunStatus.CANCELED)
    launched = []

    def refuse(what):
        launched.append(what)
        raise ComputeTargetException("the cluster is full")

    target = SimpleNamespace(
        is_reachable_from=lambda uri: True,
        environment_for=RunEnvironment,
        head=SimpleNamespace(version=lambda: "2"),
        launch=refuse,
    )
    workspace = SimpleNamespace(
        store=run.store,
        tracking_uri="http://store",
        compute_targets={"automlcl": target},
    )
    run.store.request_cancel(run.id)
    with pytest.raises(ComputeTargetException, match="the cluster is full"):
        launch.start_again(workspace, run.store.run(run.id), given, is_changed=True)
    record = run.store.run(run.id)
    assert (record.status, record.error) == (RunStatus.FAILED, "the cluster is full")
    assert not record.requests.cancel
    [what] = launched
    assert (what.module, what.arguments[0]) == ("engine.driver", run.id)
    # The driver claims the run from the client that launched it, and from nobody else.
    assert what.arguments[1] == record.driver.token
    assert record.driver.life() is Life.DEAD
    assert record.target == "automlcl"
    assert run.store.load_spec(run.id) == given.to_spec()
    assert what.secrets == {"RAYSMITH_TRACKING_URI": "http://store"}
    assert what.metadata["run_id"] == run.id
    assert run.store.load_data(run.id, DATA_FILE)["y"] == given.data.raw["y"]


@in_memory
def test_what_the_environment_is_without_is_among_the_runs_warnings(workspace, experiment):
    """It is checked before the run is made, and written before its driver starts."""
    given = AutoMLConfig(
        "classification", X=[[0.0], [1.0]] * 10, y=[0, 1] * 10,
        run_configuration=SimpleNamespace(
            target="automlcl", to_runtime_env=lambda: {"pip": ["azureml-sdk"]}
        ),
    ).prepare()  # fmt: skip
    seen = []
    target = SimpleNamespace(
        environment_for=lambda env: RunEnvironment({}, (f"left out: {env['pip'][0]}",)),
        launch=lambda what: seen.append(store.run(what.arguments[0]).notes),
    )
    store = workspace.store
    place = SimpleNamespace(
        store=store, tracking_uri="http://store", compute_targets={"automlcl": target}
    )
    launch.start_run(place, experiment.id, given)
    assert seen == [("left out: azureml-sdk",)]


def submit(experiment, **more):
    return experiment.submit(
        AutoMLConfig("classification", X=[[0.0], [1.0]] * 10, y=[0, 1] * 10, **more)
    )


#: Submits a run and is killed in a call of the store.
DYING_CLIENT = """
import os, signal, sys
from engine import AutoMLConfig, Experiment, Workspace
experiment = Experiment(Workspace.from_config(), sys.argv[2])
def die(*arguments, **more):
    os.kill(os.getpid(), signal.SIGKILL)
setattr(type(experiment.workspace.store), sys.argv[1], die)
experiment.submit(AutoMLConfig("classification", X=[[0.0], [1.0]] * 10, y=[0, 1] * 10))
"""


@pytest.mark.slow
def test_a_client_that_dies_during_submit_leaves_a_run_with_a_dead_driver(experiment):
    command = [sys.executable, "-c", DYING_CLIENT, "save_spec", experiment.name]
    killed = subprocess.run(command, check=False)
    assert killed.returncode == -signal.SIGKILL
    [run] = experiment.get_runs()
    assert run.store.run(run.id).status == RunStatus.NOT_STARTED
    assert run.get_status() == "Failed"
    with pytest.raises(RunException, match="has died; run"):
        run.wait_for_completion(timeout_seconds=60)
    run.cancel()
    assert run.get_status() == "Canceled"


@in_memory
@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyError("a"), RunException("no")]
)
@pytest.mark.parametrize("call", ["save_spec", "launch"])
def test_every_error_during_submit_fails_the_run(experiment, monkeypatch, call, error):
    def fails(*arguments, **more):
        raise error

    if call == "launch":
        monkeypatch.setattr("cluster.targets.embedded.EmbeddedTarget.launch", fails)
    else:
        monkeypatch.setattr(experiment.workspace.store, "save_spec", fails)
    with pytest.raises(type(error)):
        submit(experiment)
    [run] = experiment.get_runs()
    record = run.store.run(run.id)
    assert record.status == RunStatus.FAILED
    assert record.error == str(error)
    assert record.driver.life() is Life.DEAD


@in_memory
def test_a_run_without_a_specification_says_so(experiment, monkeypatch):
    def fails(*arguments):
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(experiment.workspace.store, "save_spec", fails)
        with pytest.raises(OSError, match="no space"):
            submit(experiment)
    [run] = experiment.get_runs()
    with pytest.raises(RunException, match="submit the configuration again"):
        run.resume()


@pytest.fixture
def launched(monkeypatch):
    """Launches that would have been made on this machine; nothing drives the runs.

    A driver that a test ends sends no heartbeat, which would be one more sign of life.
    """
    made = []
    monkeypatch.setattr("engine.driver.claim.HEARTBEAT_SECONDS", 3600.0)
    monkeypatch.setattr(
        "cluster.targets.embedded.EmbeddedTarget.launch", lambda self, launch: made.append(launch)
    )
    return made


def dead_run(experiment):
    """A run whose driver has died in the middle."""
    run = record_run(experiment, RunStatus.RUNNING)
    dead = dataclasses.replace(DriverIdentity.of_this_process(), pid=999_999_999)
    assert run.store.claim(run.id, dead, None)
    run.store.start_iteration(run.store.run(run.id), 4, "KNN", {}, IterationProperties(), 1.0)
    return run


@in_memory
def test_of_two_clients_that_resume_a_run_at_once_one_wins(experiment, launched):
    run = dead_run(experiment)
    clients = [AutoMLRun(experiment, run.id) for _ in range(4)]
    together = threading.Barrier(len(clients))

    def resume(client):
        together.wait(60)
        try:
            client.resume()
        except RunException as lost:
            return str(lost)
        return None

    with ThreadPoolExecutor(len(clients)) as pool:
        losses = list(pool.map(resume, clients))
    # A client that looks only after the claim finds a run that goes on.
    assert len(launched) == 1
    assert all(loss is None or "taken up by another driver" in loss for loss in losses)
    driver = run.store.run(run.id).driver
    assert driver.life() is Life.ALIVE
    driver.end()
    run.store.set_status(run.id, RunStatus.CANCELED)


@in_memory
def test_a_driver_whose_thread_has_died_in_a_living_process_is_dead(experiment, launched):
    """As after an error that nobody could write down: the notebook lives on."""
    config = AutoMLConfig("classification", X=[[0.0], [1.0]] * 10, y=[0, 1] * 10, iterations=1)
    run = experiment.submit(config)
    keep_data(run.store, run.id, config.prepare())  # as the driver does first
    assert run.get_status() == "Preparing"
    run.store.run(run.id).driver.end()
    assert run.get_status() == "Failed"
    with pytest.raises(RunException, match="has died; run"):
        run.wait_for_completion(timeout_seconds=60)
    run.resume()
    assert len(launched) == 2
    assert run.get_status() == "Preparing"
    run.store.run(run.id).driver.end()
    run.continue_experiment(iterations=3)
    assert len(launched) == 3
    assert run.store.load_spec(run.id)["settings"]["iterations"] == 3
    run.store.run(run.id).driver.end()
    run.store.set_status(run.id, RunStatus.CANCELED)


def test_what_workers_call_first_is_known_to_whoever_resumes(experiment, launched, monkeypatch):
    Path("get_data.py").write_text("def get_data():\n    return {}\n")
    monkeypatch.setenv(SETUP_VARIABLE, "engine.migration.old_names:answer_old_names")
    run = experiment.submit(AutoMLConfig("classification", data_script="get_data.py"))
    monkeypatch.delenv(SETUP_VARIABLE)
    given = load_specification(run.store, run.id)
    assert given.worker_setup == "engine.migration.old_names:answer_old_names"
    run.store.run(run.id).driver.end()
    run.continue_experiment(iterations=3)
    assert load_specification(run.store, run.id).worker_setup == given.worker_setup
    run.store.run(run.id).driver.end()
    run.store.set_status(run.id, RunStatus.CANCELED)


def test_a_run_whose_data_was_not_kept_ends_with_its_driver(experiment, launched):
    X, y = [[0.0], [1.0]] * 10, [0, 1] * 10
    config = AutoMLConfig("classification", X=X, y=y, iterations=1, keep_data=False)
    run = experiment.submit(config)
    assert not launched[0].is_resumable
    keep_data(run.store, run.id, config.prepare())  # as the driver does first
    assert run.get_status() == "Preparing"
    run.store.run(run.id).driver.end()
    assert run.get_status() == "Failed"
    with pytest.raises(RunException, match="has died; the run's data is not kept, as keep_data"):
        run.wait_for_completion(timeout_seconds=60)
    for again in (run.resume, partial(run.continue_experiment, iterations=3)):
        with pytest.raises(RunException, match=r"keep_data is False.*submit the configuration"):
            again()
    assert len(launched) == 1
    assert run.get_status() == "Failed"
    run.cancel()
    assert run.get_status() == "Canceled"


@in_memory
def test_cancelling_a_run_whose_driver_is_dead_ends_it(experiment):
    run = dead_run(experiment)
    assert run.get_status() == "Failed"
    run.cancel()
    assert run.store.run(run.id).status == RunStatus.CANCELED
    assert run.get_status() == "Canceled"
    [*_, last] = run.store.iterations(run.id)
    assert (last.status, last.reason) == (
        "Canceled", "the run was canceled after the death of its driver",
    )  # fmt: skip


def test_cancelling_a_run_that_another_client_takes_up_leaves_it_to_that_one(
    experiment, monkeypatch
):
    run = dead_run(experiment)
    monkeypatch.setattr(run.store, "claim", lambda *_: False)
    run.cancel()
    record = run.store.run(run.id)
    assert (record.status, record.requests.cancel) == (RunStatus.RUNNING, True)
    run.store.set_status(run.id, RunStatus.CANCELED)


@in_memory
def test_a_wait_that_fails_names_the_run_that_goes_on(experiment, launched, monkeypatch):
    def fails(*arguments):
        raise ConnectionError("the store is away")

    monkeypatch.setattr("engine.client.run.wait_for_end", fails)
    config = AutoMLConfig("classification", X=[[0.0], [1.0]] * 10, y=[0, 1] * 10)
    with pytest.raises(RunException) as error:
        experiment.submit(config, show_output=True)
    [run] = experiment.get_runs()
    assert f"waiting for run {run.id} failed (ConnectionError: the store is away)" in str(
        error.value
    )
    assert "the run goes on" in str(error.value)
    run.store.run(run.id).driver.end()
    run.store.set_status(run.id, RunStatus.CANCELED)
