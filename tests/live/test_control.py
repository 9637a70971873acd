"""Limits, cancelling, pausing, dying: what ends trials and runs before their time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from engine import AutoMLConfig, AutoMLRun, Experiment, RunException
from tests.live.helpers import FAR, quick_config, slow_config, statuses, wait_until, write

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]


def running(run, iteration):
    return lambda: statuses(run).get(iteration) == "Running"


def test_an_iteration_in_native_code_is_cancelled_from_another_process(experiment):
    run = experiment.submit(slow_config(max_concurrent_iterations=2))
    wait_until(lambda: list(statuses(run).values()) == ["Running", "Running"])
    first = run.get_children()[0]
    wait_until(lambda: "iteration 0: " in first.get_logs())
    process = psutil.Process(int(first.get_properties()["pid"]))
    seconds = process.cpu_times().user
    wait_until(lambda: process.cpu_times().user > seconds + 0.5)  # well inside libsvm
    subprocess.run([sys.executable, "-m", "engine.cli", "cancel", run.id, "0"], check=True)
    wait_until(lambda: statuses(run)[0] == "Canceled")
    assert statuses(run)[1] == "Running"
    with pytest.raises(RunException, match="ended already"):
        run.cancel_iteration(0)
    run.cancel()
    assert run.wait_for_completion(timeout_seconds=60) == "Canceled"
    summary = run.summary()
    assert summary["status"].tolist() == ["Canceled", "Canceled"]
    assert summary["reason"].tolist() == ["canceled by the user", "the run was canceled"]
    assert "iteration 0: " in run.get_children()[0].get_logs()


def test_an_iteration_timeout_ends_native_code_and_the_run_goes_on(experiment):
    run = experiment.submit(
        slow_config(
            allowed_models=["SVM", "DecisionTree"],
            iterations=3,
            iteration_timeout_minutes=0.05,
            max_concurrent_iterations=1,
        )
    )
    run.wait_for_completion()
    summary = run.summary()
    slow = summary["pipeline"].str.contains("SVM")
    assert 0 < slow.sum() < 3
    assert summary[slow]["status"].eq("Timeout").all()
    assert summary[~slow]["status"].eq("Completed").all()
    assert summary[slow]["reason"].str.contains("iteration_timeout_minutes=0.05").all()
    assert "DecisionTree" in run.get_output()[0].get_details()["pipeline"]
    number = int(summary[slow]["iteration"].iloc[0])
    with pytest.raises(RunException, match=f"iteration {number} has no model: Timeout"):
        run.get_output(iteration=number)


def test_the_experiments_time_is_kept(experiment):
    run = experiment.submit(slow_config(experiment_timeout_minutes=0.1))
    with pytest.raises(RunException, match="no iteration gave a model"):
        run.wait_for_completion()
    assert set(statuses(run).values()) <= {"Canceled"}


@pytest.mark.long
def test_ensembles_are_made_within_the_experiments_time(experiment):
    run = experiment.submit(
        quick_config(
            iterations=1000, experiment_timeout_minutes=0.5,
            enable_voting_ensemble=True, enable_stack_ensemble=True, enable_early_stopping=False,
        )
    )  # fmt: skip
    run.wait_for_completion()
    summary = run.summary()
    assert summary["pipeline"].tolist()[-2:] == ["VotingEnsemble", "StackEnsemble"]
    assert summary["status"].tolist()[-2:] == ["Completed", "Completed"]
    assert 10 < len(summary) < 1000


@pytest.mark.long
def test_a_long_iteration_keeps_the_model_of_a_hold_out_where_time_is_limited(experiment):
    X = np.random.default_rng(0).normal(size=(50_000, 30))
    config = AutoMLConfig(
        task="classification", X=X, y=(X[:, 0] * X[:, 1] > 0).astype(int), iterations=1,
        allowed_models=["LightGBM"], experiment_timeout_minutes=0.25, model_explainability=False,
    )  # fmt: skip
    run = experiment.submit(config)
    run.wait_for_completion()
    assert run.get_children()[0].get_properties()["fitted_rows"] == "45000"
    assert run.get_output()[1].predict(X[:5]).shape == (5,)


@pytest.mark.long
def test_a_slow_estimator_does_not_eat_the_experiments_time(experiment):
    config = slow_config(
        allowed_models=["SVM", "DecisionTree", "LogisticRegression"], iterations=50,
        experiment_timeout_minutes=0.8,
    )  # fmt: skip
    run = experiment.submit(config)
    assert run.wait_for_completion() == "Completed"
    summary = run.summary().set_index("pipeline")
    others = summary[~summary.index.str.contains("SVM")]
    assert (others["status"] == "Completed").sum() >= 2
    ended = summary[summary["status"] == "Timeout"]
    assert ended.index.str.contains("SVM").all()
    assert ended["reason"].str.contains("its share of experiment_timeout_minutes").all()
    assert len(ended)


@pytest.mark.long
def test_an_iteration_without_hope_is_pruned(experiment):
    run = experiment.submit(
        quick_config(
            allowed_models=["LogisticRegression", "BernoulliNaiveBayes", "KNN"], iterations=12,
            data_script=write("far.py", FAR),
        )
    )  # fmt: skip
    run.wait_for_completion()
    pruned = run.summary().query("status == 'Pruned'")
    assert len(pruned)
    assert pruned["reason"].str.contains("hopeless after [12] of 3 folds").all()
    assert pruned["reason"].str.contains("hopeless after 1 of 3 folds").any()
    with pytest.raises(RunException, match="has no model: Pruned"):
        run.get_output(iteration=int(pruned["iteration"].iloc[0]))


def test_a_killed_worker_is_a_row_and_the_run_goes_on(experiment):
    run = experiment.submit(slow_config(
        allowed_models=["SVM", "DecisionTree"], iterations=3, max_concurrent_iterations=1,
        iteration_timeout_minutes=0.05,
    ))  # fmt: skip
    wait_until(running(run, 0))
    os.kill(int(run.get_children()[0].get_properties()["pid"]), signal.SIGKILL)
    run.wait_for_completion()
    summary = run.summary()
    assert summary["status"][0] == "Failed"
    assert summary["reason"][0].startswith("the worker died")
    assert "Completed" in set(summary["status"][1:])


@pytest.mark.long
def test_an_iteration_that_raises_is_a_row_with_its_reason(experiment):
    generator = np.random.default_rng(0)
    config = AutoMLConfig(
        task="classification", X=generator.normal(size=(8, 2)), y=[0, 1] * 4, iterations=6,
        n_cross_validations=2, allowed_models=["KNN"], enable_early_stopping=False,
    )  # fmt: skip
    run = experiment.submit(config)
    run.wait_for_completion()
    failed = run.summary().query("status == 'Failed'")
    assert len(failed)
    assert failed["reason"].str.startswith("ValueError: Expected n_neighbors <=").all()
    number = int(failed["iteration"].iloc[0])
    assert "Traceback" in run.get_children()[number].get_logs()


@pytest.mark.long
def test_a_score_that_is_nan_is_a_failed_row(experiment):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(40, 2))
    config = AutoMLConfig(
        task="regression", X=X, y=X[:, 0], iterations=1, allowed_models=["KNN"],
        primary_metric="root_mean_squared_log_error",
    )  # fmt: skip
    run = experiment.submit(config)
    with pytest.raises(RunException, match="root_mean_squared_log_error is NaN"):
        run.wait_for_completion()


@pytest.mark.long
def test_the_exit_score_ends_the_run(experiment):
    run = experiment.submit(quick_config(iterations=50, experiment_exit_score=0.8))
    run.wait_for_completion()
    assert run.get_status() == "Completed"
    assert len(run.get_children()) < 5
    assert run.get_metrics()["accuracy"] >= 0.8


@pytest.mark.long
def test_early_stopping(experiment):
    run = experiment.submit(quick_config(iterations=50, early_stopping_n_iters=3))
    run.wait_for_completion()
    summary = run.summary()
    assert len(summary) == summary["metric"].idxmax() + 1 + 3


@pytest.mark.long
def test_pause_and_resume(experiment):
    run = experiment.submit(quick_config(iterations=40, enable_early_stopping=False))
    wait_until(lambda: "Completed" in statuses(run).values())
    run.pause()
    wait_until(lambda: "Running" not in statuses(run).values())
    # Another run, from its start to its end, leaves the paused one time to begin something.
    other = experiment.submit(quick_config(iterations=1))
    wait_until(lambda: other.get_status() not in ("NotStarted", "Preparing"))
    paused = statuses(run)
    assert other.wait_for_completion() == "Completed"
    assert statuses(run) == paused
    assert len(paused) < 40
    run.resume()
    run.wait_for_completion()
    assert len(run.get_children()) == 40


@pytest.mark.long
def test_an_iteration_to_come_can_be_cancelled(experiment):
    run = experiment.submit(quick_config(iterations=4))
    run.cancel_iteration(3)
    run.wait_for_completion()
    assert statuses(run)[3] == "Canceled"


def test_cancel_before_the_first_iteration(experiment):
    script = write("wait.py", "import time\ndef get_data():\n    time.sleep(600)")
    run = experiment.submit(quick_config(data_script=script))
    wait_until(lambda: run.get_status() == "Preparing")
    run.cancel()
    assert run.wait_for_completion(timeout_seconds=60) == "Canceled"


@pytest.mark.long
def test_waiting_can_time_out(experiment):
    run = experiment.submit(slow_config())
    with pytest.raises(TimeoutError, match=r"after 0\.1 s"):
        run.wait_for_completion(timeout_seconds=0.1)
    run.cancel()
    run.wait_for_completion()


DRIVER = """
import sys
from engine import AutoMLConfig, Experiment, Workspace
from tests.live.helpers import quick_config

