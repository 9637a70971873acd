"""Ray's cluster launcher on hosts of one's own: up, submit, remote runs, down, over SSH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import requests

from cluster import AmlCompute, ComputeTarget, ComputeTargetException
from engine import AutoMLConfig, Experiment, Workspace
from tests.client.recorded import TABLE, record_run
from tests.cluster_live.hosts import some_hosts
from tests.live.helpers import delete_targets, free_port, server

pytestmark = [pytest.mark.ray, pytest.mark.long, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    with some_hosts(3, tmp_path_factory.mktemp("hosts")) as made:
        yield made


@pytest.fixture(scope="module")
def mlflow_server(hosts, tmp_path_factory):
    """The address of an MLflow server that the hosts reach."""
    folder, port = tmp_path_factory.mktemp("server"), free_port(hosts.here)
    command = [sys.executable, "-m", "mlflow", "server", "--host", hosts.here, "--port", str(port),
               "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--workers", "1",
               "--artifacts-destination", str(folder / "artifacts")]  # fmt: skip
    address = f"http://{hosts.here}:{port}"
    with server(command, f"{address}/health", folder / "log"):
        yield address


@pytest.fixture(scope="module")
def place(mlflow_server, tmp_path_factory):
    folder = tmp_path_factory.mktemp("place")
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield Workspace.create("own hosts", tracking_uri=mlflow_server)
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def target(place, hosts):
    config = AmlCompute.provisioning_configuration(
        resources={"CPU": 1}, provider="on_prem", hosts=hosts.addresses, max_nodes=2,
        min_nodes=1, admin_user_ssh_key=str(hosts.key), idle_seconds_before_scaledown=600,
    )  # fmt: skip
    target = ComputeTarget.create(place, "ours", config)
    try:
        try:
            target.wait_for_completion(timeout_in_minutes=3)
        except ComputeTargetException:
            # Ray gives its own processes 30 s, which a busy machine may need, and does not try
            # again on a host it was told of.
            target.delete(force=True)
            target = ComputeTarget.create(place, "ours", config)
            target.wait_for_completion(timeout_in_minutes=5)
        yield target
    finally:
        delete_targets(place)


def test_it_comes_up(target):
    status = target.wait_for_completion(timeout_in_minutes=6)
    assert status.current_node_count >= 1
    assert target.get_status().provisioning_state == "Succeeded"
    assert target.address.startswith("http://127.0.0.1:")
    target.update(idle_seconds_before_scaledown=500)
    assert target.get_status().scale_settings["idleSecondsBeforeScaledown"] == 500
    assert "idle_timeout_minutes: 8.333" in Path(target.cluster_file).read_text()


def test_ray_submit(target):
    """The example's driver, as cluster.yaml says: the run is in the head's own MLflow server."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "submit", target.cluster_file]
    driver = str(ROOT / "examples" / "digits" / "driver.py")
    done = subprocess.run(
        [*command, driver, "--", "--iterations", "3"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "ITERATION" in done.stdout
    assert "Best iteration" in done.stdout
    assert "StackEnsemble" in done.stdout


def test_ray_job_submit(target):
    """A job's folder is the working directory on every host: the workers find get_data.py there."""
    token = Path(target.cluster_file).with_name("token")
    done = subprocess.run(
        [sys.executable, "-m", "ray.scripts.scripts", "job", "submit", "--address", target.address,
         "--working-dir", str(ROOT / "examples" / "digits"), "--",
         "python3", "driver.py", "--iterations", "2"],
        capture_output=True, text=True, check=False, timeout=600,
        env={**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "Best iteration" in done.stdout


def test_a_remote_run(place, target, hosts):
    shutil.copytree(ROOT / "examples" / "digits", "project")
    config = AutoMLConfig(
        task="classification", path="project", data_script="project/get_data.py",
        compute_target=target, iterations=4, n_cross_validations=3, max_concurrent_iterations=2,
        enable_stack_ensemble=False, enable_voting_ensemble=False,
        allowed_models=["LogisticRegression", "DecisionTree"],
    )  # fmt: skip
    run = Experiment(place, "remote").submit(config)
    assert run.wait_for_completion(timeout_seconds=600) == "Completed"
    nodes = {child.get_properties()["node_ip"] for child in run.get_children()}
    assert nodes <= set(hosts.addresses[1:])
    assert run.get_output()[1].predict([[0.0] * 64]).shape == (1,)


def test_an_endpoint_that_other_machines_reach(place, target, hosts):
    run = record_run(Experiment(place, "served"))
    with run.deploy("churn", compute_target=target, cores_per_replica=0.5) as endpoint:
        assert endpoint.url.startswith(f"http://{hosts.addresses[0]}:")
        body = {"dataframe_records": TABLE.to_dict("records")}
        assert requests.post(endpoint.scoring_uri, json=body, timeout=60).status_code == 401
        expected = run.get_output()[1].predict(TABLE).tolist()
        assert endpoint.predict(TABLE).tolist() == expected
    assert target.head.serve_applications() == {}


def refuses(address):
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=5)


def test_ray_down(place, target):
    address = target.address
    target._provider().close_tunnel()
    refuses(address)  # at once, though ssh keeps its connection for ten seconds
    address = target.address
    target.delete(force=True)
    assert "ours" not in place.compute_targets
    refuses(address)
