"""Whole runs on recorded trials: what ends them, what they leave, how they are taken up again."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.driver.recorded_platform import RecordedPlatform
from engine.driver.trial_backends.recorded import NodeLoss, RecordedTrial, Recording
from engine.store.status import IterationStatus
from tests.driver.replay import Replay, scored

#: For runs of which nothing is read before they have ended: there, the clock outruns the recorder.
in_memory = pytest.mark.usefixtures("store_in_memory")
FAILED = RecordedTrial((), 1.0, IterationStatus.FAILED, "ValueError: no")


def test_a_run_from_start_to_end(experiment):
    replay = Replay(experiment, {2: scored(0.9, 3.0, log="a line\n"), 4: FAILED})
    statuses = replay.drive(concurrency=2)
    assert statuses == {n: "Failed" if n == 4 else "Completed" for n in range(6)}
    assert replay.status == "Completed"
    assert replay.now == pytest.approx(4.0)
    best, model = replay.run.get_output()
    assert best.iteration == 2
    assert best.get_logs() == "a line\n"
    assert best.get_properties()["node_id"] == "node-0"
    assert model.predict([[3.0, 0.0, 0.0]]).tolist() == [1]
    assert replay.run.get_metrics()["accuracy"] == 0.9
    best_so_far = replay.store.metric_history(replay.run_id, "best_accuracy")
    assert best_so_far == {0: 0.5, 1: 0.5, 2: 0.9, 3: 0.5, 5: 0.9}
    assert {"report.html", "model"} <= {
        *replay.run.get_file_names(),
        *(name.partition("/")[0] for name in best.get_file_names()),
    }
    specs = [child.get_properties()["pipeline_spec"] for child in replay.run.get_children()]
    assert len(set(specs)) == 6


@in_memory
def test_it_is_the_same_every_time(experiment):
    tables = []
    for _ in range(2):
        replay = Replay(experiment, {3: scored(0.8, 5.0)})
        replay.drive(concurrency=2)
        tables.append(replay.run.summary()[["iteration", "pipeline", "metric", "best", "status"]])
    assert tables[0].equals(tables[1])


@in_memory
def test_the_exit_score_ends_the_run_and_what_runs(experiment):
    replay = Replay(
        experiment, {0: scored(0.5), 1: scored(0.9, 2.0), 2: scored(0.5, 60.0)},
        experiment_exit_score=0.8,
    )  # fmt: skip
    statuses = replay.drive(concurrency=2)
    assert statuses == {0: "Completed", 1: "Completed", 2: "Canceled"}
    assert replay.reasons[2] == "experiment_exit_score=0.8 is reached"
    assert replay.status == "Completed"
    assert replay.now == pytest.approx(2.0)


@in_memory
def test_early_stopping_lets_what_runs_come_to_its_end(experiment):
    replay = Replay(
        experiment, {0: scored(0.9), 3: scored(0.4, 30.0)}, iterations=50,
        enable_early_stopping=True, early_stopping_n_iters=3,
    )  # fmt: skip
    statuses = replay.drive(concurrency=2)
    assert statuses == dict.fromkeys(range(5), "Completed")
    assert replay.now == pytest.approx(31.0)


@in_memory
def test_an_iteration_timeout_ends_one_and_the_run_goes_on(experiment):
    replay = Replay(experiment, {1: scored(0.9, 600.0)}, iteration_timeout_minutes=0.1)
    statuses = replay.drive()
    assert statuses == {n: "Timeout" if n == 1 else "Completed" for n in range(6)}
    assert replay.reasons[1] == "longer than iteration_timeout_minutes=0.1"
    assert replay.now == pytest.approx(11.0, abs=0.5)


@in_memory
def test_the_experiments_time_ends_the_trials_before_it_is_over(experiment):
    replay = Replay(experiment, iterations=1000, experiment_timeout_minutes=0.5)
    statuses = replay.drive()
    assert replay.status == "Completed"
    assert set(statuses.values()) <= {"Completed", "Canceled"}
    assert 20 <= len(statuses) <= 27
    assert 20 < replay.now < 27  # 30 s, of which 3.9 s are kept for ensembles and the best model


@in_memory
def test_no_model_within_the_experiments_time(experiment):
    replay = Replay(experiment, {0: scored(0.9, 60.0)}, experiment_timeout_minutes=0.1)
    assert replay.drive() == {0: "Canceled"}
    assert replay.status == "Failed"
    assert replay.store.run(replay.run_id).error == (
        "no iteration gave a model; Canceled: experiment_timeout_minutes is over"
    )


@in_memory
def test_one_iteration_gets_no_more_than_its_share_once_there_is_a_model(experiment):
    replay = Replay(
        experiment, {0: scored(0.5, 25.0), 1: scored(0.5, 25.0)}, iterations=3,
        experiment_timeout_minutes=1,
    )  # fmt: skip
    assert replay.drive() == {0: "Completed", 1: "Timeout", 2: "Completed"}
    assert replay.reasons[1] == "longer than 18 s, its share of experiment_timeout_minutes"


@in_memory
def test_what_would_not_end_in_time_is_not_begun(experiment):
    replay = Replay(
        experiment, Recording("accuracy", others=scored(0.5, 17.0)), iterations=10,
        experiment_timeout_minutes=1,
    )  # fmt: skip
    statuses = replay.drive()
    assert statuses == dict.fromkeys(range(len(statuses)), "Completed")
    assert 2 <= len(statuses) <= 3


def test_pause_and_resume(experiment):
    replay = Replay(experiment)
    replay.after(1.4, replay.run.pause)
    replay.after(20.0, lambda: len(replay.statuses) == 2 or pytest.fail("it was not paused"))
    replay.after(30.0, lambda: replay.store.request_pause(replay.run_id, False))
    assert replay.drive() == dict.fromkeys(range(6), "Completed")
    assert replay.now == pytest.approx(34.5, abs=1.0)


@in_memory
def test_cancelling_the_run_ends_what_runs_within_two_seconds(experiment):
    replay = Replay(experiment, {1: scored(0.9, 600.0), 2: scored(0.9, 600.0)})
    replay.after(5.1, replay.run.cancel)
    assert replay.drive(concurrency=2) == {0: "Completed", 1: "Canceled", 2: "Canceled"}
    assert replay.status == "Canceled"
    assert replay.reasons[1] == "the run was canceled"
    assert replay.now < 7.1
    assert replay.run.get_output()[0].iteration == 0


@in_memory
def test_a_cancelled_run_without_a_model_is_cancelled(experiment):
    replay = Replay(experiment, {0: scored(0.9, 600.0)})
    replay.after(5.1, replay.run.cancel)
    assert replay.drive() == {0: "Canceled"}
    assert replay.status == "Canceled"


@in_memory
def test_cancelling_an_iteration_that_runs_and_one_to_come(experiment):
    replay = Replay(experiment, {1: scored(0.9, 600.0)})
    replay.after(5.1, lambda: replay.run.cancel_iteration(1))
    replay.after(5.1, lambda: replay.run.cancel_iteration(3))
    statuses = replay.drive()
    assert statuses == {n: "Canceled" if n in (1, 3) else "Completed" for n in range(6)}
    assert replay.reasons[1] == "canceled by the user"
    assert replay.reasons[3] == "canceled by the user before it started"
    assert replay.now < 5.1 + 2.0 + 3.0


@in_memory
def test_a_process_that_dies_is_a_row_and_the_run_goes_on(experiment):
    replay = Replay(experiment, {1: RecordedTrial((), 2.0, reason="out of memory", dies=True)})
    assert replay.drive() == {n: "Failed" if n == 1 else "Completed" for n in range(6)}
    assert replay.reasons[1] == "out of memory"


@in_memory
def test_an_iteration_that_loses_its_node_is_tried_again_elsewhere(experiment):
    replay = Replay(experiment, {1: scored(0.9, 10.0)})
    statuses = replay.drive(concurrency=2, nodes=3, slots=1, losses=[NodeLoss(4.0, 1)])
    assert statuses == dict.fromkeys(range(6), "Completed")
    tried = replay.store.iterations(replay.run_id)[1]
    assert tried.retries == ("node-1 was lost",)
    assert tried.properties.node_id != "node-1"
    assert replay.now == pytest.approx(14.0, abs=1.0)


@in_memory
def test_it_is_given_up_after_three_lost_nodes(experiment):
    replay = Replay(experiment, {0: scored(0.9, 100.0)}, iterations=2)
    losses = [NodeLoss(10.0 * (n + 1), n) for n in range(4)]
    assert replay.drive(nodes=5, slots=1, losses=losses) == {0: "Failed", 1: "Completed"}
    assert replay.reasons[0] == "the worker died: node-3 was lost"
    assert len(replay.store.iterations(replay.run_id)[0].retries) == 3


@in_memory
def test_a_lost_node_after_the_last_number_has_been_handed_out(experiment):
    """The run waits for the trials that are under way: they may have to be tried again."""
    replay = Replay(experiment, {1: scored(0.9, 10.0)}, iterations=2)
    assert replay.drive(concurrency=2, nodes=3, slots=1, losses=[NodeLoss(9.0, 1)]) == {
        0: "Completed", 1: "Completed",
    }  # fmt: skip
    assert replay.now == pytest.approx(19.0, abs=1.0)


@in_memory
def test_an_iteration_that_waits_for_another_node_is_cancelled_with_the_run(experiment):
    replay = Replay(experiment, {0: scored(0.5, 600.0), 1: scored(0.6, 600.0)}, iterations=4)
    replay.after(6.0, lambda: replay.run.cancel())
    statuses = replay.drive(concurrency=2, nodes=2, slots=1, losses=[NodeLoss(5.5, 0)])
    assert statuses == {0: "Canceled", 1: "Canceled"}
    assert replay.run.get_status() == "Canceled"


@in_memory
def test_iterations_that_are_added_go_on_after_the_ensembles(experiment):
    trials = {0: scored(0.9), 1: scored(0.9, estimator="KNN")}
    replay = Replay(experiment, trials, iterations=3, enable_voting_ensemble=True)
    replay.drive()
    replay.add_iterations(2)
    replay.drive()
    names = [r.pipeline for r in replay.store.iterations(replay.run_id)]
    assert [n for n, name in enumerate(names) if name == "VotingEnsemble"] == [3, 6]


@in_memory
def test_ensembles_of_a_run(experiment):
    trials = {0: scored(0.8), 1: scored(0.9, estimator="KNN")}
    replay = Replay(
        experiment, trials, iterations=2, enable_voting_ensemble=True, enable_stack_ensemble=True
    )
    assert replay.drive() == dict.fromkeys(range(4), "Completed")
    names = [r.pipeline for r in replay.store.iterations(replay.run_id)]
    assert names[2:] == ["VotingEnsemble", "StackEnsemble"]
    assert replay.status == "Completed"


@in_memory
def test_no_ensembles_of_a_cancelled_run(experiment):
    trials = {0: scored(0.8), 1: scored(0.9, estimator="KNN"), 2: scored(0.9, 600.0)}
    replay = Replay(experiment, trials, iterations=4, enable_voting_ensemble=True)
    replay.after(5.1, replay.run.cancel)
    assert replay.drive() == {0: "Completed", 1: "Completed", 2: "Canceled"}


@in_memory
def test_a_store_that_fails_for_a_moment_keeps_no_limit_from_being_applied(experiment, monkeypatch):
    replay = Replay(experiment, {1: scored(0.9, 600.0)}, iteration_timeout_minutes=0.1)
    read = replay.store.run

    def fails(run_id):
        if 3.0 < replay.now < 10.0:
            raise OSError("the store is away")
        return read(run_id)

    monkeypatch.setattr(replay.store, "run", fails)
    assert replay.drive()[1] == "Timeout"
    assert replay.status == "Completed"


@in_memory
def test_a_model_that_mlflow_does_not_take_is_a_note(experiment, monkeypatch):
    monkeypatch.setattr("engine.driver.results.save_mlflow_model", lambda *_: 1 / 0)
    replay = Replay(experiment, iterations=1)
    replay.drive()
    record = replay.store.run(replay.run_id)
    assert (record.status, record.error) == ("Completed", None)
    assert record.notes == (
        "the best model is not kept in MLflow's own format: ZeroDivisionError: division by zero",
    )


@in_memory
def test_what_cannot_be_written_is_the_runs_error(experiment, monkeypatch):
    replay = Replay(experiment, iterations=3)

    def fails(child_id, end, ended=None):
        raise OSError("no space left")

    monkeypatch.setattr(replay.store, "end_iteration", fails)
    replay.drive()
    assert replay.status == "Failed"
    assert replay.store.run(replay.run_id).error == "the store could not be written: no space left"


@in_memory
def test_nothing_that_gives_a_score_is_the_runs_error(experiment):
    replay = Replay(experiment, Recording("accuracy", others=FAILED), iterations=3)
    assert set(replay.drive().values()) == {"Failed"}
    assert replay.store.run(replay.run_id).error == (
        "no iteration gave a model; Failed: ValueError: no"
    )


@in_memory
def test_what_nobody_expected_is_the_runs_error(experiment, monkeypatch):
    replay = Replay(experiment)
    monkeypatch.setattr("engine.search.searcher.Searcher.ask", lambda *_: 1 / 0)
    replay.drive()
    assert replay.status == "Failed"
    assert replay.store.run(replay.run_id).error == "ZeroDivisionError: division by zero"


@in_memory
def test_time_is_kept_for_a_second_level_that_the_stack_asks_for(experiment):
    asked = []

    class WithSecondLevel(RecordedPlatform):
        def second_level(self, data, until):
            return lambda outputs, inputs: asked.append((len(outputs), len(inputs)))

    trials = {0: scored(0.8), 1: scored(0.9, estimator="KNN")}
    settings = {"experiment_timeout_minutes": 0.5, "enable_stack_ensemble": True}
    replay = Replay(experiment, trials, iterations=1000, **settings)
    replay.drive(platform=WithSecondLevel)
    assert 30 - 3.9 - 2.5 - 2.0 < replay.now < 30 - 3.9 - 2.5 + 0.5
    assert asked
    assert replay.store.iterations(replay.run_id)[-1].pipeline == "StackEnsemble"


#: Data whose rows are in another order once the file ``turned`` is there.
TURNED = """
import os
import numpy as np

