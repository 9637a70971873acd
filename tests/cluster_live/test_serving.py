"""Endpoints on a cluster: deployed by one process, used by others, under Ray's real autoscaler."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cluster import AmlCompute, ComputeTarget
from engine import DataException, Experiment, RunException
from engine.client.endpoint_records import Served
from engine.serving.package import ModelPackage
from tests.client.recorded import TABLE, record_run
from tests.live.helpers import delete_targets
from tests.live.serving import Clients

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def target(module_workspace):
    """A cluster whose head has no core: the autoscaler must bring nodes for replicas."""
    config = AmlCompute.provisioning_configuration(
        resources={"CPU": 1, "memory_gib": 1}, min_nodes=0, max_nodes=1,
        idle_seconds_before_scaledown=300,
    )  # fmt: skip
    try:
        yield ComputeTarget.create(module_workspace, "serving", config)
    finally:
        delete_targets(module_workspace)


@pytest.fixture(scope="module")
def run(module_workspace):
    return record_run(Experiment(module_workspace, "served"))


@pytest.fixture(scope="module")
def endpoint(run, target):
    endpoint = run.deploy("churn", iteration=0, compute_target="serving", cores_per_replica=0.5)
    yield endpoint
    endpoint.delete()


def predictions_of(run, iteration):
    return run.get_output(iteration)[1].predict(TABLE).tolist()


def test_it_outlives_who_deployed_it(run, target, endpoint, module_workspace):
    assert endpoint.predict(TABLE).tolist() == predictions_of(run, 0)
    assert not target.head.running_jobs()
    text = (
        "from engine import Endpoint, Workspace\n"
        "endpoint = Endpoint(Workspace.from_config(), 'churn')\n"
        "print(endpoint.status, endpoint.predict([{'a': 1, 'b': 0, 'c': 0}]).tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", text], cwd=module_workspace.folder.parent,
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout == "RUNNING ['yes']\n", done.stderr
    assert "POST /churn 200" in endpoint.get_logs()
    with pytest.raises(DataException, match="column 'b': it is missing"):
        endpoint.predict(TABLE.drop(columns="b"))


def test_an_update_under_load_and_one_that_fails(run, endpoint):
    [replica] = _replicas(endpoint)
    body = {"dataframe_records": TABLE[:1].to_dict("records")}
    with Clients(endpoint, body) as clients:
        endpoint.update(run, iteration=2)
        clients.more()
        unreadable = Served(ModelPackage(b"no model", None).packed(), "none")
        with pytest.raises(RunException, match="was not updated: .*; version 2 goes on"):
            endpoint.serve_again(unreadable)
        with pytest.raises(RunException, match=r"2 x 0\.5 .* version 2 goes on"):
            endpoint.update(run, iteration=0, num_replicas=3, timeout_seconds=1)
        clients.more()
        endpoint.rollback()
        clients.more()
    assert set(clients.statuses) == {200}
    assert (endpoint.status, endpoint.version) == ("RUNNING", 3)
    assert _replicas(endpoint) == [replica]
    assert endpoint.predict(TABLE).tolist() == predictions_of(run, 0)
