"""Commands on runs that have ended, without Ray."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest
import yaml

from engine import Experiment
from engine.cli import commands
from engine.cli.parser import main
from engine.store.status import IterationStatus, RunStatus
from tests.client.recorded import BEST, LABELS, TABLE, record_run


@pytest.fixture(scope="module")
def run(module_workspace):
    return record_run(Experiment(module_workspace, "recorded"))


@pytest.fixture(autouse=True)
def _in_workspace(request, module_workspace, monkeypatch):
    """Commands look for the workspace from the working directory upward."""
    if "run" in request.fixturenames:
        monkeypatch.chdir(module_workspace.folder.parent)


def test_runs_are_listed(run, capsys):
    assert main(["runs", "--json"]) == 0
    expected = {"run": run.id, "status": "Completed", "experiment": "recorded"}
    assert json.loads(capsys.readouterr().out) == [expected]
    assert main(["runs"]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split() == ["run", "status", "experiment"]
    assert row.split() == [run.id, "Completed", "recorded"]


def test_a_command_that_makes_a_workspace_says_so_beside_its_output(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["runs", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out) == []
    assert said.err.startswith("new workspace")


def test_iterations_are_printed(run, capsys):
    assert main(["show", run.id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["run"], shown["status"], shown["url"]) == (
        run.id,
        "Completed",
        run.get_portal_url(),
    )
    assert [row["accuracy"] for row in shown["iterations"]] == [0.7, None, 0.9, 0.8]
    assert main(["show", run.id]) == 0
    first, heading, *rows = capsys.readouterr().out.splitlines()
    assert first == f"{run.id}  Completed  {run.get_portal_url()}"
    assert heading.split()[:3] == ["iteration", "pipeline", "duration"]
    assert rows[1].split()[-3:] == ["Failed", "ValueError:", "bad"]


def test_logs_are_printed(run, capsys):
    assert main(["logs", run.id, "1", "--follow"]) == 0
    assert capsys.readouterr().out == "log of 1\n"
    assert main(["logs", run.id, "9"]) == 1
    assert capsys.readouterr().err == f"raysmith: run {run.id} has no iteration 9\n"


def test_a_growing_log_is_followed(monkeypatch, capsys):
    texts = iter(["one\n", "one\ntwo\n", "another node\n"])
    states = iter([IterationStatus.RUNNING, IterationStatus.RETRIED, IterationStatus.COMPLETED])

    class Child:
        iteration = 3

        def get_logs(self):
            return next(texts)

        def get_status(self):
            return next(states).value

    class Run:
        def get_children(self):
            return [Child()]

    monkeypatch.setattr(commands, "open_run", lambda options: Run())
    monkeypatch.setattr(commands, "_FOLLOW_SECONDS", 0)
    assert main(["logs", "RUN", "3", "-f"]) == 0
    assert capsys.readouterr().out == "one\ntwo\nanother node\n"


def test_predictions_are_written(run, capsys):
    TABLE.to_csv("table.csv", index=False)
    assert main(["predict", run.id, "table.csv", "out.csv"]) == 0
    predicted = pd.read_csv("out.csv")
    assert list(predicted) == ["prediction", "probability_no", "probability_yes"]
    assert (predicted["prediction"] == LABELS).mean() > 0.9
    assert main(["predict", run.id, "table.csv", "-", "--iteration", "0"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(TABLE) + 1
    assert main(["predict", run.id, "table.csv", "-", "--iteration", "1"]) == 1
    assert "iteration 1 has no model: Failed" in capsys.readouterr().err


def test_a_model_is_exported(run, capsys):
    assert main(["export", run.id, "--mlflow", "new/model"]) == 0
    assert capsys.readouterr().out == "new/model\n"
    model = mlflow.pyfunc.load_model("new/model")
    assert list(model.predict(TABLE)) == list(run.get_output()[1].predict(TABLE))
    assert main(["export", run.id, "--mlflow", "new/model"]) == 1
    assert "new/model exists; name a new folder" in capsys.readouterr().err
    assert main(["export", run.id, "--onnx", "new/model"]) == 1
    assert "name a new file" in capsys.readouterr().err


def test_a_report_is_written(run, capsys):
    assert main(["report", run.id, "-o", "there/report.html"]) == 0
    assert capsys.readouterr().out == "there/report.html\n"
    assert f'"best": {BEST}' in Path("there/report.html").read_text()


def test_a_run_is_canceled(experiment):
    run = record_run(experiment, RunStatus.CANCELED)
    assert main(["cancel", run.id, "9"]) == 0
    requests = run.store.run(run.id).requests
    assert (requests.cancel, requests.cancel_iterations) == (False, {9})
    assert main(["cancel", run.id]) == 0
    assert run.store.run(run.id).requests.cancel


def test_a_run_that_does_not_exist(run, capsys):
    assert main(["show", "nothing"]) == 1
    assert capsys.readouterr().err.startswith("raysmith: there is no run 'nothing' in sqlite:")


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        ("task: classification\niteration: 3", "did you mean 'iterations'?"),
        ("- a\n- b", "a line each"),
        ("1: 2", "a line each"),
        ("a: [", "no YAML file"),
    ],
)
def test_a_file_of_wrong_settings(workspace, capsys, content, shown):
    Path("settings.yaml").write_text(content)
    assert main(["run", "settings.yaml"]) == 1
    assert shown in capsys.readouterr().err


def test_a_file_of_settings_that_is_not_there(workspace, capsys):
    assert main(["run", "nothing.yaml"]) == 1
    assert "there is no such file" in capsys.readouterr().err


@pytest.mark.slow
def test_a_driver_script_is_run_as_it_is(tmp_path):
    (tmp_path / "neighbour.py").write_text("WORD = 'hello'")
    (tmp_path / "driver.py").write_text(
        "import neighbour\nif __name__ == '__main__':\n    print(neighbour.WORD)\n"
    )
    command = [sys.executable, "-m", "engine.cli", "run", "driver.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "hello\n"


def test_the_ui_is_started_on_the_workspace(workspace, monkeypatch, capsys):
    started = []

    def call(command, env):
        started.append((command[1:], env))
        return 7

    monkeypatch.delenv("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", raising=False)
    monkeypatch.setattr(subprocess, "call", call)
    assert main(["ui", "--port", "5001"]) == 7
    [(command, environment)] = started
    # The URI may hold a password, and other users see command lines.
    assert command == ["-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", "5001"]
    assert environment["MLFLOW_BACKEND_STORE_URI"] == workspace.tracking_uri
    assert environment["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] == "false"
    said = capsys.readouterr()
    assert "http://127.0.0.1:5001 (Ctrl-C ends it)" in said.out
    assert said.err == ""
    assert main(["ui", "--host", "0.0.0.0"]) == 7
    assert "without a login" in capsys.readouterr().err


def test_clusters_from_the_shell(workspace, capsys):
    assert main(["cluster", "render", "--provider", "aws", "--vm-priority", "lowpriority"]) == 0
    assert "m5.large" in capsys.readouterr().out
    kubernetes = ["cluster", "render", "--provider", "kubernetes"]
    assert main(kubernetes) == 1
    assert "--image is needed" in capsys.readouterr().err
    kubernetes += ["--image", "registry/raysmith:1", "--entrypoint", "x"]
    assert main(kubernetes) == 1
    assert "loses its results" in capsys.readouterr().err
    assert main([*kubernetes, "--store-secret", "mlflow"]) == 0
    job, policy = yaml.safe_load_all(capsys.readouterr().out)
    assert (job["kind"], policy["kind"]) == ("RayJob", "NetworkPolicy")
    assert main(["cluster", "status", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["cluster", "delete", "nothing"]) == 1
    assert "there is no compute target 'nothing'" in capsys.readouterr().err
    assert main(["cluster", "create", "a_b"]) == 1
    assert "'_' is not allowed" in capsys.readouterr().err
