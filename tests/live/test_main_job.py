"""The main job on the embedded cluster, through public names."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine import AutoMLConfig, AutoMLRun, DataException, Experiment, RunException
from tests.live.helpers import quick_config, statuses, wait_until

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
    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(run.experiment.workspace.tracking_uri)
        X = np.zeros((3, 5))
        expected = model.predict(X)
        assert (mlflow.sklearn.load_model("models:/a model/1").predict(X) == expected).all()
        assert (mlflow.pyfunc.load_model("models:/a model/1").predict(X) == expected).all()
    finally:
        mlflow.set_tracking_uri(before)


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

    def raysmith(*arguments):
        command = [sys.executable, "-m", "engine.cli", *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert run.id in raysmith("runs").stdout
    assert "LightGBM" in raysmith("show", run.id).stdout
    assert "hello from get_data" in raysmith("logs", run.id, "0").stdout
    wrong = raysmith("show", "nothing")
    assert wrong.returncode == 1
    assert wrong.stderr.startswith("raysmith: there is no run 'nothing'")


def test_more_iterations_go_on_with_the_numbers(experiment):
    run = experiment.submit(quick_config())
    run.wait_for_completion()
    before = run.summary()
    run.continue_experiment(iterations=2)
    run.wait_for_completion()
    after = run.summary()
    assert after["iteration"].tolist() == [0, 1, 2, 3, 4]
    assert after["seconds"][:3].tolist() == before["seconds"].tolist()
    with pytest.raises(RunException, match="continue_experiment"):
        run.resume()
    with pytest.raises(ValueError, match="iterations=0"):
        run.continue_experiment(iterations=0)


def test_ensembles_are_the_last_rows(experiment, capsys):
    config = quick_config(enable_voting_ensemble=True, enable_stack_ensemble=True)
    run = experiment.submit(config, show_output=True)
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [rows[-2][:2], rows[-1][:2]] == [["3", "VotingEnsemble"], ["4", "StackEnsemble"]]
    X = np.random.default_rng(1).normal(size=(50, 5))
    for number, name in ((3, "VotingEnsemble"), (4, "StackEnsemble")):
        child, model = run.get_output(iteration=number)
        assert child.get_properties()["run_algorithm"] == name
        assert set(child.get_metrics()) == set(run.get_children()[0].get_metrics())
        assert len(child.get_fold_metrics("accuracy")) == 3
        np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
        assert (model.predict(X) == (X[:, 0] > 0)).mean() > 0.7
        assert model.named_steps["datatransformer"].get_engineered_feature_names()
        assert "iteration" in child.get_logs()
    version = run.register_model("ensemble", iteration=4)
    assert version.version
    run.continue_experiment(iterations=2)
    run.wait_for_completion()
    names = run.summary().set_index("iteration")["pipeline"]
    assert names.index.tolist() == list(range(9))
    assert names[7:].tolist() == ["VotingEnsemble", "StackEnsemble"]
    assert "Ensemble" not in " ".join(names[5:7])


def test_a_table_of_every_kind_of_column(experiment):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "colour": rng.choice(["red", "green", None], 200),
            "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, 200), "D"),
            "size": np.where(rng.random(200) < 0.2, np.nan, rng.normal(size=200)),
            "same": "x",
        }
    )
    y = np.where((X["colour"] == "red") ^ (X["size"] > 0), "yes", "no")
    run = experiment.submit(
        AutoMLConfig(
            "classification", X=X, y=y, iterations=3, n_cross_validations=3,
            # A straight line through an exclusive or tells nothing.
            allowed_models=["DecisionTree", "ExtremeRandomTrees"],
        )
    )  # fmt: skip
    run.wait_for_completion()
    _, model = run.get_output()
    assert model.score(X, y) > 0.9
    assert len(model.predict(X.iloc[:3, ::-1].assign(colour="violet"))) == 3
    summary = model.named_steps["datatransformer"].get_featurization_summary()
    assert [row["Dropped"] for row in summary] == ["No", "No", "No", "Yes"]


def test_the_table(experiment, capsys):
    experiment.submit(quick_config(iterations=2), show_output=True)
    lines = capsys.readouterr().out.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("ITERATION   PIPELINE"))
    rows = [line for line in lines[header + 1 :] if line.strip()]
    assert len(rows) == 2
    for row in rows:
        number, *pipeline, duration, metric, best = row.split()
        assert number in "01"
        assert pipeline
        assert duration.count(":") == 2
        assert float(best) >= float(metric) > 0.5


FRAME = pd.DataFrame(np.random.default_rng(0).normal(size=(60, 3)), columns=list("abc"))
LABELS = np.where(FRAME["a"] > 0, "yes", "no")


@pytest.mark.parametrize(
    "given",
    [
        {"X": FRAME.to_numpy(), "y": LABELS},
        {"X": FRAME, "y": LABELS, "sample_weight": np.ones(60)},
        {"X": sparse.csr_matrix(FRAME.to_numpy()), "y": LABELS},
        {"X": FRAME, "y": LABELS, "X_valid": FRAME[:20], "y_valid": LABELS[:20]},
        {"training_data": FRAME.assign(t=LABELS), "label_column_name": "t"},
        {"training_data": "table.csv", "label_column_name": "t"},
    ],
    ids=["array", "frame", "sparse", "validation", "table", "file"],
)
def test_data_of_every_kind(experiment, given):
    FRAME.assign(t=LABELS).to_csv("table.csv", index=False)
    config = AutoMLConfig(
        task="classification",
        iterations=2,
        allowed_models=["LogisticRegression", "LightGBM"],
        verbosity=logging.WARNING,
        **given,
    )
    run = experiment.submit(config)
    run.wait_for_completion()
    _, model = run.get_output()
    X = given.get("X", FRAME)
    assert set(model.predict(X)) <= {"yes", "no"}
    assert set(statuses(run).values()) == {"Completed"}


def test_a_positive_label(experiment):
    config = AutoMLConfig(
        task="classification", X=FRAME, y=LABELS, positive_label="yes", iterations=3,
        allowed_models=["LogisticRegression", "KNN"], n_cross_validations=3,
    )  # fmt: skip
    run = experiment.submit(config)
    run.wait_for_completion()
    assert set(statuses(run).values()) <= {"Completed", "Pruned"}
    summary = run.summary().query("status == 'Completed'")
    assert summary["pipeline"].tolist()[-1] == "StackEnsemble"
    assert summary["f1_score_binary"].between(0.5, 1).all()
    assert summary["AUC_binary"].tolist() == pytest.approx(summary["AUC_macro"].tolist())
    best, _ = run.get_output(metric="recall_score_binary")
    assert best.get_metrics()["recall_score_binary"] == summary["recall_score_binary"].max()
    assert "f1_score_binary" in Path(run.report("report.html")).read_text()


def test_of_many_pipelines_an_ensemble_is_handed_over(experiment):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(150, 6))
    y = (X[:, 0] + X[:, 1] + 2 * generator.normal(size=150) > 0).astype(int)
    config = AutoMLConfig(
        task="classification", X=X, y=y, iterations=30, n_cross_validations=3,
        primary_metric="AUC_weighted", enable_early_stopping=False, max_concurrent_iterations=1,
        enable_stack_ensemble=False,
        allowed_models=["LogisticRegression", "KNN", "DecisionTree", "BernoulliNaiveBayes"],
    )  # fmt: skip
    run = experiment.submit(config)
    run.wait_for_completion()
    summary = run.summary().set_index("iteration")
    best, _ = run.get_output()
    assert best.get_details()["pipeline"] == "VotingEnsemble"
    assert " against " in best.get_properties()["preferred"]
    assert run.get_metrics() == best.get_metrics()
    luckiest, _ = run.get_output(metric="AUC_weighted")
    assert "Ensemble" not in luckiest.get_details()["pipeline"]
    assert summary.loc[luckiest.get_details()["iteration"], "metric"] == summary["metric"].max()


def test_regression(experiment):
    y = FRAME["a"] * 3 + 10
    config = AutoMLConfig(
        task="regression", X=FRAME, y=y, iterations=3, primary_metric="r2_score",
        allowed_models=["ElasticNet", "LightGBM", "KNN"],
    )  # fmt: skip
    run = experiment.submit(config)
    run.wait_for_completion()
    assert run.get_metrics()["r2_score"] > 0.9


def test_same_seed_same_table(experiment):
    tables = []
    for _ in range(2):
        run = experiment.submit(quick_config(iterations=6, max_concurrent_iterations=1))
        run.wait_for_completion()
        columns = ["iteration", "pipeline", "metric", "best", "accuracy", "log_loss", "status"]
        tables.append(run.summary()[columns].to_csv())
    assert tables[0] == tables[1]


@pytest.mark.parametrize(
    ("script", "match"),
    [
        ("def get_data():\n    raise KeyError('my key')", r"(?s)KeyError.*Traceback.*line 2"),
        ("def get_data():\n    return None", "returned None"),
        ("def get_data():\n    return [1, 2]", "returned list"),
        ("def get_data():\n    return {'X': [[1.0]]}", "no 'y'"),
        ("def get_data():\n    return {'X': [[1.0]], 'y': [1, 2]}", "1 rows but y has 2"),
        ("def get_data():\n    return {'X': [[1.], [2.]], 'y': [0, 1]}", "needs at least 10 rows"),
        ("import nowhere_to_be_found\ndef get_data(): ...", "ModuleNotFoundError"),
        ("import sys\ndef get_data():\n    sys.exit(3)", "SystemExit"),
        ("import os\ndef get_data():\n    os._exit(3)", "died"),
        ("from os import *\n", "has no get_data"),
    ],
)
def test_a_bad_script_is_one_error_and_no_iterations(experiment, script, match):
    Path("bad.py").write_text(script)
    config = AutoMLConfig(task="classification", data_script="bad.py")
    with pytest.raises(DataException, match=match) as caught:
        experiment.submit(config, show_output=True)
    assert "nodedata" not in str(caught.value)
    (run,) = experiment.get_runs()
    assert run.get_status() == "Failed"
    assert run.get_children() == []


def test_a_script_that_hangs(experiment):
    Path("hang.py").write_text("import time\ndef get_data():\n    time.sleep(600)")
    config = AutoMLConfig(
        task="classification", data_script="hang.py", iteration_timeout_minutes=0.02
    )
    with pytest.raises(DataException, match=r"within iteration_timeout_minutes=0\.02"):
        experiment.submit(config, show_output=True)


def test_a_script_imports_its_neighbours_and_reads_its_folder(experiment):
    Path("project").mkdir()
    Path("project/neighbour.py").write_text("ROWS = 40")
    Path("project/data.txt").write_text("3")
    Path("project/get_data.py").write_text(
        "import numpy as np, neighbour\n"
        "def get_data():\n"
        "    columns = int(open('data.txt').read())\n"
        "    return {'X': np.random.default_rng(0).normal(size=(neighbour.ROWS, columns)),\n"
        "            'y': ['a', 'b'] * 20}\n"
    )
    config = quick_config(data_script="get_data.py", path="project", iterations=1)
    run = experiment.submit(config)
    run.wait_for_completion()
    assert run.get_output()[1].named_steps["datatransformer"].n_features_in_ == 3


def test_notes_reach_the_user(experiment, capsys):
    config = AutoMLConfig(
        task="classification",
        X=FRAME,
        y=[None, *LABELS[1:]],
        iterations=1,
        allowed_models=["KNN"],
    )
    with pytest.warns(UserWarning, match="1 of 60 rows"):
        run = experiment.submit(config)
    run.wait_for_completion(show_output=True)
    assert "Warning: 1 of 60 rows have no value" in capsys.readouterr().out


def test_get_output_while_the_run_goes_on(experiment):
    run = experiment.submit(quick_config(iterations=30, max_concurrent_iterations=1))
    wait_until(lambda: "Completed" in statuses(run).values())
    assert run.get_status() in ("Running", "Finalizing")
    best, model = AutoMLRun(experiment, run.id).get_output()
    assert best.get_status() == "Completed"
    assert model.predict(np.zeros((1, 5))).shape == (1,)
    run.cancel()
    assert run.wait_for_completion() == "Canceled"
    assert run.get_output()[1] is not None
