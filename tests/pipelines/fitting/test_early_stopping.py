"""Early stopping finds about as many rounds as there is something to learn."""

from __future__ import annotations

import json
import logging
from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes

from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.evaluation.cross_validation import evaluate
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.fitting.early_stopping import AtRounds, fit_with_early_stopping
from engine.pipelines.spec import PipelineSpec

BOOSTERS = [
    (task, entry.name)
    for task in ("classification", "regression")
    for entry in estimators_of(task).values()
    if entry.rounds_parameter
]


def data_of(task, labels=None):
    X, y = (load_breast_cancer if task == "classification" else load_diabetes)(return_X_y=True)
    if labels is not None:
        y = np.array(labels)[y]
    return check_data({"X": X, "y": y}, task)


class Lines(logging.Handler):
    """Keeps the text of what is logged."""

    def __init__(self):
        super().__init__()
        self.text = ""

    def emit(self, record):
        self.text += record.getMessage() + "\n"


@cache
def cross_validated(task, name):
    """Data, folds, evaluation and log of a booster; several tests look at them."""
    data = data_of(task, ["no", "yes"] if task == "classification" else None)
    folds = make_splits(data, SplitPlan(3))
    logger, lines = logging.getLogger("raysmith.trial"), Lines()
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.INFO)
    try:
        result = evaluate(PipelineSpec(name, "", {"learning_rate": 0.2}), data, folds)
    finally:
        logger.removeHandler(lines)
        logger.setLevel(level)
    return data, folds, result, lines.text


@pytest.mark.parametrize(("task", "name"), BOOSTERS)
def test_the_final_model_has_the_rounds_that_were_good(task, name):
    entry = estimators_of(task)[name]
    data, _, result, _ = cross_validated(task, name)
    model = result.model[-1]
    while not hasattr(model, "get_params") or entry.rounds_parameter not in model.get_params():
        model = model.estimator_
    rounds = model.get_params()[entry.rounds_parameter]
    assert 3 < rounds < 400
    assert len(result.model.predict(data.X[:3])) == 3
    if task == "classification":
        assert result.metrics["accuracy"] > 0.93


@pytest.mark.parametrize(("task", "name"), BOOSTERS)
def test_a_fold_is_scored_at_the_rounds_of_the_others(task, name):
    """Not at those that were best for its own validation part, which flatter it."""
    data, folds, result, log = cross_validated(task, name)
    rounds = json.loads(log.partition("boosting rounds by fold: ")[2].splitlines()[0])
    compared = 0
    for number, (train, valid) in enumerate(folds):
        fair = round(np.mean([n for other, n in enumerate(rounds) if other != number]))
        if fair > rounds[number] + 10:
            continue  # early stopping may have ended the fit before
        fixed = {"learning_rate": 0.2, estimators_of(task)[name].rounds_parameter: fair}
        alone = evaluate(PipelineSpec(name, "", fixed), data, [(train, valid)])
        assert np.allclose(alone.predictions[valid], result.predictions[valid], rtol=1e-5)
        assert alone.metrics == pytest.approx(result.fold_metrics[number], rel=1e-5)
        compared += 1
    assert compared >= 1


def test_the_only_fold_is_scored_at_its_own_rounds():
    data = data_of("regression")
    folds = make_splits(data, SplitPlan(3))[:1]
    result = evaluate(PipelineSpec("LightGBM"), data, folds)
    fixed = {"n_estimators": result.model[-1].n_estimators}
    alone = evaluate(PipelineSpec("LightGBM", "", fixed), data, folds)
    assert alone.metrics == pytest.approx(result.metrics, rel=1e-6)


@pytest.mark.parametrize(("task", "name"), BOOSTERS)
def test_more_rounds_than_were_fitted_are_all_of_them(task, name):
    data = data_of(task)
    estimator = build_pipeline(PipelineSpec(name, "", {"learning_rate": 0.3}), task)[-1]
    best = fit_with_early_stopping(
        estimator, data.X[:300], data.y[:300], None, data.X[300:], data.y[300:], keep_all=True
    )
    method = "predict" if task == "regression" else "predict_proba"
    first, own, many = (
        getattr(AtRounds(estimator, n), method)(data.X[:9]) for n in (1, best, 10_000)
    )
    assert first.shape == own.shape == many.shape
    assert not np.allclose(first, own)
    assert not np.array_equal(own, many)


@pytest.mark.parametrize(("task", "name"), BOOSTERS)
def test_rounds_that_were_asked_for_are_kept(task, name):
    entry = estimators_of(task)[name]
    data = data_of(task)
    spec = PipelineSpec(name, "", {entry.rounds_parameter: 7})
    model = evaluate(spec, data, make_splits(data, SplitPlan(2))).model[-1]
    while entry.rounds_parameter not in model.get_params():
        model = model.estimator_
    assert model.get_params()[entry.rounds_parameter] == 7


@pytest.mark.parametrize("keep_all", [False, True])
@pytest.mark.parametrize(("task", "name"), BOOSTERS)
def test_a_fit_ends_when_its_time_is_over(task, name, keep_all):
    data = data_of(task)
    spec = PipelineSpec(name, "", {"learning_rate": 0.02})
    estimator = build_pipeline(spec, task)[-1]
    rounds = fit_with_early_stopping(
        estimator, data.X[:300], data.y[:300], None, data.X[300:], data.y[300:], 0.0, keep_all
    )
    # Scikit-learn's cannot be stopped; its rounds are limited by what the first few took.
    assert rounds <= (5 if name == "GradientBoosting" else 3)
    assert len(estimator.predict(data.X[:4])) == 4


@pytest.mark.parametrize("name", [n for t, n in BOOSTERS if t == "classification"])
def test_a_class_that_only_the_validation_part_has(name):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 3)), np.array(["a", "b"] * 29 + ["c", "c"])
    data = check_data({"X": X, "y": y}, "classification")
    folds = [(np.arange(40), np.arange(40, 60)), (np.arange(20, 60), np.arange(20))]
    result = evaluate(PipelineSpec(name), data, folds)
    assert result.predictions.shape == (60, 3)


def test_weights_reach_the_boosting():
    data = data_of("classification")
    rng = np.random.default_rng(0)
    flipped = rng.random(data.n_rows) < 0.4
    y = np.where(flipped, 1 - data.y, data.y)
    weighted = check_data({"X": data.X, "y": y, "sample_weight": np.where(flipped, 0.0, 1.0)},
                          "classification")  # fmt: skip
    result = evaluate(PipelineSpec("LightGBM"), weighted, make_splits(weighted, SplitPlan(3)))
    assert result.model.score(data.X, data.y) > 0.93
