from __future__ import annotations

import numpy as np
import pytest

from engine.evaluation.rounds import AsSpecified, EarlyStopped, FitData, Timed, round_count
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import CLASSIFIERS
from engine.pipelines.spec import PipelineSpec


@pytest.mark.parametrize(
    ("name", "params", "fit_seconds", "expected"),
    [
        ("LogisticRegression", {}, None, AsSpecified),
        ("LogisticRegression", {}, 1.0, AsSpecified),
        ("LightGBM", {}, None, EarlyStopped),
        ("LightGBM", {}, 1.0, EarlyStopped),
        ("LightGBM", {"n_estimators": 10}, None, AsSpecified),
        ("RandomForest", {}, None, AsSpecified),
        ("RandomForest", {}, 1.0, Timed),
    ],
)
def test_the_estimator_and_the_time_limit_decide(name, params, fit_seconds, expected):
    spec = PipelineSpec(name, "", params)
    assert type(round_count(CLASSIFIERS[name], spec, fit_seconds, True)) is expected


def fitted(counts, name, table):
    X, y = table
    models = []
    for number in range(3):
        valid = np.arange(120) % 3 == number
        model = build_pipeline(PipelineSpec(name), "classification")[-1]
        counts.fit(model, FitData(X[~valid], y[~valid], None, X[valid], y[valid]))
        models.append(model)
    return models


@pytest.mark.parametrize("name", ["LogisticRegression", "RandomForest", "LightGBM"])
def test_every_strategy_fits_and_predicts(table, name):
    counts = round_count(CLASSIFIERS[name], PipelineSpec(name), 100.0, keep_all=True)
    for number, model in enumerate(fitted(counts, name, table)):
        predictor = counts.at_fold(model, number)
        assert predictor.predict_proba(table[0]).shape == (120, 2)
        assert counts.needs_other_folds or predictor is model
    build_pipeline(PipelineSpec(name, "", counts.params()), "classification").fit(*table)


def test_as_specified_settles_nothing(table):
    counts = AsSpecified()
    fitted(counts, "LogisticRegression", table)
    assert counts.params() == {}


def test_timed_fits_settle_the_mean_of_the_folds(table):
    counts = Timed("n_estimators", 1e-9)
    models = fitted(counts, "RandomForest", table)
    assert counts.params() == {"n_estimators": len(models[0].estimators_)}


def test_a_fold_that_is_alone_has_its_own_rounds(table):
    X, y = table
    counts = EarlyStopped("n_estimators", None, keep_all=True)
    model = build_pipeline(PipelineSpec("LightGBM"), "classification")[-1]
    counts.fit(model, FitData(X[:80], y[:80], None, X[80:], y[80:]))
    own = counts.params()["n_estimators"]
    expected = model.predict_proba(X, num_iteration=own)
    np.testing.assert_array_equal(counts.at_fold(model, 0).predict_proba(X), expected)
