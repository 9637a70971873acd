"""What a run on the embedded cluster gives: its table, its ensembles and its model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine import AutoMLConfig, AutoMLRun, RunException
from tests.live.helpers import FRAME, LABELS, quick_config, statuses, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]


@pytest.mark.long
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
    lines = [line for line in capsys.readouterr().out.splitlines() if line.strip()]
    header = next(i for i, line in enumerate(lines) if line.startswith("ITERATION   PIPELINE"))
    rows = [line.split() for line in lines[header + 1 :]]
    assert [row[0] for row in rows] == list("01234")
    for _, *pipeline, duration, metric, best in rows[:2]:
        assert pipeline
        assert duration.count(":") == 2
        assert float(best) >= float(metric) > 0.5
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


@pytest.mark.long
def test_a_positive_label(experiment):
    config = AutoMLConfig(
        task="classification", X=FRAME, y=LABELS, positive_label="yes", iterations=3,
        max_concurrent_iterations=1,
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


@pytest.mark.long
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
        allowed_models=["ElasticNet", "LightGBM", "KNN"], max_concurrent_iterations=1,
    )  # fmt: skip
    run = experiment.submit(config)
    run.wait_for_completion()
    assert run.get_metrics()["r2_score"] > 0.9


@pytest.mark.long
def test_same_seed_same_table(experiment):
    tables = []
    for _ in range(2):
        run = experiment.submit(quick_config(iterations=6))
        run.wait_for_completion()
        columns = ["iteration", "pipeline", "metric", "best", "accuracy", "log_loss", "status"]
        tables.append(run.summary()[columns].to_csv())
    assert tables[0] == tables[1]


def test_get_output_while_the_run_goes_on(experiment):
    run = experiment.submit(quick_config(iterations=30))
    wait_until(lambda: "Completed" in statuses(run).values())
    assert run.get_status() in ("Running", "Finalizing")
    best, model = AutoMLRun(experiment, run.id).get_output()
    assert best.get_status() == "Completed"
    assert model.predict(np.zeros((1, 5))).shape == (1,)
    run.cancel()
    assert run.wait_for_completion() == "Canceled"
    assert run.get_output()[1] is not None
