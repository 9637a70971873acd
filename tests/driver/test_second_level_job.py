"""The fit of a second level in a thread, when it is begun, and what it imports first."""

from __future__ import annotations

import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest

from engine import AutoMLConfig
from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.deadline import NEVER, Deadline
from engine.driver import second_level_job
from engine.driver.second_level_job import FittingHere, SecondLevelFit, SecondLevelJob
from engine.ensembles.giving_up import GivenUp
from engine.ensembles.second_level import SecondLevelOptions, fit_second_level

# Each purpose has a process of its own, forked from one that has imported the job alone.
LOOK = """
import os, sys
from engine.data.dataset import Layout
from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.driver.second_level_job import import_libraries

assert not {"lightgbm", "skrub"} & sys.modules.keys()
for purpose in sys.argv[1:]:
    if (child := os.fork()) == 0:
        columns = (Column("number", "Numeric", ""), Column("other", purpose, ""))
        import_libraries(Layout(columns, FeaturizationConfig()))
        print(purpose, *sorted({"lightgbm", "skrub"} & sys.modules.keys()), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
"""
PLAN = SplitPlan(2)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 3))
    return check_data({"X": X, "y": X[:, 0] + rng.normal(size=80)}, "regression")


@pytest.fixture(scope="module")
def imports():
    """Purpose of a column -> the libraries that are imported before a fit."""
    command = [sys.executable, "-c", LOOK, "Numeric", "Text", "DateTime"]
    looked = subprocess.run(command, capture_output=True, text=True)
    assert looked.returncode == 0, looked.stderr
    lines = (line.split() for line in looked.stdout.splitlines())
    return {purpose: imported for purpose, *imported in lines}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("purpose", "imported"),
    [
        ("Numeric", ["lightgbm"]),
        ("Text", ["lightgbm", "skrub"]),
        ("DateTime", ["lightgbm", "skrub"]),
    ],
)
def test_encoders_are_imported_where_there_are_dates_or_texts(imports, purpose, imported):
    """Before a thread and one that reads models import them at once, and one finds half of them."""
    assert imports[purpose] == imported


def test_a_fit_that_travels_is_the_fit(data):
    outputs = [data.X[:, 1], data.X[:, 2]]
    inputs, options = [[0], [1], [0, 1]], SecondLevelOptions(random_state=3)
    fit = pickle.loads(pickle.dumps(SecondLevelFit(PLAN, outputs, inputs, options)))
    expected = fit_second_level(data, make_splits(data, PLAN), outputs, inputs, options)
    np.testing.assert_array_equal(fit.on(data).predictions, expected.predictions)
    with pytest.raises(GivenUp):
        fit.on(data, stop=lambda: True)


def test_a_fit_here_is_waited_for():
    go_on = threading.Event()

    def slow(stop):
        assert go_on.wait(60)
        return "fitted"

    fitting = FittingHere(slow)
    threading.Timer(0.05, go_on.set).start()
    assert fitting.result() == fitting.result() == "fitted"


def test_a_fit_here_that_fails_is_none():
    def broken(stop):
        raise ValueError("no features")

    assert FittingHere(broken).result() is None


@pytest.mark.parametrize("way", ["late", "cancelled"])
def test_a_fit_here_that_is_late_or_cancelled_ends(way):
    ended = threading.Event()

    def endless(stop):
        while not stop():
            ended.wait(0.01)
        ended.set()
        raise GivenUp

    fitting = FittingHere(endless, Deadline.after(0.05) if way == "late" else NEVER)
    if way == "cancelled":
        fitting.cancel()
        fitting.cancel()
    assert fitting.result() is None
    assert ended.wait(60)


def settings(**more):
    X = [[0.0]] * 6
    return AutoMLConfig("regression", X=X, y=list(range(6)), **more).settings


def test_a_run_can_have_one_where_each_row_is_validated_once(data):
    assert SecondLevelJob.plan(settings(n_cross_validations=3), data)
    assert not SecondLevelJob.plan(settings(validation_size=0.25), data)
    no_boosting = settings(n_cross_validations=3, allowed_models=["KNN"])
    assert not SecondLevelJob.plan(no_boosting, data)


class OneNode:
    """A node of four cores that is this process's own; its data needs no Ray."""

    def __init__(self, monkeypatch, data):
        self.asked = []
        monkeypatch.setattr(second_level_job, "node_resources", lambda: [{"CPU": 4.0}])
        monkeypatch.setattr(second_level_job, "trial_cores", lambda settings: 2)
        monkeypatch.setattr(second_level_job, "concurrency", lambda settings, cores: 8)
        monkeypatch.setattr(second_level_job.ray, "get", lambda reference: data)
        monkeypatch.setattr(second_level_job, "node_features", lambda *run: None)
        monkeypatch.setattr(second_level_job, "fit_second_level", self.fit)

    def fit(self, dataset, folds, outputs, inputs, options, *, stop, kept):
        self.asked.append((outputs, inputs, options))
        return "fitted"


def test_on_this_machine_it_is_fitted_in_this_process(monkeypatch, data):
    """By all cores of the node, as no trial runs any more."""
    node = OneNode(monkeypatch, data)
    chosen = settings(n_cross_validations=2)
    job = SecondLevelJob("run", chosen, ["reference"], NEVER)
    fitting = job.begin([data.X[:, 0]], [[0]] * 3)
    assert fitting.result() == "fitted"
    ((outputs, inputs, options),) = node.asked
    np.testing.assert_array_equal(outputs[0], data.X[:, 0])
    assert inputs == [[0]] * 3
    assert options == SecondLevelOptions(4, chosen.random_state, None, None)


def test_it_keeps_time_for_what_follows(monkeypatch, data):
    node = OneNode(monkeypatch, data)
    now = 1_000.0
    chosen = settings(n_cross_validations=2)
    for left, begins in ((3.9, False), (10.0, True)):
        until = Deadline(at=now + left, clock=lambda: now)
        job = SecondLevelJob("run", chosen, ["reference"], until)
        fitting = job.begin([data.X[:, 0]], [[0]] * 3)
        assert (fitting is not None) == begins
    assert fitting.result() == "fitted"
    ((_, _, options),) = node.asked
    assert options.seconds == pytest.approx(7.0)
