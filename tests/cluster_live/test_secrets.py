"""Secrets of a remote run, planted and looked for; clusters whose creation is interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import psutil
import pytest

from cluster import AmlCompute, ComputeTarget, RunConfiguration
from cluster.providers.local_processes import CLUSTER_MARK
from cluster.targets.compute_target import open_target
from cluster.targets.registry import names
from engine import AutoMLConfig, AutoMLRun, ConfigException, Experiment, Workspace
from tests.live.helpers import wait_until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

IN_URI, IN_VARIABLE = "planted-in-the-uri-4711", "planted-in-a-variable-0815"

CONNECTING = """
import os
import numpy as np

def get_data():
    print("connecting with", os.environ["DB_PASSWORD"], "and", os.environ["OMP_NUM_THREADS"])
    assert "RAYSMITH_TRACKING_URI" not in os.environ
    generator = np.random.default_rng(0)
    X = generator.normal(size=(200, 3))
    return {"X": X, "y": (X[:, 0] > 0).astype(int)}
"""


def configuration():
    return AmlCompute.provisioning_configuration(
        resources={"CPU": 1, "memory_gib": 1}, min_nodes=0, max_nodes=1,
        idle_seconds_before_scaledown=60,
    )  # fmt: skip


class CommandLines(threading.Thread):
    """Looks for planted texts in the command lines of all processes, again and again."""

    def __init__(self):
        super().__init__(daemon=True)
        self.found = set()
        self.looks = 0
        self.end = threading.Event()

    def run(self):
        while not self.end.wait(0.2):
            for process in psutil.process_iter():
                with contextlib.suppress(psutil.Error, OSError):
                    line = " ".join(process.cmdline())
                    if IN_URI in line or IN_VARIABLE in line:
                        self.found.add(line)
            self.looks += 1


def holding(*folders):
    """The files that hold a planted text."""
    found = []
    for folder in folders:
        for file in Path(folder).rglob("*"):
            # Ray removes some while it works.
            with contextlib.suppress(FileNotFoundError):
                if file.is_file() and not file.is_symlink():
                    content = file.read_bytes()
                    if IN_URI.encode() in content or IN_VARIABLE.encode() in content:
                        found.append(file)
    return found


@pytest.mark.long
def test_planted_secrets_are_found_nowhere(tmp_path, monkeypatch, tracking_server, capfd):
    monkeypatch.chdir(tmp_path)
    project = tmp_path / "project"
    project.mkdir()
    (project / "get_data.py").write_text(CONNECTING)
    (project / ".env").write_text(f"DB_PASSWORD={IN_VARIABLE}")
    workspace = Workspace.create("w", tracking_server.replace("://", f"://ada:{IN_URI}@"))
    watch = CommandLines()
    watch.start()
    target = ComputeTarget.create(workspace, "secret", configuration())
    try:
        session = Path(tempfile.gettempdir()) / f"rs-{target._read()['cluster_id'][:8]}"
        run_configuration = RunConfiguration()
        run_configuration.target = target
        run_configuration.environment.environment_variables = {
            "DB_PASSWORD": IN_VARIABLE,
            "OMP_NUM_THREADS": "1",
        }
        config = AutoMLConfig(
            "classification", path="project", data_script="project/get_data.py",
            run_configuration=run_configuration, allowed_models=["DecisionTree"], iterations=2,
            enable_voting_ensemble=False, enable_stack_ensemble=False,
        )  # fmt: skip
        experiment = Experiment(workspace, "e")
        run = experiment.submit(config)
        run.wait_for_completion(show_output=True)
        assert run.get_status() == "Completed"
        texts = [repr(x) for x in (config, run_configuration, run, workspace, target)]
        texts += [str(run.get_details()), run.get_portal_url(), str(target.head.jobs())]
        texts += [str(target.serialize()), *capfd.readouterr()]
        run.report("report.html")
        run.register_model("mine")
        # Another process knows the name of the variable, and not its value.
        with monkeypatch.context() as patch:
            patch.setattr("engine.client.launch._secrets", {})
            with pytest.raises(ConfigException, match="environment variable 'DB_PASSWORD'"):
                AutoMLRun(experiment, run.id).continue_experiment(iterations=1)
        run.continue_experiment(iterations=1)
        run.wait_for_completion()
        assert len(run.get_children()) == 3
        log = run.store.read_bytes(run.id, "logs/get_data.log").decode()
        assert "connecting with *** and 1" in log
    finally:
        watch.end.set()
        watch.join()
        try:
            left = holding(session)
        finally:
            target.delete(force=True)
    assert watch.looks > 20
    assert watch.found == set()
    assert left == []
    for text in texts:
        assert IN_URI not in text
        assert IN_VARIABLE not in text
    config_file = workspace.folder / "config.json"
    assert config_file.stat().st_mode & 0o077 == 0
    store = Path(run.store.client.get_run(run.id).info.artifact_uri.removeprefix("file://"))
    kept = holding(tmp_path, store.parents[1])
    assert kept == [config_file, project / ".env"] or kept == [project / ".env", config_file]


def of_cluster(mark):
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(CLUSTER_MARK) == mark:
                found.append(process.name())
    return found


@pytest.mark.long
@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_a_creation_that_is_interrupted(tmp_path, monkeypatch, sign):
    monkeypatch.chdir(tmp_path)
    workspace = Workspace.from_config()
    code = (
        "from engine import Workspace; from cluster import ComputeTarget; "
        "from tests.cluster_live.test_secrets import configuration; "
        "ComputeTarget.create(Workspace.from_config(), 'x', configuration())"
    )
    root = Path(__file__).parents[2]
    client = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(root)},
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: names(workspace) == ["x"], 60)
    mark = open_target(workspace, "x")._read()["cluster_id"]
    wait_until(lambda: "gcs_server" in of_cluster(mark), 60)
    client.send_signal(sign)
    assert client.wait(60) != 0
    if sign == signal.SIGKILL:
        assert of_cluster(mark)
        target = open_target(workspace, "x")
        assert "was interrupted" in target.get_status().errors[0]
        target.delete()
    assert of_cluster(mark) == []
    assert names(workspace) == []
    assert not (Path(tempfile.gettempdir()) / f"rs-{mark[:8]}").exists()
