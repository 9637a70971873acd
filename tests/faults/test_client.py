"""The calls of a client on a store that fails for a moment, or for good."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST

from engine import AutoMLRun, RunException, WorkspaceException
from engine.driver.specification_files import load_specification
from engine.errors import StoreUnavailable
from engine.store.driver_identity import DriverIdentity
from engine.store.spool import Spool, SpooledState
from engine.store.status import RunStatus
from tests.client.recorded import BEST, record_run
from tests.faults import stores

CALLS = {
    "open": lambda run: AutoMLRun(run.experiment, run.id).metric.name,
    "get_status": lambda run: run.get_status(),
    "wait_for_completion": lambda run: run.wait_for_completion(timeout_seconds=60),
    "show_output": lambda run: run.wait_for_completion(show_output=True, timeout_seconds=60),
    "get_output": lambda run: run.get_output()[0].iteration,
    "summary": lambda run: run.summary().drop(columns="duration").to_json(),
    "get_metrics": lambda run: run.get_metrics(recursive=True),
    "get_children": lambda run: [child.get_logs() for child in run.get_children()],
    "get_details": lambda run: run.get_details()["settings"]["iterations"],
    "get_file_names": lambda run: run.get_file_names(),
    "get_portal_url": lambda run: run.get_portal_url(),
    "get_runs": lambda run: [run.id for run in run.experiment.get_runs()],
    "tag": lambda run: (run.tag("a", "b"), run.get_tags())[1],
    "cancel": lambda run: (run.cancel(), run.store.run(run.id).requests.cancel)[1],
    "pause": lambda run: (run.pause(), run.store.run(run.id).requests.pause)[1],
}


@pytest.fixture
def run(experiment, monkeypatch):
    # A wait has a patience of its own, in this machine's time.
    monkeypatch.setattr("engine.client.waiting.Patience", lambda seconds: run.patience)
    run = record_run(experiment)
    run.patience = run.store.client.patience
    return run


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_one_call_that_goes_wrong_changes_nothing(run, client, call):
    client.calls.clear()
    expected = call(run)
    for number in range(len(client.calls)):
        for fault in (stores.fails_at(number), stores.loses_the_answer_to(number)):
            client.calls.clear()
            client.fault = fault
            assert call(run) == expected, number


@pytest.mark.parametrize("call", [CALLS[name] for name in CALLS if name != "get_portal_url"])
def test_a_store_that_is_gone_is_told_as_that(run, client, call, time):
    client.fault = stores.gone_from(0)
    began = time.now
    with pytest.raises(StoreUnavailable, match=r"in the store file:.*: the server is away"):
        call(run)
    assert time.now - began < 180.0


def test_a_wait_asks_the_store_once_a_poll(run, client):
    client.calls.clear()
    run.wait_for_completion()
    assert client.calls == ["get_run"]
    client.calls.clear()
    run.wait_for_completion(show_output=True)
    opened = client.calls[: client.calls.index("download_artifacts") + 1]
    assert opened == ["get_run", "get_run", "download_artifacts"]  # the second: which file counts
    assert client.calls[len(opened) :] == ["get_run", "search_runs"]


def test_a_paused_run_goes_on_when_the_store_is_back(experiment, client):
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    for number in range(3):
        client.fault = stores.works
        run.pause()
        client.calls.clear()
        client.fault = stores.fails_at(number)
        run.resume()
        assert not run.store.run(run.id).requests.pause


def test_there_is_no_run_only_if_the_store_says_so(run, client):
    with pytest.raises(RunException, match="there is no run 'nothing' in file:"):
        AutoMLRun(run.experiment, "nothing")
    client.fault = stores.gone_from(0)
    with pytest.raises(WorkspaceException, match="runs could not be read"):
        AutoMLRun(run.experiment, "nothing")


def test_there_is_no_file_only_if_the_store_says_so(run, client):
    with pytest.raises(FileNotFoundError, match="has no file 'nothing'"):
        run.download_file("nothing")
    client.fault = stores.gone_from(0, stores.is_of_files)
    with pytest.raises(StoreUnavailable, match="files could not be read"):
        run.download_file("nothing")
    with pytest.raises(StoreUnavailable, match="files could not be read"):
        run.get_output(iteration=BEST)


def test_resume_writes_a_state_that_was_missing(experiment):
    run = record_run(experiment, RunStatus.FINALIZING)
    driver = DriverIdentity.of_this_process()
    run.store.tag_driver(run.id, driver)
    Spool(run.id).keep_state(SpooledState(RunStatus.COMPLETED, driver.token))
    assert run.resume().get_status() == "Completed"
    assert Spool(run.id).is_empty
    with pytest.raises(RunException, match="has completed"):
        run.resume()


@pytest.mark.parametrize("driver", [None, "another"])
def test_a_state_of_an_earlier_driver_does_not_count(experiment, driver):
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    Spool(run.id).keep_state(SpooledState(RunStatus.COMPLETED, driver or "", "no", "RunException"))
    run.resume()
    assert run.get_status() == "Running"
    assert Spool(run.id).is_empty


class Target:
    """A compute target whose drivers are never started, and are unknown there."""

    def __init__(self):
        self.launched = []
        self.head = SimpleNamespace(version=lambda: None)

    def launch(self, launch):
        self.launched.append(launch.run_id)

    def is_reachable_from(self, tracking_uri):
        return True

    def environment_for(self, configuration):
        return SimpleNamespace(notes=())

    def job_state(self, run_id):
        return "", "no such job"


CHANGES = {
    "continue": lambda run: run.continue_experiment(iterations=3),
    "move": lambda run: run.resume(compute_target="cluster"),
}


@pytest.mark.parametrize("is_torn", [False, True], ids=["before", "within"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_client_that_is_killed_at_any_write_leaves_the_old_run_or_the_new_one(
    experiment, client, store, change, is_torn
):
    targets = {"local": Target(), "cluster": Target()}
    experiment.workspace.compute_targets.update(targets)
    run = record_run(experiment, RunStatus.CANCELED)
    old = store.load_spec(run.id)

    def tear():
        newest = max(
            Path("store").rglob("settings*.json"), key=lambda file: file.stat().st_mtime_ns
        )
        newest.write_bytes(newest.read_bytes()[:100])

    seen, number = [], 0
    while True:
        client.fault = stores.dies_at(number, tear if is_torn else None)
        try:
            change(AutoMLRun(experiment, run.id))
        except stores.Died:
            died = True
        else:
            died = False
        client.fault = stores.works
        seen.append(store.load_spec(run.id))
        if not died:
            break
        # The next client finds a dead driver, or the run as it was.
        driver = store.run(run.id).driver
        if driver is not None:
            dead = dataclasses.replace(driver, pid=999_999_999)
            store.tag_driver(run.id, dead)
        assert load_specification(store, run.id).to_spec() in (old, seen[-1])
        number += 1
    new = seen[-1]
    assert new["settings"] != old["settings"]
    changed = [spec != old for spec in seen]
    assert number > 4
    assert changed == sorted(changed)  # old ones, then new ones
    name = new["settings"]["compute_target"] or "local"
    assert store.run(run.id).target == name
    assert targets[name].launched[-1] == run.id
    store.run(run.id).driver.end()
    store.set_status(run.id, RunStatus.CANCELED)


def test_a_file_that_comes_between_two_looks(run, client):
    missed = []

    def fault(number, name, call):
        if name == "download_artifacts" and not missed:
            missed.append(name)
            raise MlflowException("No such artifact", RESOURCE_DOES_NOT_EXIST)
        return call()

    file = run.get_file_names()[0]
    client.fault = fault
    assert Path(run.download_file(file, "copy")).stat().st_size
    assert missed
