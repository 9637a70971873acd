"""Stacking of predictions made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.deadline import Deadline
from engine.ensembles.giving_up import GivenUp
from engine.ensembles.stacking import NoTime, StackOptions, stack, stack_members
from engine.metrics.metric import METRICS
from tests.ensembles.candidates import out_of_fold, sixty_guesses


@pytest.mark.parametrize(
    ("kind", "learner", "kwargs"),
    [
        ("classification", "LogisticRegressionCV", {"Cs": 3}),
        ("classification", "LightGBMClassifier", {"n_estimators": 5}),
        ("regression", "ElasticNetCV", {}),
        ("regression", "LinearRegression", {}),
        ("regression", "LightGBMRegressor", {"n_estimators": 5}),
    ],
)
def test_meta_learners(kind, learner, kwargs):
    data = out_of_fold(kind)
    result = stack(data, [0, 1], StackOptions(learner, kwargs, 0.5))
    assert learner.replace("LightGBM", "LGBM") in repr(result.meta_learner)


def test_a_slow_member_that_does_not_show_is_dropped():
    data = out_of_fold("classification")
    sure = {n: (p + 9 * np.eye(3)[data.y]) / 10 for n, p in data.predictions.items()}
    data = replace(data, predictions=sure, prediction_ms={0: 200.0, 1: 1.0, 2: 1.0, 3: 1.0})
    assert set(stack_members(data, METRICS["AUC_weighted"], 8)) == {1, 2, 3}


def test_the_best_candidates_are_stacked():
    data = out_of_fold("regression")
    junk = {9: np.zeros(len(data.y))}
    data = replace(data, predictions={**data.predictions, **junk})
    assert set(stack_members(data, METRICS["r2_score"], 4)) == {0, 1, 2, 3}


def test_a_stack_of_the_luckiest_is_scored_by_what_is_best_on_other_rows():
    found = sixty_guesses()

    def best(data):
        return stack_members(data, METRICS["AUC_weighted"], 3)

    flattered = stack(found, best(found)).metrics["AUC_weighted"]
    honest = stack(found, best(found), choose=best).metrics["AUC_weighted"]
    assert flattered > 0.56
    assert honest < flattered - 0.03


def test_a_stack_that_would_not_be_ready_in_time():
    data = out_of_fold("classification")
    with pytest.raises(NoTime, match="would take"):
        stack(data, [0, 1], deadline=Deadline.after(1e-9))
    assert stack(data, [0, 1], deadline=Deadline.after(1e6)).metrics == stack(data, [0, 1]).metrics


def test_the_time_of_few_rows_is_not_taken():
    """Every tenth of them is too few for a meta learner that cross-validates."""
    data = out_of_fold("classification")
    few = replace(data.take(np.arange(60)), row_mask=None)
    result = stack(few, [0, 1], StackOptions("LogisticRegressionCV"), deadline=Deadline.after(60.0))
    assert "LogisticRegressionCV" in repr(result.meta_learner)


def test_a_limit_that_is_not_reached_changes_nothing():
    data = out_of_fold("classification")
    half = StackOptions(train_percentage=0.5)
    limited = stack(data, [0, 1], half, deadline=Deadline.after(1e6))
    free = stack(data, [0, 1], half)
    assert limited.metrics == free.metrics


@pytest.mark.parametrize("learner", ["LogisticRegression", "LightGBMClassifier"])
def test_a_stack_that_is_not_wanted_any_more(learner):
    """LightGBM asks after each of its rounds, the others before each fit."""
    data = out_of_fold("classification")
    asked = []

    def stop():
        asked.append(True)
        return len(asked) > 3

    with pytest.raises(GivenUp):
        stack(data, list(data.predictions), StackOptions(learner), stop=stop)
    assert len(asked) == 4
