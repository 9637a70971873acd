"""What a run shows, and what it hands over."""

from __future__ import annotations

from pathlib import Path

import mlflow
import numpy as np
import pytest

from engine import AutoMLRun, ConfigException, Experiment, RunException
from engine.store.properties import IterationProperties
from tests.client.recorded import BEST, LABELS, SCORES, TABLE

pytestmark = pytest.mark.usefixtures("store_in_memory")


def test_details(run):
    details = run.get_details()
    assert (details["runId"], details["name"], details["status"]) == (run.id, "a run", "Completed")
    assert (details["error"], details["warnings"]) == (None, [])
    assert details["startTime"] <= details["endTime"]
    assert details["settings"]["iterations"] == len(SCORES)
    assert type(run.get_status()) is type(details["status"]) is str
    assert f"/runs/{run.id}" in run.get_portal_url()
    assert repr(run) == f"AutoMLRun('recorded', {run.id!r})"


def test_the_summary_has_a_row_for_each_iteration(run):
    summary = run.summary()
    assert summary["iteration"].tolist() == [0, 1, 2, 3]
    assert summary["status"].tolist() == ["Completed", "Failed", "Completed", "Completed"]
    assert summary["best"].tolist() == [0.7, 0.7, 0.9, 0.9]
    assert summary["reason"].tolist() == ["", "ValueError: bad", "", ""]
    assert summary["accuracy"][BEST] == summary["metric"][BEST] == 0.9


def test_the_run_hands_over_its_best_iteration(run):
    best, model = run.get_output()
    assert best.iteration == BEST
    assert (model.predict(TABLE) == LABELS).mean() > 0.9
    assert run.get_output(iteration=0)[0].iteration == 0
    assert run.get_output(metric="log_loss")[0].iteration == 0
    assert run.get_metrics("accuracy") == {"accuracy": 0.9}
    assert run.get_metrics(recursive=True)["3"] == {"accuracy": 0.8, "log_loss": 0.4}
    assert run.get_metrics("accuracy", recursive=True)["1"] == {}


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"iteration": 1}, RunException, "has no model: Failed, ValueError: bad$"),
        ({"iteration": 9}, RunException, r"there are \[0, 1, 2, 3\]"),
        ({"metric": "r2_score"}, ConfigException, "allowed is one of"),
        ({"iteration": 0, "metric": "accuracy"}, ConfigException, "not both"),
    ],
)
def test_what_cannot_be_handed_over(run, asked, error, match):
    with pytest.raises(error, match=match):
        run.get_output(**asked)
    with pytest.raises(error, match=match):
        run.register_model("never", **asked)


def test_a_run_without_a_completed_iteration(run):
    store = run.store
    empty = store.create_run(run.experiment.id, store.load_spec(run.id)["settings"], None)
    with pytest.raises(RunException, match="has completed yet; the run is NotStarted"):
        AutoMLRun(run.experiment, empty).get_output()
    assert AutoMLRun(run.experiment, empty).get_metrics() == {}


def test_a_run_of_another_experiment(run):
    other = Experiment(run.experiment.workspace, "other")
    with pytest.raises(RunException, match="does not belong to the experiment 'other'"):
        AutoMLRun(other, run.id)


def test_tags(run):
    run.tag("stage", "draft")
    assert run.get_tags() == {"team": "x", "stage": "draft"}
    for key in ("mlflow.user", "raysmith.status", "", 7):
        with pytest.raises(ConfigException, match="expected a name not starting with"):
            run.tag(key)


def test_only_raw_or_engineered_features_are_explained(run):
    with pytest.raises(ConfigException, match="allowed is 'raw' or 'engineered'"):
        run.explain(features="other")


def test_files_are_copied(run, tmp_path):
    assert "spec/settings.json" in run.get_file_names()
    copies = [
        run.download_file("spec/settings.json", tmp_path),
        run.download_file("spec/settings.json", tmp_path / "new" / "mine.json"),
    ]
    assert copies == [str(tmp_path / "settings.json"), str(tmp_path / "new" / "mine.json")]
    assert Path(copies[0]).read_text() == Path(copies[1]).read_text()
    with pytest.raises(FileNotFoundError, match="has no file 'nothing'"):
        run.download_file("nothing")


def test_the_report_is_one_file(run, tmp_path):
    path = run.report(tmp_path)
    assert path == str(tmp_path / "report.html")
    assert "PCA DecisionTree" in Path(path).read_text()


def test_a_registered_model_has_its_card(run, monkeypatch):
    version = run.register_model("churn", "the best one", {"stage": "draft"})
    assert (version.name, version.description) == ("churn", "the best one")
    best = run.get_output()[0]
    card = run.store.read_bytes(best.id, "model/model_card.md").decode()
    assert card.startswith("# churn\n\nthe best one\n")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", run.experiment.workspace.tracking_uri)
    model = mlflow.sklearn.load_model(f"models:/churn/{version.version}")
    np.testing.assert_array_equal(model.predict(TABLE), run.get_output()[1].predict(TABLE))
    assert "churn" in run.experiment.workspace.models


def test_an_iteration_in_detail(run):
    failed, best = run.get_children()[1], run.get_children()[BEST]
    assert (failed.get_status(), best.get_status()) == ("Failed", "Completed")
    assert type(best.get_status()) is str
    assert best.parent is run
    assert best.get_metrics("accuracy") == {"accuracy": 0.9}
    assert best.get_fold_metrics("accuracy") == pytest.approx([0.85, 0.9, 0.95])
    assert best.get_properties()["run_algorithm"] == "DecisionTree"
    assert best.get_properties()["node_ip"] == "10.0.0.1"
    assert best.get_logs() == f"log of {BEST}\n"
    assert "outputs/model.pkl.zst" in best.get_file_names()
    details = failed.get_details()
    assert (details["status"], details["reason"]) == ("Failed", "ValueError: bad\nmore lines")
    assert details["properties"] == failed.get_properties()
    assert details["startTime"] <= details["endTime"]
    assert details["metrics"] == {}


def test_an_iteration_without_a_log(run):
    record = run.store.run(run.id)
    child = run.store.start_iteration(record, 9, "KNN", {}, IterationProperties(), 1.0)
    [running] = [c for c in run.get_children() if c.id == child]
    assert running.get_logs() == ""
    # The run has ended: whatever has left the iteration open, nobody executes it.
    assert (running.get_status(), running.get_details()["reason"]) == (
        "Failed", "the run has ended: Completed",
    )  # fmt: skip
