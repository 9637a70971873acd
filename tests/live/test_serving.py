"""Endpoints on the embedded Ray: requests, updates, faults, deletion without leftovers."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import joblib
import pandas as pd
import psutil
import pytest
import ray
import requests
from ray.util.state import list_actors

from engine import ConfigException, DataException, Endpoint, RunException
from engine.azureml.core.model import InferenceConfig, Model
from engine.azureml.core.webservice import AciWebservice
from engine.azureml.exceptions import WebserviceException
from engine.cli.parser import main
from engine.client.endpoint_records import Served
from engine.client.endpoints import deploy
from engine.serving.package import ModelPackage, ScriptPackage
from tests.live.helpers import customers, leaves, quick_config, wait_until
from tests.live.serving import Clients

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


def clients_of(endpoint: Endpoint) -> Clients:
    return Clients(endpoint, {"dataframe_records": OTHER[:1].to_dict("records")})


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
    with clients_of(endpoint) as clients:
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


def test_a_model_that_cannot_be_loaded_is_not_served(run, endpoint):
    [replica] = replicas()
    before = endpoint.version
    with clients_of(endpoint) as clients:
        unreadable = Served(ModelPackage(b"no model", None).packed(), "none")
        with pytest.raises(RunException, match=rf"cannot be loaded: .*; version {before} goes on"):
            endpoint.serve_again(unreadable)
        clients.more()
    assert set(clients.statuses) == {200}
    assert (endpoint.status, endpoint.version) == ("RUNNING", before)
    assert replica.pid in [r.pid for r in replicas()]
    assert endpoint.predict(OTHER).tolist() == run.get_output(0)[1].predict(OTHER).tolist()


def test_a_killed_replica_comes_back(endpoint):
    [replica] = replicas()
    predictions: list[int] = []
    end = threading.Event()

    def predict():
        while not end.is_set():
            predictions.append(len(endpoint.predict(OTHER)))

    thread = threading.Thread(target=predict)
    thread.start()
    with clients_of(endpoint) as clients:
        os.kill(replica.pid, signal.SIGKILL)
        wait_until(lambda: [r.pid for r in replicas()] not in ([], [replica.pid]))
        wait_until(lambda: requests.get(f"{endpoint.url}/ready", timeout=60).ok)
        clients.more()
        until = len(predictions) + 3
        wait_until(lambda: len(predictions) >= until)
    end.set()
    thread.join()
    # Requests that the replica had get 503; `predict` sends them again.
    assert set(clients.statuses) <= {200, 503}
    assert clients.statuses[-1] == 200
    assert set(predictions) == {len(OTHER)}


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"", "application/json", 400, "the body is empty"),
        (b"<x/>", "application/xml", 415, "content type"),
        (b'{"instances": [[Infinity, 1, "none"]]}', "application/json", 422, "column 'age'"),
        (b"x" * (100 << 20), "application/json", 413, "larger than 64 MB"),
    ],
    ids=["empty", "no such type", "infinite", "too large"],
)
def test_what_is_no_request_is_refused(endpoint, body, kind, status, reason):
    headers = {"Content-Type": kind}
    answer = requests.post(endpoint.scoring_uri, data=body, headers=headers, timeout=60)
    assert (answer.status_code, reason in answer.json()["error"]) == (status, True)
    missing = b'{"instances": [[NaN, 1, "none"]]}'
    answer = requests.post(endpoint.scoring_uri, data=missing, timeout=60)
    assert answer.status_code == 200


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
    def deploy_closed() -> Endpoint:
        return run.deploy("closed", cores_per_replica=0.5, token="a token of my own")

    with ThreadPoolExecutor(2) as pool:  # two at once are one endpoint and one error
        both = [pool.submit(deploy_closed) for _ in range(2)]
        errors = [one.exception() for one in both]
    [error] = filter(None, errors)
    assert isinstance(error, RunException)
    assert "there is an endpoint 'closed' already" in str(error)
    with both[errors.index(None)].result() as closed:
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


WAITING = """
import os, time

def init():
    pass

