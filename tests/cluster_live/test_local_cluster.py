"""Remote runs on a cluster of raylets under Ray's real autoscaler."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from pathlib import Path

import psutil
import pytest

from cluster import AmlCompute, ComputeTarget, ComputeTargetException, RunConfiguration
from cluster.providers.local_processes import CLUSTER_MARK, NODE_MARK, marked
from engine import AutoMLConfig, AutoMLRun, Experiment, RunException, Workspace
from tests.live.helpers import delete_targets, statuses, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

NOTEBOOK = Path(__file__).parents[2] / "examples" / "remote.ipynb"

COUNTING = """
import os
import numpy as np
import ray

def get_data():
    with open(os.environ["CALLS"], "a") as file:
        file.write(ray.get_runtime_context().get_node_id() + "\\n")
    print("hello from get_data")
    generator = np.random.default_rng(0)
    X = generator.normal(size=(400, 8))
    return {"X": X, "y": (X[:, 0] + generator.normal(size=400) > 0).astype(int)}
"""

#: Ray puts a job's folder on the path of its workers, where Python looks for this module. Variables
#: with the prefix PYTHON are there at that time, others only a moment later.
WAITING = """
import os, sys, time

if os.environ.get("PYTHON_GO") and "default_worker" in " ".join(sys.orig_argv):
    from sklearn.linear_model import LogisticRegression

    def fit(self, *args, _fit=LogisticRegression.fit, **kwargs):
        while not os.path.exists(os.environ["PYTHON_GO"]):
            time.sleep(0.05)
        return _fit(self, *args, **kwargs)

    LogisticRegression.fit = fit
