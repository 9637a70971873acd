"""The command line on a real run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import psutil
import pytest

from engine import Experiment
from engine.cli.parser import main
from tests.live.helpers import SLOW, wait_until, write

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

SETTINGS = """
experiment: from a file
task: classification
training_data: table.csv
label_column_name: y
iterations: 2
n_cross_validations: 3
allowed_models: [LogisticRegression, DecisionTree]
enable_stack_ensemble: false
"""


@pytest.fixture
def table(workspace):
    generator = np.random.default_rng(0)
    frame = pd.DataFrame(generator.normal(size=(90, 3)), columns=list("abc"))
    frame["kind"] = np.where(frame["c"] > 0, "new", "old")
    frame["y"] = np.where(frame["a"] > 0, "yes", "no")
    frame.to_csv("table.csv", index=False)
    Path("settings.yaml").write_text(SETTINGS)
    return frame


def test_from_settings_to_predictions(table, capsys):
    assert main(["run", "settings.yaml"]) == 0
    out = capsys.readouterr().out
    run_id = out.split()[1]
    assert "best: iteration" in out
    assert "VotingEnsemble" in out

    assert main(["runs", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == [
        {"run": run_id, "status": "Completed", "experiment": "from a file"}
    ]
    assert main(["show", run_id, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [row["iteration"] for row in shown["iterations"]] == [0, 1, 2]
    assert run_id in shown["url"]
    assert main(["logs", run_id, "0", "--follow"]) == 0
    assert "iteration 0" in capsys.readouterr().out

    assert main(["predict", run_id, "table.csv", "out.csv"]) == 0
    predicted = pd.read_csv("out.csv")
    assert list(predicted) == ["prediction", "probability_no", "probability_yes"]
    assert (predicted["prediction"] == table["y"]).mean() > 0.9
    assert main(["predict", run_id, "table.csv", "-", "--iteration", "0"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 91

    assert main(["export", run_id, "--mlflow", "model"]) == 0
    model = mlflow.pyfunc.load_model("model")
    expected = predicted["prediction"].tolist()
    assert list(model.predict(table.drop(columns="y"))) == expected
    assert main(["export", run_id, "--mlflow", "model"]) == 1
    assert "name a new folder" in capsys.readouterr().err
    assert main(["report", run_id, "-o", "there/report.html"]) == 0
    assert "VotingEnsemble" in Path("there/report.html").read_text()


@pytest.mark.timeout(240)
@pytest.mark.parametrize("times", [1, pytest.param(2, marks=pytest.mark.long)])
def test_interrupted(workspace, times):
    """Once: the run stops and keeps what it has. Twice: the command leaves at once.

    Either way no process is left.
    """
    write("slow.py", SLOW)
    Path("settings.yaml").write_text(
        "{task: classification, data_script: slow.py, allowed_models: [SVM], iterations: 2, "
        "n_cross_validations: 3, model_explainability: false}"
    )
    with open("out.txt", "w") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "engine.cli", "run", "settings.yaml"],
            stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        wait_until(lambda: "run " in Path("out.txt").read_text(), 120)
        [run] = Experiment(workspace, "settings").get_runs()
        wait_until(lambda: any(c.get_status() == "Running" for c in run.get_children()), 120)
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.send_signal(signal.SIGINT)
        wait_until(lambda: "Ctrl-C again" in Path("out.txt").read_text(), 30)
        if times == 2:
            process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, Path("out.txt").read_text()
        wait_until(lambda: not any(p.is_running() for p in started), 30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert "waiting for run" not in Path("out.txt").read_text() or times == 1
    if times == 1:
        assert run.get_status() == "Canceled"
