"""Endpoints on a cluster: deployed by one process, used by others, under Ray's real autoscaler."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import joblib
import pytest

from cluster import AmlCompute, ComputeTarget, ComputeTargetException
from cluster.providers.local_processes import marked
from engine import Endpoint, Experiment, RunException
from engine.azureml.core.model import InferenceConfig, Model
from engine.azureml.core.webservice import AksWebservice
from engine.client.endpoint_records import Served
from engine.serving.package import ModelPackage
from tests.client.recorded import TABLE, record_run
from tests.live.helpers import delete_targets, wait_until
from tests.live.serving import Clients

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

OLD_SCRIPT = """
import json
import azureml.train.automl
import helper
from azureml.core.model import Model
from sklearn.externals import joblib

def init():
    global weight
    weight = joblib.load(Model.get_model_path(model_name="weights"))

def run(rawdata):
    return json.dumps({"result": [helper.times(weight, v) for v in json.loads(rawdata)["data"]]})
"""


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


def replicas(target, name):
    """Ids of the processes that hold the model of an endpoint."""
    found = target.head.serve_applications().get(name, {}).get("deployments", {}).values()
    return [replica["pid"] for deployment in found for replica in deployment["replicas"]]


def test_it_outlives_who_deployed_it(run, target, endpoint, module_workspace):
    assert endpoint.predict(TABLE).tolist() == predictions_of(run, 0)
    wait_until(lambda: not target.head.running_jobs())
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
    with pytest.raises(ComputeTargetException, match="is busy with endpoint churn; "):
        target.delete()


@pytest.mark.long
def test_an_update_under_load_and_those_that_fail(run, target, endpoint):
    [replica] = replicas(target, "churn")
    with Clients(endpoint, {"dataframe_records": TABLE[:1].to_dict("records")}) as clients:
        endpoint.update(run, iteration=2)
        clients.more()
        unreadable = Served(ModelPackage(b"no model", None).packed(), "none")
        with pytest.raises(RunException, match=r"cannot be loaded: .*; version 2 goes on"):
            endpoint.serve_again(unreadable)
        with pytest.raises(RunException, match=r"3 x 0\.5 = 1\.5 cores.*; version 2 goes on"):
            endpoint.update(run, iteration=0, num_replicas=3, timeout_seconds=1)
        clients.more()
        endpoint.rollback()
        clients.more()
    assert set(clients.statuses) == {200}
    assert (endpoint.status, endpoint.version) == ("RUNNING", 3)
    assert replicas(target, "churn") == [replica]
    assert endpoint.predict(TABLE).tolist() == predictions_of(run, 0)
    assert "POST /churn" in endpoint.get_logs()


@pytest.mark.long
def test_a_second_one_beside_it(run, target, endpoint, module_workspace):
    with pytest.raises(RunException, match=r"3 x 1 = 3 cores, and 0\.5 of the cluster's 1"):
        run.deploy("many", compute_target=target, num_replicas=3, timeout_seconds=1)
    with run.deploy("second", 2, compute_target=target, cores_per_replica=0.2) as second:
        assert second.predict(TABLE).tolist() == predictions_of(run, 2)
        assert endpoint.predict(TABLE).tolist() == predictions_of(run, 0)
    assert list(target.head.serve_applications()) == list(module_workspace.endpoints) == ["churn"]


@pytest.mark.long
def test_who_attaches_the_cluster_leaves_the_endpoints_of_others(run, target, endpoint, workspace):
    token = target.head.headers["Authorization"].removeprefix("Bearer ")
    attached = ComputeTarget.attach(workspace, "shared", target.address, token=token)
    own = record_run(Experiment(workspace, "served"))
    with pytest.raises(RunException, match="'churn' already, which is not of this workspace"):
        own.deploy("churn", iteration=2, compute_target=attached)
    with own.deploy("own", iteration=2, compute_target=attached, cores_per_replica=0.2) as beside:
        assert beside.predict(TABLE).tolist() == predictions_of(own, 2)
        attached.detach()
        assert beside.status == "NOT_DEPLOYED"
        ComputeTarget.attach(workspace, "shared", target.address, token=token)
        assert beside.status == "RUNNING"
    assert endpoint.predict(TABLE).tolist() == predictions_of(run, 0)


@pytest.mark.long
def test_a_script_with_old_names(target, endpoint, module_workspace):
    joblib.dump(7, "weights.pkl")
    model = Model.register(module_workspace, "weights.pkl", "weights")
    service = Model.deploy(
        module_workspace, "old", [model], script("weight * value"),
        AksWebservice.deploy_configuration(cpu_cores=0.1), target,
    )  # fmt: skip
    assert service.state == "Healthy"
    assert json.loads(service.run('{"data": [1, 2]}')) == {"result": [7, 14]}
    service.update(models=[model], inference_config=script("-weight * value"))
    assert json.loads(service.run('{"data": [1, 2]}')) == {"result": [-7, -14]}
    Endpoint(module_workspace, "old").rollback()
    assert json.loads(service.run('{"data": [1, 2]}')) == {"result": [7, 14]}
    service.delete()
    assert endpoint.status == "RUNNING"


def test_nothing_is_left_of_what_is_deleted(run, target, endpoint, module_workspace):
    endpoint.delete()
    assert "churn" not in module_workspace.endpoints
    assert target.head.serve_applications() == {}
    cluster = target._read()["cluster_id"]

    def names():
        return [" ".join(process.cmdline()) for process in marked("RAYSMITH_CLUSTER", cluster)]

    wait_until(lambda: not any("ray::Serve" in n or "ray::Proxy" in n for n in names()), 60)
    target.delete()
    assert names() == []


def script(body: str) -> InferenceConfig:
    """A scoring script, as it was written for the retired service, and a module beside it."""
    Path("src").mkdir(exist_ok=True)
    Path("src/score.py").write_text(OLD_SCRIPT)
    Path("src/helper.py").write_text(f"def times(weight, value):\n    return {body}\n")
    return InferenceConfig("score.py", source_directory="src")
