"""Endpoints on the embedded Ray: requests, updates, faults, deletion without leftovers."""

from __future__ import annotations

import json
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import joblib
import pandas as pd
import pytest
import ray
import requests
from ray.util.state import list_actors

from engine import ConfigException, DataException, Endpoint, RunException
from engine.azureml.core.model import InferenceConfig, Model
from engine.azureml.core.webservice import AciWebservice
from engine.azureml.exceptions import WebserviceException
from engine.cli.parser import main
from tests.live.helpers import customers, leaves, quick_config, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

TABLE = customers(120)
OTHER = customers(20, seed=1)


@pytest.fixture(scope="module")
def run(module_workspace):
    from engine import Experiment

    config = quick_config(
        data_script=None, X=TABLE, y=leaves(TABLE), iterations=2, debug_log=None,
        allowed_models=["LogisticRegression", "DecisionTree"],
    )  # fmt: skip
    run = Experiment(module_workspace, "served").submit(config)
    run.wait_for_completion()
    return run


@pytest.fixture(scope="module")
def endpoint(run):
    endpoint = run.deploy("churn", iteration=0, cores_per_replica=0.5)
    yield endpoint
    endpoint.delete()


class Clients:
    """Clients that send requests until the block ends, and what they were answered."""

    def __init__(self, endpoint: Endpoint, count: int = 4) -> None:
        self.statuses: list[int] = []
        self._url = endpoint.scoring_uri
        self._end = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(count)]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        self.more()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()

    def more(self) -> None:
        """Wait for further answers."""
        until = len(self.statuses) + 20
        wait_until(lambda: len(self.statuses) >= until)

    def _send(self) -> None:
        body = {"dataframe_records": OTHER[:1].to_dict("records")}
        with requests.Session() as session:
            while not self._end.is_set():
                self.statuses.append(session.post(self._url, json=body, timeout=60).status_code)


def replicas() -> list:
    address = ray.get_runtime_context().gcs_address
    alive = list_actors(address=address, filters=[("state", "=", "ALIVE")], detail=True)
    return [actor for actor in alive if actor.class_name.startswith("ServeReplica")]


def test_it_predicts_what_the_model_predicts(run, endpoint):
    model = run.get_output(iteration=0)[1]
    assert endpoint.status == "RUNNING"
    assert endpoint.predict(OTHER).tolist() == model.predict(OTHER).tolist()
    records = OTHER.to_dict("records")
    assert endpoint.predict(records).tolist() == model.predict(OTHER).tolist()
    again = Endpoint(run.experiment.workspace, "churn")
    assert again.scoring_uri == endpoint.scoring_uri
    assert list(run.experiment.workspace.endpoints) == ["churn"]


def test_requests_of_many_clients_and_large_ones_get_their_own_answers(run, endpoint):
    model = run.get_output(iteration=0)[1]
    many = pd.concat([OTHER] * 7000, ignore_index=True)
    rows = many.to_json(orient="split", index=False)
    body = f'{{"dataframe_split": {rows}}}'.encode()
    assert len(body) > 4 << 20  # gRPC's own limit
    with ThreadPoolExecutor(8) as pool:
        large = pool.submit(
            requests.post, endpoint.scoring_uri, data=body, timeout=120,
            headers={"Content-Type": "application/json"},
        )  # fmt: skip
        single = list(pool.map(endpoint.predict, [OTHER[n : n + 1] for n in range(len(OTHER))]))
    assert [answer.tolist() for answer in single] == [[v] for v in model.predict(OTHER).tolist()]
    assert large.result().json()["predictions"] == model.predict(many).tolist()


def test_what_does_not_fit_is_named(endpoint):
    with pytest.raises(DataException, match="column 'age': it is missing"):
        endpoint.predict(OTHER.drop(columns="age"))
    with pytest.raises(DataException, match=r"column 'age': .*'old'.* is no number"):
        endpoint.predict(OTHER.assign(age="old"))
    with pytest.raises(DataException, match="column 'more'"):
        endpoint.predict(OTHER.assign(more=1))


def test_an_update_and_the_way_back_lose_no_request(run, endpoint):
    before = endpoint.version
    with Clients(endpoint) as clients:
        endpoint.update(run, iteration=1, max_batch_size=8)
        clients.more()
        updated = endpoint.predict(OTHER).tolist()
        endpoint.rollback()
        clients.more()
    assert set(clients.statuses) == {200}
    assert updated == run.get_output(iteration=1)[1].predict(OTHER).tolist()
    assert endpoint.version == before + 2
    assert endpoint.predict(OTHER).tolist() == run.get_output(0)[1].predict(OTHER).tolist()
    assert endpoint.get_details()["settings"]["max_batch_size"] == 32