def get_data():
    X = np.random.default_rng(0).normal(size=(120, 3))
    y = (X[:, 0] > 0).astype(int)
    if os.path.exists("turned"):
        X[y == 0], X[y == 1] = X[y == 0][::-1], X[y == 1][::-1]
    return {"X": X, "y": y}
"""


@pytest.fixture
def scripted(store_in_memory, experiment):
    """A completed run whose data comes from a script, and that gets two more iterations."""
    replay = Replay(experiment, {0: scored(0.9)}, script=TURNED)
    replay.drive()
    assert replay.status == "Completed"
    assert replay.store.run(replay.run_id).data is not None
    replay.add_iterations(2)
    return replay


def test_a_run_that_goes_on_sees_the_same_data(scripted):
    scripted.drive()
    assert scripted.status == "Completed"
    assert len(scripted.statuses) == 8


def test_other_rows_under_the_same_targets_are_an_error(scripted):
    Path("turned").touch()
    scripted.drive()
    assert scripted.status == "Failed"
    error = scripted.store.run(scripted.run_id).error
    assert error.startswith("the data is not what the run's 6 iterations have seen")
    assert "submit a new run" in error
    assert len(scripted.statuses) == 6
    Path("turned").unlink()
    scripted.drive()
    assert scripted.status == "Completed"
