"""A second level of a run, fitted in the driver's process and as a Ray task."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest
import ray

from engine.data.check import check_data
from engine.data.splits import SplitPlan
from engine.deadline import Deadline
from engine.driver.second_level_job import FittingHere, FittingThere, SecondLevelFit
from tests.live.helpers import quick_config, write

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

#: A plane that linear models see and trees do not, and a bump that only trees see.
BUMP = """
import numpy as np

def get_data():
    X = np.random.default_rng(0).normal(size=(600, 9))
    return {"X": X, "y": X[:, 1:].sum(axis=1) + 3 * (np.abs(X[:, 0]) < 0.5)}
"""
PLAN = SplitPlan(3)


@ray.remote(max_retries=0)
def on_a_node(fit, data):
    return fit.on(data)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    return check_data({"X": X, "y": X[:, 0] + rng.normal(size=200)}, "regression")


def test_it_is_the_same_here_and_there(data):
    outputs = [data.X[:, 1]]
    fit = SecondLevelFit(PLAN, outputs)
    here = FittingHere(lambda stop: fit.on(data, stop)).result()
    there = FittingThere(on_a_node.remote(fit, ray.put(data))).result()
    np.testing.assert_array_equal(here.predictions, there.predictions)


def test_what_goes_wrong_is_no_second_level(data):
    outputs = [np.zeros(3)]
    fit = SecondLevelFit(PLAN, outputs)
    assert FittingHere(lambda stop: fit.on(data, stop)).result() is None
    assert FittingThere(on_a_node.remote(fit, data)).result() is None


def test_what_is_not_ready_in_time_is_given_up():
    @ray.remote(max_retries=0)
    def slow():
        time.sleep(600)

    told = threading.Event()

    def until_told(stop):
        while not stop():
            time.sleep(0.01)
        told.set()

    assert FittingHere(until_told, Deadline.after(0.1)).result() is None
    assert told.wait(10)
    future = slow.remote()
    assert FittingThere(future, Deadline.after(0.1)).result() is None
    with pytest.raises(ray.exceptions.RayError):
        ray.get(future)


@pytest.mark.long
def test_a_stack_with_one_is_a_model_like_others(experiment):
    config = quick_config(
        task="regression", primary_metric="r2_score", data_script=write("bump.py", BUMP),
        allowed_models=["ElasticNet", "KNN", "LightGBM"], iterations=4, n_cross_validations=3,
        enable_stack_ensemble=True, enable_voting_ensemble=True,
    )  # fmt: skip
    run = experiment.submit(config)
    run.wait_for_completion()
    summary = run.summary().set_index("pipeline")
    stack, model = run.get_output(iteration=int(summary.loc["StackEnsemble", "iteration"]))
    assert "second level: weight" in stack.get_logs()
    X = np.random.default_rng(1).normal(size=(300, 9))
    y = X[:, 1:].sum(axis=1) + 3 * (np.abs(X[:, 0]) < 0.5)
    told = stack.get_metrics()["r2_score"]
    assert model.score(X, y) > 0.9
    assert abs(model.score(X, y) - told) < 0.1
    assert model.named_steps["StackEnsemble"].features_ is not None
