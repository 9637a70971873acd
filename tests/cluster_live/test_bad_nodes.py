"""Nodes that fail a run's data, and a cluster that has no node yet."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from cluster import AmlCompute, ComputeTarget, RunConfiguration
from cluster.providers.local_processes import NODE_MARK, marked
from engine import AutoMLConfig, DataException, Experiment
from tests.cluster_live.test_local_cluster import WAITING
from tests.live.helpers import delete_targets, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

#: The node that comes first has the data, unless BAD says otherwise. What others do is in BAD.
SCRIPT = """
import os, time
import numpy as np
import ray

def get_data():
    me, first = ray.get_runtime_context().get_node_id(), os.environ["FIRST"]
    try:
        with open(first, "x") as file:
            file.write(f"{me} {os.getpid()}")
        if os.environ["BAD"] in ("first", "all"):
            raise OSError("/data is not mounted")
    except FileExistsError:
        if os.environ["BAD"] == "all":
            raise OSError("/data is not mounted")
        if open(first).read().split()[0] != me:
            open(os.environ["SECOND"], "w").write(me)
            if os.environ["BAD"] == "raise":
                raise OSError("/data is not mounted")
    while os.environ["BAD"] == "wait" and not os.path.exists(os.environ["SECOND"]):
        time.sleep(0.05)
    generator = np.random.default_rng(0)
    X = generator.normal(size=(400, 8))
    return {"X": X, "y": (X[:, 0] + generator.normal(size=400) > 0).astype(int)}
"""

PLAIN = """
import numpy as np

def get_data():
    X = np.random.default_rng(0).normal(size=(400, 8))
    return {"X": X, "y": (X[:, 0] > 0).astype(int)}
"""

DRIVER = """
import sys
from engine import AutoMLConfig, Experiment, Workspace

run = Experiment(Workspace.from_config(), "submitted").submit(AutoMLConfig(
    "classification", data_script="project/plain.py", iterations=2, n_cross_validations=3,
    allowed_models=["LogisticRegression", "DecisionTree"], enable_voting_ensemble=False,
    enable_stack_ensemble=False, model_explainability=False, debug_log=None,
))
print(run.wait_for_completion(timeout_seconds=240))
"""


@pytest.fixture(scope="module")
def place(module_workspace):
    Path("project").mkdir()
    Path("project/get_data.py").write_text(SCRIPT)
    Path("project/plain.py").write_text(PLAIN)
    Path("project/sitecustomize.py").write_text(WAITING)
    yield module_workspace
    delete_targets(module_workspace)


@pytest.fixture(scope="module")
def target(place):
    """A cluster whose workers, of one core each, come when they are asked for."""
    config = AmlCompute.provisioning_configuration(
        resources={"CPU": 1, "memory_gib": 1}, min_nodes=0, max_nodes=2,
        idle_seconds_before_scaledown=300,
    )  # fmt: skip
    return ComputeTarget.create(place, "nodes", config)


def variables(name, bad):
    names = {"FIRST": f"first-{name}", "SECOND": f"second-{name}"}
    paths = {key: str(Path(file).absolute()) for key, file in names.items()}
    go = {"PYTHON_GO": paths["SECOND"]} if bad == "raise" else {}
    return paths | go | {"BAD": bad}


def submit(place, target, name, bad, **changes):
    configuration = RunConfiguration()
    configuration.target = target
    configuration.environment.environment_variables = variables(name, bad)
    settings = {
        "task": "classification",
        "path": "project",
        "data_script": "project/get_data.py",
        "run_configuration": configuration,
        "allowed_models": ["LogisticRegression", "DecisionTree"],
        "iterations": 8,
        "n_cross_validations": 3,
        "max_concurrent_iterations": 2,
        "enable_voting_ensemble": False,
        "enable_stack_ensemble": False,
        "model_explainability": False,
    }
    return Experiment(place, name).submit(AutoMLConfig(**(settings | changes)))


def test_a_script_on_a_cluster_without_workers(place, target):
    """As ``ray submit`` runs it: nobody but the run asks for a node."""
    assert target.list_nodes() == []
    environment = {
        **os.environ,
        **target._provider().environment(),
        "RAY_ADDRESS": target._read()["gcs"],
    }
    done = subprocess.run(
        [sys.executable, "-c", DRIVER],
        env=environment, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert "Completed" in done.stdout, done.stdout[-2000:] + done.stderr[-2000:]
    assert target.list_nodes()


@pytest.mark.long
def test_a_node_that_is_lost_while_it_reads_the_data(place, target):
    run = submit(place, target, "lost", "wait")
    first = Path("first-lost")
    wait_until(lambda: first.exists() and len(first.read_text().split()) == 2, 120)
    mark = psutil.Process(int(first.read_text().split()[1])).environ()[NODE_MARK]
    for process in list(marked(NODE_MARK, mark)):
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGKILL)
    Path("second-lost").touch()
    assert run.wait_for_completion(timeout_seconds=300) == "Completed"
    assert set(run.summary()["status"]) <= {"Completed", "Pruned"}


def test_another_node_comes_when_the_first_cannot_read_the_data(place, target):
    """One node is up, and the autoscaler may start one more."""
    assert len(target.list_nodes()) < 2
    run = submit(place, target, "first", "first", iterations=2)
    assert run.wait_for_completion(timeout_seconds=300) == "Completed"
    first = Path("first-first").read_text().split()[0]
    records = place.store.iterations(run.id)
    assert records
    assert first not in {record.properties.node_id for record in records}
    (note,) = [n for n in place.store.run(run.id).notes if "takes no part" in n]
    assert "/data is not mounted" in note


@pytest.mark.long
def test_no_other_node_can_come(place, target):
    """Two nodes are up: the autoscaler refuses a third one."""
    target.update(min_nodes=2)
    target.wait_for_completion(timeout_in_minutes=3)
    run = submit(place, target, "all", "all")
    with pytest.raises(DataException, match="/data is not mounted"):
        run.wait_for_completion(timeout_seconds=120)


@pytest.mark.long
def test_a_node_that_cannot_read_the_data(place, target):
    target.update(min_nodes=2)
    target.wait_for_completion(timeout_in_minutes=3)
    # No fit on the good node ends before the other one has been asked for the data.
    run = submit(place, target, "bad", "raise", allowed_models=["LogisticRegression"])
    assert run.wait_for_completion(timeout_seconds=400) == "Completed"
    first, second = (Path(f"{which}-bad").read_text().split()[0] for which in ("first", "second"))
    assert first != second
    records = place.store.iterations(run.id)
    assert {record.status.value for record in records} <= {"Completed", "Pruned"}
    assert {record.properties.node_id for record in records} == {first}
    (note,) = [n for n in place.store.run(run.id).notes if "takes no part" in n]
    assert "/data is not mounted" in note