def test_a_killed_replica_comes_back(endpoint):
    [replica] = replicas()
    with Clients(endpoint) as clients:
        os.kill(replica.pid, signal.SIGKILL)
        wait_until(lambda: [r.pid for r in replicas()] not in ([], [replica.pid]))
        wait_until(lambda: requests.get(f"{endpoint.url}/ready", timeout=60).ok)
        clients.more()
    assert set(clients.statuses) <= {200, 500, 503}
    assert clients.statuses[-1] == 200
    assert len(endpoint.predict(OTHER)) == len(OTHER)


def test_a_second_one_of_that_name_is_refused(run, endpoint):
    with pytest.raises(RunException, match="there is an endpoint 'churn' already, RUNNING"):
        run.deploy("churn")
    with pytest.raises(ConfigException, match="cores_per_replica: not a setting"):
        endpoint.update(run, cores_per_replica=2)
    assert endpoint.status == "RUNNING"


def test_without_room_it_says_what_is_missing(run, endpoint):
    cores = ray.cluster_resources()["CPU"]
    with pytest.raises(RunException, match=f"the largest node has {cores:g}"):
        run.deploy("large", cores_per_replica=cores + 1)
    with pytest.raises(RunException, match=r"asks for 9 x 1 = 9 cores, and .* are free"):
        run.deploy("many", num_replicas=9, timeout_seconds=1)
    assert list(run.experiment.workspace.endpoints) == ["churn"]
    assert endpoint.status == "RUNNING"


def test_a_token_is_asked_for(run, endpoint):
    with run.deploy("closed", cores_per_replica=0.5, token="a token of my own") as closed:
        body = {"dataframe_records": OTHER[:1].to_dict("records")}
        assert requests.post(closed.scoring_uri, json=body, timeout=60).status_code == 401
        assert len(closed.predict(OTHER)) == len(OTHER)
    assert "closed" not in run.experiment.workspace.endpoints


def test_the_command_lists_it(run, endpoint, capsys):
    folder = str(run.experiment.workspace.folder)
    assert main(["--workspace", folder, "endpoints"]) == 0
    assert endpoint.scoring_uri in capsys.readouterr().out
    assert main(["--workspace", folder, "endpoints", "churn", "--logs"]) == 0
    logged = capsys.readouterr().out
    assert "POST /churn/invocations 200" in logged
    assert OTHER["plan"][0] not in logged


OLD_SCRIPT = """
import json
import azureml.train.automl
from sklearn.externals import joblib
from azureml.core.model import Model

def init():
    global weight
    weight = joblib.load(Model.get_model_path(model_name="weights"))

def run(rawdata):
    return json.dumps({"result": [weight * value for value in json.loads(rawdata)["data"]]})
"""


def test_a_scoring_script_with_old_names(run, tmp_path, capsys):
    workspace = run.experiment.workspace
    joblib.dump(7, tmp_path / "weights.pkl")
    (tmp_path / "score.py").write_text(OLD_SCRIPT)
    model = Model.register(workspace, str(tmp_path / "weights.pkl"), "weights")
    service = Model.deploy(
        workspace, "old", [model], InferenceConfig(str(tmp_path / "score.py")),
        AciWebservice.deploy_configuration(cpu_cores=0.5),
    )  # fmt: skip
    service.wait_for_deployment(True)
    assert service.state == "Healthy"
    assert json.loads(service.run('{"data": [1, 2]}')) == {"result": [7, 14]}
    with pytest.raises(WebserviceException, match="answered 500"):
        service.run("no json")
    service.delete()
    assert "old" not in workspace.endpoints


def test_nothing_is_left_of_what_is_deleted(run):
    workspace = run.experiment.workspace
    endpoint = run.deploy("gone", cores_per_replica=0.5)
    uri = endpoint.scoring_uri
    assert endpoint.status == "RUNNING"
    assert len(endpoint.predict(OTHER)) == len(OTHER)
    endpoint.delete()
    assert "gone" not in workspace.endpoints
    assert not (workspace.folder / "endpoints" / "gone").exists()
    wait_until(lambda: all("gone" not in r.class_name for r in replicas()))
    with pytest.raises(RunException, match="has been deleted"):
        endpoint.predict(OTHER)
    body = {"dataframe_records": OTHER[:1].to_dict("records")}
    wait_until(lambda: requests.post(uri, json=body, timeout=60).status_code == 404)
    with run.deploy("gone", iteration=1, cores_per_replica=0.5) as again:
        assert again.predict(OTHER).tolist() == run.get_output(1)[1].predict(OTHER).tolist()
