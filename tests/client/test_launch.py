"""Compute targets that cannot drive a run."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cluster.errors import ComputeTargetException
from engine import AutoMLConfig
from engine.client import launch
from engine.config.specification import DATA_FILE
from engine.store.driver_identity import Life
from engine.store.status import RunStatus
from tests.client.recorded import record_run


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
        is_reachable_from=lambda uri: True, head=SimpleNamespace(version=version)
    )
    with pytest.raises(ComputeTargetException, match="no answer"):
        launch.check_target(place(automlcl=target), given)


def test_a_driver_that_is_not_taken_fails_the_run(experiment, given):
    run = record_run(experiment, RunStatus.CANCELED)
    launched = []

    def refuse(what):
        launched.append(what)
        raise ComputeTargetException("the cluster is full")

    target = SimpleNamespace(
        is_reachable_from=lambda uri: True,
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