"""


@pytest.fixture(scope="module")
def place(module_workspace):
    """A workspace for a cluster of one-core nodes, its folder the working directory."""
    Path("project").mkdir()
    Path("project/get_data.py").write_text(COUNTING)
    Path("project/sitecustomize.py").write_text(WAITING)
    patch = pytest.MonkeyPatch()
    # A package that does not exist is not there at the third try either, and a try takes long.
    patch.setenv("RUNTIME_ENV_RETRY_TIMES", "1")
    try:
        yield module_workspace
    finally:
        patch.undo()
        delete_targets(module_workspace)


@pytest.fixture(scope="module")
def target(place):
    config = AmlCompute.provisioning_configuration(
        resources={"CPU": 1, "memory_gib": 1}, min_nodes=2, max_nodes=3,
        idle_seconds_before_scaledown=4,
    )  # fmt: skip
    made = []

    def make():
        made.append(ComputeTarget.create(place, "automlcl", config))

    # Two at once are one cluster.
    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made[0].address == made[1].address
    return made[0]


def remote(target, variables=None, **changes):
    """Iterations of some seconds each: many folds of a light model."""
    configuration = RunConfiguration()
    configuration.target = target
    calls = {"CALLS": str(Path("calls").absolute())}
    configuration.environment.environment_variables = calls | (variables or {})
    settings = {
        "task": "classification",
        "path": "project",
        "data_script": "project/get_data.py",
        "run_configuration": configuration,
        "allowed_models": ["LightGBM", "LogisticRegression", "GradientBoosting"],
        "iterations": 4,
        "n_cross_validations": 30,
        "max_concurrent_iterations": 3,
        "enable_voting_ensemble": False,
        "enable_stack_ensemble": False,
    }
    return AutoMLConfig(**(settings | changes))


def text_of(cell):
    parts = []
    for output in cell.get("outputs", []):
        parts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    return "".join(parts)


def kill_node_of(pid: int) -> None:
    """As if the machine were taken away: every process of the node is gone at once."""
    mark = psutil.Process(pid).environ()[NODE_MARK]
    for process in list(marked(NODE_MARK, mark)):
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)


def addresses(target) -> set[tuple[str, str]]:
    """Name and address of each process of the cluster that listens to TCP."""
    found = set()
    for process in marked(CLUSTER_MARK, target._read()["cluster_id"]):
        with contextlib.suppress(psutil.Error):
            for connection in process.net_connections("tcp"):
                if connection.status == psutil.CONN_LISTEN:
                    found.add((process.name(), connection.laddr.ip))
    return found


def test_nodes_come_up(target, capsys):
    status = target.wait_for_completion(show_output=True, timeout_in_minutes=5)
    assert status.current_node_count >= 2
    assert "ready" in capsys.readouterr().out
    nodes = target.list_nodes()
    assert len({node["nodeId"] for node in nodes}) == len(nodes) >= 2
    assert all(node["resources"]["CPU"] == 1 for node in nodes)


def test_more_nodes_come_when_they_are_waited_for_and_leave_when_idle(target):
    status = target.wait_for_completion(min_node_count=3, timeout_in_minutes=5)
    assert status.current_node_count == 3
    wait_until(lambda: target.get_status().current_node_count == 2, 120)
    wait_until(lambda: not target.head.running_jobs(), 60)


def test_another_process_finds_it(place, target):
    again = AmlCompute(Workspace.from_config(place.folder / "config.json"), "automlcl")
    assert again.address == target.address
    assert again.serialize()["status"]["scale_settings"]["maxNodes"] == 3
    assert "automlcl" in place.compute_targets


def test_a_run_survives_the_loss_of_a_node(place, target, capsys):
    experiment = Experiment(place, "remote")
    # No fit ends until two nodes have read the data and were seen at an iteration each, however
    # slowly the second one starts.
    go = Path("go").absolute()
    calls = Path("calls")
    run = experiment.submit(
        remote(
            target,
            variables={"PYTHON_GO": str(go)},
            iterations=6,
            n_cross_validations=3,
            enable_early_stopping=False,
            allowed_models=["LogisticRegression"],
        )
    )
    with pytest.raises(ComputeTargetException, match="is busy with raysmith-"):
        target.delete()

    def nodes_at_work():
        found = {}
        for child in run.get_children():
            properties = child.get_properties()
            if child.get_status() == "Running" and "pid" in properties:
                found[properties["node_id"]] = int(properties["pid"])
        return found

    # An iteration is "Running" from its start, and its node reads the data after that.
    def both_have_data():
        nodes = nodes_at_work()
        return len(nodes) >= 2 and calls.exists() and set(nodes) <= set(calls.read_text().split())

    wait_until(both_have_data, 180)
    kill_node_of(next(iter(nodes_at_work().values())))
    go.touch()
    AutoMLRun(experiment, run.id).wait_for_completion(show_output=True, timeout_seconds=400)
    assert run.get_status() == "Completed"
    summary = run.summary()
    assert summary["iteration"].tolist() == list(range(6))
    assert set(summary["status"]) <= {"Completed", "Pruned"}
    records = place.store.iterations(run.id)
    reasons = [reason for record in records for reason in record.retries]
    assert reasons
    assert all("lost" in reason for reason in reasons)
    out = capsys.readouterr().out
    assert "Running on remote compute: automlcl" in out
    assert " Retried " in out
    nodes = calls.read_text().split()
    assert len(nodes) == len(set(nodes)) >= 2
    assert {r.properties.node_id for r in records} <= set(nodes)
    assert "hello from get_data" in run.get_children()[0].get_logs()
    assert {"logs/automl.log", "report.html"} <= set(run.get_file_names())
    assert run.get_output()[1].predict([[0.0] * 8]).shape == (1,)


def raylet_of(pid: int) -> psutil.Process:
    """The raylet of a node that a process belongs to."""
    mark = psutil.Process(pid).environ()[NODE_MARK]
    [raylet] = [p for p in marked(NODE_MARK, mark) if p.name() == "raylet"]
    return raylet


def kill_both(pids: list[int]) -> None:
    """End two raylets with no time between them; the rest of each node ends with its raylet."""
    raylets = [raylet_of(pid) for pid in pids]
    for raylet in raylets:
        raylet.send_signal(signal.SIGSTOP)
    for raylet in raylets:
        raylet.send_signal(signal.SIGKILL)


#: How nodes are lost, given a process of each of the two nodes at work.
LOSSES = {
    "two raylets are killed at once": kill_both,
    "a raylet is told to end": lambda pids: raylet_of(pids[0]).send_signal(signal.SIGTERM),
}


@pytest.mark.long
@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_nodes_that_are_lost_at_once_or_with_notice(place, target, lose):
    name = f"loss-{list(LOSSES.values()).index(lose)}"
    go = Path(f"go-{name}").absolute()
    config = remote(
        target, {"PYTHON_GO": str(go), "CALLS": str(Path(f"calls-{name}").absolute())},
        iterations=4, n_cross_validations=3, allowed_models=["LogisticRegression"],
        enable_early_stopping=False,
    )  # fmt: skip
    run = Experiment(place, name).submit(config)

    def at_work():
        found = {}
        for child in run.get_children():
            properties = child.get_properties()
            if child.get_status() == "Running" and "pid" in properties:
                found[properties["node_id"]] = int(properties["pid"])
        return found

    wait_until(lambda: len(at_work()) >= 2, 180)
    lose(list(at_work().values())[:2])
    go.touch()
    assert run.wait_for_completion(timeout_seconds=400) == "Completed"
    summary = run.summary()
    assert summary["iteration"].tolist() == list(range(4))
    assert set(summary["status"]) <= {"Completed", "Pruned"}


@pytest.mark.long
def test_a_driver_that_dies_is_started_again(place, target):
    run = Experiment(place, "remote").submit(remote(target, n_cross_validations=10))
    wait_until(lambda: "Completed" in statuses(run).values(), 180)
    before = {r.iteration: r.ended for r in place.store.iterations(run.id) if r.ended}
    first = place.store.run(run.id).driver
    os.kill(first.pid, signal.SIGKILL)
    assert run.wait_for_completion(timeout_seconds=300) == "Completed"
    assert place.store.run(run.id).driver.pid != first.pid
    after = {r.iteration: r.ended for r in place.store.iterations(run.id)}
    assert sorted(after) == [0, 1, 2, 3]
    assert {n: after[n] for n in before} == before


@pytest.mark.long
def test_packages_that_cannot_be_installed(place, target):
    config = remote(target)
    configuration = RunConfiguration()
    from cluster import CondaDependencies

    configuration.environment.python.conda_dependencies = CondaDependencies.create(
        pip_packages=["raysmith-needs-no-such-package==9.9"]
    )
    config = remote(target, compute_target="automlcl", run_configuration=configuration)
    run = Experiment(place, "remote").submit(config)
    with pytest.raises(RunException, match="raysmith-needs-no-such-package"):
        run.wait_for_completion(timeout_seconds=240)
    assert run.get_status() == "Failed"


@pytest.mark.long
def test_cancel_from_elsewhere(place, target):
    run = Experiment(place, "remote").submit(remote(target, iterations=50))
    wait_until(lambda: "Running" in statuses(run).values(), 180)
    # Head, nodes, driver and trials: nobody beyond this machine reaches any of them.
    listening = addresses(target)
    assert {name for name, _ in listening} >= {"gcs_server", "raylet"}
    assert {address.removeprefix("::ffff:") for _, address in listening} == {"127.0.0.1"}
    again = AutoMLRun(Experiment(Workspace.from_config(place.folder), "remote"), run.id)
    again.cancel()
    assert again.wait_for_completion(timeout_seconds=60) == "Canceled"


def test_a_head_that_is_lost(place, target):
    run = Experiment(place, "remote").submit(remote(target, n_cross_validations=10, iterations=3))
    wait_until(lambda: "Completed" in statuses(run).values(), 240)
    done = [n for n, status in statuses(run).items() if status == "Completed"]
    target._provider().down()
    with pytest.raises(RunException, match=r"run\.resume\(\) goes on"):
        run.wait_for_completion(timeout_seconds=60)
    assert target.get_status().provisioning_state == "Failed"
    with pytest.raises(ComputeTargetException, match="is gone"):
        target.wait_for_completion()
    new = ComputeTarget.create(place, "automlcl", target.provisioning)
    assert new.get_status().provisioning_state == "Succeeded"
    ended = {r.iteration: r.ended for r in place.store.iterations(run.id)}
    run.resume()
    assert run.wait_for_completion(timeout_seconds=300) == "Completed"
    after = {r.iteration: r.ended for r in place.store.iterations(run.id)}
    assert sorted(after) == [0, 1, 2]
    assert all(after[n] == ended[n] for n in done)


@pytest.mark.long
def test_a_head_whose_control_store_is_killed(place, target):
    """Ray ends what is connected to it after a minute; the client lives on."""
    run = Experiment(place, "remote").submit(remote(target, n_cross_validations=10, iterations=3))
    wait_until(lambda: "Completed" in statuses(run).values(), 240)
    ended = {r.iteration: r.ended for r in place.store.iterations(run.id) if r.ended}
    cluster, provisioning = target._read()["cluster_id"], target.provisioning
    [gcs] = [p for p in marked("RAYSMITH_CLUSTER", cluster) if p.name() == "gcs_server"]
    gcs.kill()
    wait_until(lambda: run.get_status() in ("Failed", "Completed"), 180)
    target.delete(force=True)
    assert list(marked("RAYSMITH_CLUSTER", cluster)) == []
    ComputeTarget.create(place, "automlcl", provisioning)
    if run.get_status() == "Failed":
        run.resume()
    assert run.wait_for_completion(timeout_seconds=300) == "Completed"
    after = {r.iteration: r.ended for r in place.store.iterations(run.id)}
    assert sorted(after) == [0, 1, 2]
    assert {number: after[number] for number in ended} == ended


def test_nodes_go_when_idle(target):
    target.update(min_nodes=0, idle_seconds_before_scaledown=2)
    wait_until(lambda: not target.list_nodes(), 120)
    assert target.get_status().scale_settings["minNodes"] == 0
    with pytest.raises(ComputeTargetException, match="max_nodes=0"):
        target.update(max_nodes=0)


@pytest.mark.long
def test_the_notebook_on_a_cluster_that_grows_from_nothing(place, target, monkeypatch):
    """The example's notebook, from top to bottom; its last cell ends the cluster."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("anywidget")
    monkeypatch.setenv("ITERATIONS", "3")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    cluster_id = target._read()["cluster_id"]
    folder = {"metadata": {"path": os.getcwd()}}
    nbclient.NotebookClient(notebook, timeout=400, resources=folder).execute()
    said = "\n".join(text_of(cell) for cell in notebook.cells)
    assert "automlcl: ready" in said
    assert "Running on remote compute: automlcl" in said
    assert "StackEnsemble" in said
    assert "IterationRun(iteration=" in said
    widgets = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert len(widgets) == 1
    assert "digits" in place.models
    assert set(place.compute_targets) == {"local"}
    assert list(marked("RAYSMITH_CLUSTER", cluster_id)) == []
