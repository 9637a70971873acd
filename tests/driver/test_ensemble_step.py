"""Ensembles of a run, and what ends their making early; without Ray."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from engine import AutoMLConfig
from engine.data.check import check_data
from engine.data.splits import make_splits
from engine.deadline import NEVER, Deadline
from engine.driver import ensemble_step
from engine.driver.ensemble_rows import end_of
from engine.driver.ensemble_step import EnsembleStep, run_with_deadline
from engine.driver.resuming import number_to_stop_before
from engine.ensembles.second_level import SecondLevel
from engine.ensembles.stacking import NoTime
from engine.ensembles.voting import voting_ensemble
from engine.evaluation.cross_validation import evaluate
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec
from engine.store.mlflow_model import load_model
from engine.store.packing import pack_model, pack_predictions
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

pytestmark = pytest.mark.usefixtures("store_in_memory")


@pytest.mark.parametrize(
    ("iterations", "ensembles", "expected"),
    [(20, [], 20), (20, [20, 21], 20), (4, [3, 4], 6), (5, [3, 4], 7), (7, [3, 4, 7, 8], 11)],
)
def test_ensembles_come_on_top_of_the_iterations(iterations, ensembles, expected):
    goal = number_to_stop_before(iterations, ensembles)
    assert goal == expected
    assert len(set(range(goal)) - set(ensembles)) == iterations


class Run:
    """A run of some pipelines in a store, and its ensembles' step."""

    def __init__(self, store, experiment, n_pipelines=3, n_pruned=0, **settings):
        rng = np.random.default_rng(0)
        X = rng.normal(size=(200, 3))
        y = (X.sum(axis=1) > 0).astype(int)
        self.data = check_data({"X": X, "y": y}, "classification")
        config = AutoMLConfig("classification", X=X, y=y, n_cross_validations=4, **settings)
        self.store, self.settings = store, config.settings
        named = {"task": "classification", "primary_metric": "AUC_weighted"}
        self.id = store.create_run(experiment.id, named, {})
        for number in range(n_pipelines):
            spec = PipelineSpec("LogisticRegression", "", {"C": 10.0 ** (number - 2)})
            result = evaluate(spec, self.data, make_splits(self.data, self.settings.split_plan))
            end = IterationEnd(
                IterationStatus.COMPLETED,
                metrics=result.metrics,
                model=pack_model(result.model),
                predictions=pack_predictions(result.predictions),
            )
            self.add(number, end)
        for number in range(n_pipelines, n_pipelines + n_pruned):
            self.add(number, IterationEnd(IterationStatus.PRUNED, "hopeless"))

    def add(self, number, end):
        properties = IterationProperties(run_algorithm="KNN", iteration=number)
        record = self.store.run(self.id)
        child = self.store.start_iteration(record, number, "KNN", {}, properties, 1.0)
        self.store.end_iteration(child, end)

    def step(
        self, targets=None, deadline=NEVER, stop=lambda: False, begin_second_level=None
    ) -> EnsembleStep:
        record = self.store.run(self.id)
        targets = targets or (lambda: self.data)
        return EnsembleStep(
            self.store, record, self.settings, targets, deadline, stop, begin_second_level
        )

    @property
    def rows(self):
        """Ensemble -> its iteration."""
        return {r.pipeline: r for r in self.store.iterations(self.id) if r.is_ensemble}

    def statuses(self):
        return {name: str(row.status) for name, row in self.rows.items()}


@pytest.fixture
def run(workspace, experiment):
    return Run(workspace.store, experiment)


class Late:
    """A second level that is never ready."""

    def __init__(self):
        self.cancelled = threading.Event()

    def result(self):
        return None

    def cancel(self):
        self.cancelled.set()