def run(rawdata):
    while not os.path.exists({go!r}):
        time.sleep(0.02)
    return {value}
"""


def test_what_is_too_much_is_to_come_again(run, tmp_path):
    """A script that answers nobody until all clients have sent their requests."""
    # The replica works on one, the next one is on its way to it, and 64 wait in the front.
    go, count, taken = tmp_path / "go", 72, 66

    def waiting(value):
        text = WAITING.format(go=str(go), value=value).encode()
        return Served(ScriptPackage("score.py", {"score.py": text}, {}).packed())

    with (
        deploy(
            run.experiment.workspace, "waiting", waiting(1), cores_per_replica=0.1,
            max_batch_size=1,
        ) as endpoint,
        ThreadPoolExecutor(count) as pool,
    ):  # fmt: skip
        url = f"{endpoint.url}/score"
        asked = [pool.submit(requests.post, url, timeout=120) for _ in range(count)]
        wait_until(lambda: sum(one.done() for one in asked) >= count - taken)
        go.touch()
        answers = [one.result() for one in asked]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert len(refused) == count - taken
        assert all(answer.headers["Retry-After"] == "1" for answer in refused)
        assert {answer.json() for answer in answers if answer.ok} == {1}

        endpoint.serve_again(waiting(2))
        assert requests.post(url, timeout=60).json() == 2
        with pytest.raises(RunException, match=r"NameError: .*'nothing'.*; version 2 goes on"):
            endpoint.serve_again(waiting("0\n\nnothing"))
        endpoint.rollback()
        assert requests.post(url, timeout=60).json() == 1


def metrics_of(endpoint_name):
    """What Ray tells Prometheus of an endpoint: (name, tags) -> value, summed over replicas."""
    found: Counter[tuple[str, str]] = Counter()
    for node in ray.nodes():
        address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        for line in requests.get(address, timeout=30).text.splitlines():
            name, _, rest = line.partition("{")
            tags = dict(re.findall(r'(\w+)="([^"]*)"', rest))
            if tags.get("endpoint") == endpoint_name:
                tag = tags.get("status") or tags.get("column") or ""
                found[name.removeprefix("ray_raysmith_endpoint_"), tag] += float(line.split()[-1])
    return found


def test_its_metrics_are_in_those_of_ray(run):
    """The index of a column whose values are others is large, that of the others small."""
    rows = customers(400, seed=2)
    with run.deploy("watched", cores_per_replica=0.1) as endpoint:
        endpoint.predict(rows.assign(age=rows["age"] + 5))
        with pytest.raises(DataException):
            endpoint.predict(rows.drop(columns="age"))
        wait_until(lambda: ("drift", "age") in metrics_of("watched"), 60)
        found = metrics_of("watched")
    assert found["requests_total", "200"] == found["requests_total", "422"] == 1
    assert found["rows_total", ""] == len(rows)
    assert found["latency_ms_count", ""] == 2
    assert found["drift", "age"] > 1
    assert max(found["drift", "income"], found["drift", "plan"]) < 0.25


def test_the_command_serves_until_ctrl_c(run):
    """The process has a Ray of its own, to which this one goes for changes."""
    workspace = run.experiment.workspace
    command = [sys.executable, "-m", "engine.cli", "serve", run.id, "--iteration", "0",
               "--name", "apart", "--cores", "0.5"]  # fmt: skip
    process = subprocess.Popen(
        command, cwd=workspace.folder.parent, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        said = next(line for line in process.stdout if "serving until Ctrl-C" in line)
        assert said
        endpoint = Endpoint(workspace, "apart")
        assert endpoint.predict(OTHER).tolist() == run.get_output(0)[1].predict(OTHER).tolist()
        endpoint.update(run, iteration=1)
        assert endpoint.predict(OTHER).tolist() == run.get_output(1)[1].predict(OTHER).tolist()
        assert "POST /apart" in endpoint.get_logs()
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60) == ("ending the endpoint\n", None)
        assert process.returncode == 0
        assert "apart" not in workspace.endpoints
        assert psutil.wait_procs(children, timeout=60)[1] == []
    finally:
        process.kill()
        process.wait()


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
