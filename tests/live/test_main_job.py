"""The main job on the embedded cluster, through public names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pytest

from engine import Experiment, RunException
from tests.conftest import mlflow_uri
from tests.live.helpers import quick_config, statuses

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]


@pytest.fixture(scope="module")
def finished(module_workspace, ray_cluster):
    """The example's settings on small data: a run of 20 iterations at concurrency 2."""
    experiment = Experiment(module_workspace, "digits like")
    config = quick_config(
        iterations=20, max_concurrent_iterations=2, primary_metric="AUC_weighted",
        allowed_models=None, debug_log="driver.log", enable_early_stopping=False,
    )  # fmt: skip
    run = experiment.submit(config, tags={"who": "me"})
    submitted = run.get_status()
    run.wait_for_completion()
    return run, Path.cwd(), submitted


def test_it_completes_with_twenty_different_pipelines(finished):
    run, _, _ = finished
    assert run.get_status() == "Completed"
    specs = [child.get_properties()["pipeline_spec"] for child in run.get_children()]
    assert len(set(specs)) == 20
    assert set(statuses(run).values()) <= {"Completed", "Pruned"}


def test_get_data_is_called_once(finished):
    _, folder, _ = finished
    assert (folder / "calls.txt").read_text() == "called\n"


def test_every_iteration_leaves_everything(finished):
    run, _, _ = finished
    completed = [child for child in run.get_children() if child.get_status() == "Completed"]
    assert len(completed) >= 10
    for child in completed:
        metrics = child.get_metrics()
        assert {"AUC_weighted", "accuracy", "log_loss", "norm_macro_recall"} <= set(metrics)
        folds = child.get_fold_metrics("accuracy")
        assert len(folds) == 3
        assert metrics["accuracy"] == pytest.approx(np.mean(folds))
        properties = child.get_properties()
        assert properties["iteration"] == str(child.iteration)
        assert properties["threads"] == properties["cores"] == "1"
        assert properties["fitted_rows"] == "300"
        assert properties["node_id"]
        assert properties["node_ip"]
        assert {"outputs/model.pkl.zst", "outputs/predictions.npy", "logs/iteration.log"} <= set(
            child.get_file_names()
        )
        assert f"iteration {child.iteration}: " in child.get_logs()
        assert "hello from get_data" in child.get_logs()
        assert child.get_details()["endTime"] >= child.get_details()["startTime"]


def test_out_of_fold_predictions_reproduce_the_metric(finished, tmp_path):
    run, _, _ = finished
    child = run.get_children()[1]
    path = child.download_file("outputs/predictions.npy", tmp_path)
    predictions = np.load(path)
    assert predictions.shape == (300, 2)
    X = np.random.default_rng(0).normal(size=(300, 5))
    y = (X[:, 0] > 0).astype(int)
    # Folds are of equal size here, so that the mean over folds is the mean over rows.
    accuracy = (predictions.argmax(axis=1) == y).mean()
    assert accuracy == pytest.approx(child.get_metrics()["accuracy"], abs=1e-6)


def test_get_output_by_primary_metric_another_one_and_number(finished):
    run, _, _ = finished
    summary = run.summary()
    best, model = run.get_output()
    assert best.get_metrics()["AUC_weighted"] == summary["AUC_weighted"].max()
    lowest, _ = run.get_output(metric="log_loss")
    assert lowest.get_metrics()["log_loss"] == summary["log_loss"].min()
    third, _ = run.get_output(iteration=3)
    assert third.iteration == 3
    X = np.random.default_rng(1).normal(size=(50, 5))
    assert (model.predict(X) == (X[:, 0] > 0)).mean() > 0.8
    with pytest.raises(ValueError, match="not both"):
        run.get_output(iteration=1, metric="accuracy")
    with pytest.raises(ValueError, match="allowed is one of"):
        run.get_output(metric="r2_score")
    with pytest.raises(RunException, match="no iteration 99"):
        run.get_output(iteration=99)


def test_summary_is_a_row_an_iteration(finished):
    run, _, _ = finished
    summary = run.summary()
    assert summary["iteration"].tolist() == list(range(20))
    assert (summary["seconds"] > 0).all()
    assert summary["best"].max() == summary["metric"].max()


def test_run_metrics_tags_and_url(finished):
    run, _, _ = finished
    assert run.get_metrics()["AUC_weighted"] == run.summary()["AUC_weighted"].max()
    assert len(run.get_metrics("accuracy", recursive=True)) == 20
    run.tag("note", "a tag")
    assert run.get_tags() == {"who": "me", "note": "a tag"}
    with pytest.raises(ValueError, match=r"mlflow\."):
        run.tag("mlflow.runName", "x")
    assert run.id in run.get_portal_url()


def test_submit_returns_at_once_and_the_driver_logs(finished):
    _, folder, submitted = finished
    assert submitted in ("NotStarted", "Preparing")
    assert "get_data() took" in (folder / "driver.log").read_text()


def test_the_best_model_is_an_mlflow_model(finished):
    run, _, _ = finished
    best, model = run.get_output()
    assert "model/MLmodel" in best.get_file_names()
    version = run.register_model("a model", description="d", tags={"k": "v"})
    again = run.register_model("a model")
    assert int(again.version) == int(version.version) + 1
    assert "a model" in run.experiment.workspace.models
    with mlflow_uri(run.experiment.workspace.tracking_uri):
        X = np.zeros((3, 5))
        expected = model.predict(X)
        assert (mlflow.sklearn.load_model("models:/a model/1").predict(X) == expected).all()
        assert (mlflow.pyfunc.load_model("models:/a model/1").predict(X) == expected).all()


def test_another_process_re_opens_it(finished):
    run, folder, _ = finished
    script = (
        "from engine import AutoMLRun, Experiment, Workspace\n"
        f"run = AutoMLRun(Experiment(Workspace.from_config(), 'digits like'), '{run.id}')\n"
        "best, model = run.get_output()\n"
        "print(run.get_status(), best.iteration, model.predict([[0.0] * 5]).tolist())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True
    )
    best, model = run.get_output()
    expected = f"Completed {best.iteration} {model.predict([[0.0] * 5]).tolist()}"
    assert done.stdout.strip() == expected


def test_the_command_line_reads_it(finished):
    run, folder, _ = finished
    script = (
        "from engine.cli.parser import main\n"
        f"for words in (['runs'], ['show', '{run.id}'], ['logs', '{run.id}', '0']):\n"
        "    assert main(words) == 0\n"
        "    print('----')\n"
    )

    def python(*arguments):
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    done = python("-c", script)
    assert done.returncode == 0, done.stderr
    runs, shown, logs, _ = done.stdout.split("----\n")
    assert run.id in runs
    assert "LightGBM" in shown
    assert "hello from get_data" in logs
    wrong = python("-m", "engine.cli", "show", "nothing")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("raysmith: there is no run 'nothing'")