def test_ensembles_are_iterations_that_predict(run):
    run.step().run()
    assert run.statuses() == {"VotingEnsemble": "Completed", "StackEnsemble": "Completed"}
    for number, name in enumerate(("VotingEnsemble", "StackEnsemble"), start=3):
        row = run.rows[name]
        assert row.iteration == number
        model = load_model(run.store, row.run_id)
        assert model.score(run.data.X, run.data.y) > 0.9
        predictions = run.store.predictions(row.run_id)
        assert predictions.shape == (200, 2)
        assert np.isfinite(predictions).all()


def test_there_is_nothing_to_combine_in_one_pipeline(workspace, experiment):
    run = Run(workspace.store, experiment, n_pipelines=1)
    run.step(targets=pytest.fail).run()
    assert run.rows == {}


def test_what_goes_wrong_before_them_is_their_reason(run):
    def unreadable():
        raise OSError("the data is gone")

    run.step(unreadable).run()
    reasons = {name: (row.status, row.reason) for name, row in run.rows.items()}
    reason = "OSError: the data is gone"
    assert reasons == {"VotingEnsemble": ("Failed", reason), "StackEnsemble": ("Failed", reason)}


def test_an_ensemble_that_fails_does_not_lose_the_other(run, monkeypatch):
    def broken(*args):
        raise ValueError("no weights")

    monkeypatch.setattr(ensemble_step, "voting_ensemble", broken)
    run.step().run()
    assert run.statuses() == {"VotingEnsemble": "Failed", "StackEnsemble": "Completed"}
    assert run.rows["VotingEnsemble"].reason == "ValueError: no weights"


def test_an_iteration_that_an_earlier_driver_began_is_finished(run):
    properties = IterationProperties(run_algorithm="VotingEnsemble", iteration=3)
    record = run.store.run(run.id)
    begun = run.store.start_iteration(record, 3, "VotingEnsemble", {}, properties, 1.0)
    run.step().run()
    assert run.rows["VotingEnsemble"].run_id == begun
    assert run.rows["StackEnsemble"].iteration == 4
    assert set(run.statuses().values()) == {"Completed"}


@pytest.mark.parametrize("seconds", [-8.0, -7.5])
def test_no_ensemble_is_begun_when_the_time_is_over(run, seconds):
    run.step(targets=pytest.fail, deadline=Deadline.after(seconds)).run()
    assert run.rows == {}


def test_a_stack_that_would_be_late_is_left_out(run, monkeypatch):
    def late(*args, **kwargs):
        raise NoTime("its fits would take 9 s")

    monkeypatch.setattr(ensemble_step, "stack", late)
    run.step(deadline=Deadline.after(60.0)).run()
    assert run.statuses() == {"VotingEnsemble": "Completed"}


@pytest.mark.parametrize("way", ["deadline", "stop"])
def test_an_ensemble_that_is_not_ready_is_not_written(run, monkeypatch, way):
    """The thread goes on, as a fit cannot be interrupted, and nothing comes of it."""
    began, go_on, ended = threading.Event(), threading.Event(), threading.Event()
    fitting = Late()

    def slow(*args):
        began.set()
        go_on.wait(60)
        return voting_ensemble(*args)

    def written(*args):
        ended.set()
        return end_of(*args)

    monkeypatch.setattr(ensemble_step, "voting_ensemble", slow)
    monkeypatch.setattr(ensemble_step, "end_of", written)
    hours = Hours()
    deadline = Deadline(at=100.0, clock=hours) if way == "deadline" else NEVER

    def stop():
        return way == "stop" and began.is_set()

    step = run.step(deadline=deadline, stop=stop, begin_second_level=lambda *_: fitting)
    thread = threading.Thread(target=step.run)
    thread.start()
    assert began.wait(60)
    hours.now = 109.0
    thread.join(60)
    assert not thread.is_alive()
    assert fitting.cancelled.is_set()
    go_on.set()
    assert ended.wait(60)
    for other in threading.enumerate():
        if other.name == "raysmith-ensembles":
            other.join(60)
    assert run.rows == {}


