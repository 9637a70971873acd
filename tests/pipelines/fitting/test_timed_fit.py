"""Forests and networks with as many trees and epochs as there is time for."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression

from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.evaluation.cross_validation import evaluate
from engine.evaluation.fit_options import FitOptions
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.fitting.timed_fit import fit_within
from engine.pipelines.spec import PipelineSpec

MANY = {"n_estimators": 24, "max_iter": 12}
STEPPED = [
    (task, entry.name, entry.steps_parameter)
    for task in ("classification", "regression")
    for entry in estimators_of(task).values()
    if entry.steps_parameter
]


def table(task, n_rows=3000):
    make = make_classification if task == "classification" else make_regression
    X, y = make(n_rows, 6, random_state=0)
    order = np.argsort(y, kind="stable")  # the first rows are all of one class
    return X[order], y[order]


def estimator_of(task, name, parameter):
    spec = PipelineSpec(name, "", {parameter: MANY[parameter]})
    return build_pipeline(spec, task, n_rows=3000)[-1]


def test_forests_and_networks_are_those_that_have_steps():
    assert {name for _, name, _ in STEPPED} == {"RandomForest", "ExtremeRandomTrees", "MLP"}


@pytest.mark.parametrize(("task", "name", "parameter"), STEPPED)
def test_with_time_enough_it_is_a_fit_like_any(task, name, parameter):
    X, y = table(task)
    weight = np.linspace(0.5, 1.5, len(y))
    plain = estimator_of(task, name, parameter).fit(X, y, sample_weight=weight)
    within = estimator_of(task, name, parameter)
    assert fit_within(within, parameter, X, y, weight, 1e6) == MANY[parameter]
    np.testing.assert_array_equal(within.predict(X), plain.predict(X))
    assert str(within.get_params()) == str(plain.get_params())


@pytest.mark.parametrize(("task", "name", "parameter"), STEPPED)
def test_without_time_there_are_few_steps(task, name, parameter):
    X, y = table(task)
    within = estimator_of(task, name, parameter)
    steps = fit_within(within, parameter, X, y, None, 1e-9)
    assert steps <= 5
    assert len(within.predict(X)) == len(y)
    if parameter == "n_estimators":
        assert len(within.estimators_) == steps


def test_small_data_are_not_timed():
    X, y = table("classification", 500)
    within = estimator_of("classification", "MLP", "max_iter")
    assert fit_within(within, "max_iter", X, y, None, 1e-9) == MANY["max_iter"]


def test_the_last_fit_has_as_many_as_the_folds_had():
    X, y = table("classification")
    data = check_data({"X": X, "y": y}, "classification")
    spec = PipelineSpec("RandomForest", "", {"n_estimators": 60})
    folds = make_splits(data, SplitPlan(2))
    assert len(evaluate(spec, data, folds).model[-1].estimators_) == 60
    assert len(evaluate(spec, data, folds, FitOptions(fit_seconds=1e-9)).model[-1].estimators_) == 5
