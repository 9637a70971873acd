"""What a run on recorded trials leaves beside scores: logs, an explanation, notes, a report."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from engine.driver.driver import Driver
from engine.driver.recorded_platform import RecordedPlatform
from tests.driver.replay import Replay, scored
from tests.live.helpers import wait_until

in_memory = pytest.mark.usefixtures("store_in_memory")


def test_the_logs_of_running_trials_come_to_the_store(experiment):
    replay = Replay(experiment, {0: scored(0.9, 10.0, log="fold 1 of 3\n")}, iterations=1)
    seen = []
    replay.after(8.0, lambda: seen.extend(c.get_logs() for c in replay.run.get_children()))
    replay.drive()
    assert seen == ["fold 1 of 3\n"]


class Explaining(RecordedPlatform):
    """Machines that explain, or fail to."""

    def __init__(self, *arguments, error=None):
        super().__init__(*arguments)
        self.error, self.calls = error, []

    def explain(self, store, iteration, data, rows, until, stop):
        self.calls.append((iteration.iteration, rows, until.left(), stop()))
        if self.error is not None:
            raise self.error


@in_memory
def test_the_best_model_is_explained_within_its_time(experiment):
    replay = Replay(experiment, {2: scored(0.9)}, model_explainability=True, iterations=3)
    replay.drive(platform=Explaining)
    assert replay.platform.calls == [(2, None, 300.0, False)]
    timed = Replay(
        experiment, {2: scored(0.9)}, model_explainability=True, iterations=3,
        experiment_timeout_minutes=1,
    )  # fmt: skip
    timed.drive(platform=Explaining)
    assert timed.platform.calls == [(2, None, pytest.approx(60 - 3 - 6), False)]


@in_memory
def test_no_time_for_an_explanation_is_a_note(experiment):
    replay = Replay(
        experiment, {0: scored(0.9, 2.5)}, model_explainability=True, iterations=1,
        experiment_timeout_minutes=0.12,
    )  # fmt: skip
    replay.drive(platform=Explaining)
    assert replay.platform.calls == []
    assert replay.status == "Completed"
    assert replay.store.run(replay.run_id).notes == (
        "the best model was not explained: RunException: experiment_timeout_minutes is over",
    )


@in_memory
def test_an_explanation_that_fails_is_a_note(experiment):
    replay = Replay(experiment, model_explainability=True, iterations=1)
    replay.drive(platform=partial(Explaining, error=ValueError("no\nmore")))
    assert replay.status == "Completed"
    assert replay.store.run(replay.run_id).notes == (
        "the best model was not explained: ValueError: no",
    )


@in_memory
def test_warnings_about_the_data_are_notes_of_the_run(experiment):
    script = "import numpy as np\ndef get_data():\n    X = np.arange(60.0).reshape(20, 3)\n"
    script += "    return {'X': X, 'y': ['rare'] * 2 + ['often'] * 18}\n"
    replay = Replay(experiment, script=script, iterations=1)
    replay.drive()
    (note,) = replay.store.run(replay.run_id).notes
    assert note.startswith("1 of 2 classes have fewer rows than the 3 parts of the split")


@in_memory
@pytest.mark.parametrize("keep_data", [True, False])
def test_a_run_without_a_copy_of_its_data_says_so_and_leaves_none(experiment, keep_data):
    replay = Replay(experiment, keep_data=keep_data, iterations=1)
    replay.drive()
    assert replay.status == "Completed"
    notes = replay.store.run(replay.run_id).notes
    files = replay.store.files(replay.run_id)
    of_the_data = [file for file in ("spec/data.pkl", "summary/training.json") if file in files]
    if keep_data:
        assert (notes, len(of_the_data)) == ((), 2)
    else:
        assert "cannot go on after its driver's death" in notes[0]
        assert of_the_data == []


@in_memory
def test_the_columns_of_a_script_are_not_summed_up_either(experiment):
    script = "import numpy as np\ndef get_data():\n    X = np.arange(60.0).reshape(20, 3)\n"
    script += "    return {'X': X, 'y': [0, 1] * 10}\n"
    replay = Replay(experiment, script=script, keep_data=False, iterations=1)
    replay.drive()
    assert replay.status == "Completed"
    assert replay.store.run(replay.run_id).notes == ()  # the script is still there
    assert "summary/training.json" not in replay.store.files(replay.run_id)


@in_memory
def test_notes_that_the_client_has_left_stay(experiment):
    script = "import numpy as np\ndef get_data():\n    X = np.arange(60.0).reshape(20, 3)\n"
    script += "    return {'X': X, 'y': ['rare'] * 2 + ['often'] * 18}\n"
    replay = Replay(experiment, script=script, iterations=1)
    replay.store.tag_notes(replay.run_id, ("left out of the run's packages: azureml-sdk",))
    replay.drive()
    first, second = replay.store.run(replay.run_id).notes
    assert first.startswith("left out")
    assert second.startswith("1 of 2 classes")


@in_memory
def test_the_drivers_log_lines_go_to_a_file(experiment, tmp_path):
    replay = Replay(experiment, iterations=1, debug_log="driver.log")
    replay.drive()
    assert "iteration 0 Completed (best so far)" in (tmp_path / "driver.log").read_text()


@in_memory
def test_a_report_that_cannot_be_made_leaves_the_run_as_it_is(experiment, monkeypatch):
    for name in ("engine.show.report.render_report", "engine.evaluation.diagnostics.quality_of"):
        monkeypatch.setattr(name, lambda *_: 1 / 0)
    replay = Replay(experiment, iterations=1)
    replay.drive()
    assert replay.status == "Completed"
    assert "report.html" not in replay.run.get_file_names()


ENDLESS = {
    "enable_voting_ensemble": True,
    "enable_stack_ensemble": True,
    "stack_meta_learner_type": "LightGBMClassifier",
    "stack_meta_learner_kwargs": {"n_estimators": 10**8},
}


def test_a_cancel_ends_a_meta_learner_that_fits_for_ever(experiment):
    """The trials are replayed, the fit is a real one: a hundred million rounds of boosting."""
    replay = Replay(experiment, {0: scored(0.9), 1: scored(0.8, estimator="KNN")}, **ENDLESS)
    replay.driver()
    driver = Driver(replay.store, replay.run_id, replay._given, replay.platform)
    driver.claim()
    thread = threading.Thread(target=driver.run)
    thread.start()
    wait_until(lambda: "VotingEnsemble" in {c.pipeline for c in children(replay)}, 60)
    replay.run.cancel()
    thread.join(60)
    assert not thread.is_alive()
    assert replay.status == "Canceled"
    assert [c.pipeline for c in children(replay)][6:] == ["VotingEnsemble"]
    assert replay.run.get_output()[1] is not None
    wait_until(lambda: "raysmith-ensembles" not in {t.name for t in threading.enumerate()}, 60)


@in_memory
def test_a_cancel_while_the_model_is_explained(experiment):
    class Canceled(Explaining):
        def explain(self, store, iteration, data, rows, until, stop):
            replay.run.cancel()
            replay.clock.sleep(1.0)
            super().explain(store, iteration, data, rows, until, stop)

    replay = Replay(experiment, {0: scored(0.9)}, model_explainability=True, iterations=1)
    replay.drive(platform=partial(Canceled, error=RuntimeError("stopped")))
    assert replay.platform.calls[0][-1]
    assert replay.status == "Canceled"
    assert replay.statuses == {0: "Completed"}


def children(replay):
    return replay.store.iterations(replay.run_id)