class Hours:
    """A clock that is set by hand."""

    now = 0.0

    def __call__(self):
        return self.now


def test_a_second_level_that_is_late_leaves_a_stack_without_it(run):
    fitting = Late()
    run.step(begin_second_level=lambda *_: fitting).run()
    assert run.statuses()["StackEnsemble"] == "Completed"
    assert load_model(run.store, run.rows["StackEnsemble"].run_id)[-1].features_ is None
    assert fitting.cancelled.is_set()


def test_a_second_level_that_cannot_begin_leaves_a_stack_without_it(run):
    def refuse(outputs, inputs):
        raise RuntimeError("no room")

    run.step(begin_second_level=refuse).run()
    assert set(run.statuses().values()) == {"Completed"}


def test_a_second_level_sees_what_is_best_on_the_other_folds(run):
    asked = []

    def begin(outputs, inputs):
        asked.append((outputs, inputs))

    step = run.step(begin_second_level=begin)
    material = step.prepare()
    step.begin_second_level(material.data)
    ((outputs, inputs),) = asked
    assert len(inputs) == 5  # four folds and all rows
    assert {n for chosen in inputs for n in chosen} == set(range(len(outputs)))
    assert all(output.shape == (200, 2) for output in outputs)
    metric = METRICS["AUC_weighted"]
    for (others, _), chosen in zip(material.data.splits(), inputs, strict=False):
        best = material.data.take(others).ranked(metric)
        expected = [material.data.predictions[n] for n in best]
        np.testing.assert_array_equal([outputs[n] for n in chosen], expected)


def test_a_second_level_is_a_part_of_the_stack(run):
    """One that is always right gets all the weight; its inputs are members of weight 0."""

    def begin(outputs, inputs):
        right = np.eye(2)[run.data.y] * 0.9 + 0.05
        model = LogisticRegression().fit(np.zeros((200, 3 + len(inputs[-1]))), run.data.y)
        scaler = StandardScaler().fit(run.data.X)
        return Ready(SecondLevel(right, scaler, model))

    run.step(begin_second_level=begin).run()
    row = run.rows["StackEnsemble"]
    assert row.status == "Completed"
    assert row.metrics["accuracy"] == 1.0
    stack = load_model(run.store, row.run_id)[-1]
    assert isinstance(stack.features_, StandardScaler)
    assert stack.weights[-1] > 0.5
    assert len(stack.members_) == len(stack.weights) - 1 == 3


class Ready(Late):
    """A second level that is ready."""

    def __init__(self, fitted):
        super().__init__()
        self._fitted = fitted

    def result(self):
        return self._fitted


@pytest.mark.parametrize("n_pruned", [0, 30])
def test_pruned_iterations_count_as_tries(workspace, experiment, n_pruned):
    """What was compared makes the best one lucky, whether it was compared to its end or not."""
    run = Run(workspace.store, experiment, n_pruned=n_pruned, enable_stack_ensemble=False)
    run.step().run()
    voted = run.rows["VotingEnsemble"]
    assert voted.status == "Completed"
    assert (voted.properties.preferred is not None) == (n_pruned > 0)


def test_work_that_ends_in_time():
    done = []
    assert run_with_deadline(lambda: done.append(True), lambda: False, Deadline.after(60.0))
    assert done == [True]


def test_errors_of_the_work_are_raised():
    def broken():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        run_with_deadline(broken, lambda: False)


@pytest.mark.parametrize(
    ("stop", "deadline"), [(lambda: True, NEVER), (lambda: False, Deadline.after(0.0))]
)
def test_work_that_is_given_up_does_not_hold_anybody(stop, deadline):
    go_on = threading.Event()
    began = time.monotonic()
    try:
        assert not run_with_deadline(lambda: go_on.wait(60), stop, deadline)
        assert time.monotonic() - began < 30
    finally:
        go_on.set()