run = Experiment(Workspace.from_config(), sys.argv[1]).submit(
    quick_config(iterations=25, enable_early_stopping=False)
)
print(run.id, flush=True)
run.wait_for_completion()
"""


def test_a_killed_driver_is_resumed_without_repeating(experiment):
    root = Path(__file__).parents[2]
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, experiment.name], stdout=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    try:
        run = AutoMLRun(experiment, driver.stdout.readline().strip())
        wait_until(lambda: list(statuses(run).values()).count("Completed") >= 3)
    finally:
        driver.send_signal(signal.SIGKILL)
        driver.wait()
    assert run.get_status() == "Failed"
    with pytest.raises(RunException, match=r"has died; run\.resume"):
        run.wait_for_completion()
    before = run.summary().query("status == 'Completed'")
    assert 3 <= len(before) < 25

    run.resume()
    run.wait_for_completion()
    after = run.summary()
    assert after["iteration"].tolist() == list(range(25))
    assert set(after["status"]) <= {"Completed", "Pruned"}
    kept = after[after["iteration"].isin(before["iteration"])]
    assert kept["seconds"].tolist() == before["seconds"].tolist()
    assert after["pipeline"].nunique() > 3


#: A driver that kills its own process at a moment of its end.
FINALIZING = """
import os, signal, sys
from engine import Experiment, Workspace
from engine.driver import ensemble_step, results, steps
from engine.store.mlflow_store import RunStore
from tests.live.helpers import quick_config

def deadly(owner, name, is_time=lambda *given: True, comes_first=False):
    real = getattr(owner, name)
    def call(*given, **more):
        value = None if comes_first else real(*given, **more)
        if is_time(*given):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **more) if comes_first else value
    setattr(owner, name, call)

moment = sys.argv[2]
if moment == "at its begin":
    deadly(RunStore, "set_status", lambda store, run, status, *e: str(status) == "Finalizing")
elif moment == "after the ensembles":
    deadly(steps, "keep_best", comes_first=True)
elif moment == "after the best model":
    deadly(steps, "describe", comes_first=True)
else:
    deadly(results, "write_report")
run = Experiment(Workspace.from_config(), sys.argv[1]).submit(
    quick_config(iterations=2, enable_voting_ensemble=True, model_explainability=False)
)
print(run.id, flush=True)
run.wait_for_completion()
"""


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("at its begin", marks=pytest.mark.long),
        pytest.param("after the ensembles", marks=pytest.mark.long),
        "after the best model",
        pytest.param("after the report", marks=pytest.mark.long),
    ],
)
def test_a_driver_that_is_killed_while_it_finalizes(experiment, moment):
    root = Path(__file__).parents[2]
    driver = subprocess.run(
        [sys.executable, "-c", FINALIZING, experiment.name, moment],
        stdout=subprocess.PIPE, text=True, check=False, timeout=200,
        env={**os.environ, "PYTHONPATH": str(root)},
    )  # fmt: skip
    assert driver.returncode == -signal.SIGKILL
    run = AutoMLRun(experiment, driver.stdout.strip())
    record = experiment.workspace.store.run(run.id)
    assert record.status == "Finalizing"
    assert run.get_status() == "Failed"
    before = {r.iteration: r.ended for r in experiment.workspace.store.iterations(run.id)}
    run.resume()
    assert run.wait_for_completion(timeout_seconds=120) == "Completed"
    summary = run.summary()
    assert summary["iteration"].tolist() == [0, 1, 2]
    assert summary["pipeline"].tolist()[-1] == "VotingEnsemble"
    assert set(summary["status"]) == {"Completed"}
    after = {r.iteration: r.ended for r in experiment.workspace.store.iterations(run.id)}
    assert {number: after[number] for number in (0, 1)} == {n: before[n] for n in (0, 1)}
    assert run.get_output()[1] is not None


def test_two_runs_at_once(experiment):
    config = quick_config(iterations=3, max_concurrent_iterations=2)
    runs = [experiment.submit(config) for _ in range(2)]
    for run in runs:
        assert run.wait_for_completion() == "Completed"
        assert len(run.get_children()) == 3
    assert {r.id for r in experiment.get_runs()} == {r.id for r in runs}


def test_a_trial_larger_than_every_node_is_refused(experiment):
    run = experiment.submit(quick_config(max_cores_per_iteration=512))
    with pytest.raises(ValueError, match="max_cores_per_iteration=512: the largest node has"):
        run.wait_for_completion()


def test_a_whole_node_for_a_trial(experiment):
    run = experiment.submit(quick_config(max_cores_per_iteration=-1, iterations=1))
    run.wait_for_completion()
    properties = run.get_children()[0].get_properties()
    assert int(properties["cores"]) == os.cpu_count()
    assert properties["threads"] == properties["cores"]


@pytest.mark.long
def test_a_run_of_another_experiment_is_not_opened(experiment):
    run = experiment.submit(quick_config(iterations=1))
    run.wait_for_completion()
    other = Experiment(experiment.workspace, "other")
    with pytest.raises(RunException, match="does not belong"):
        AutoMLRun(other, run.id)
