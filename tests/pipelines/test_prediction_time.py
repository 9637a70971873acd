"""What a fitted pipeline is said to take for a prediction."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.datasets import make_classification, make_regression

from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.prediction_time import prediction_ms
from engine.pipelines.spec import PipelineSpec


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_estimator_has_a_cost(task):
    make = make_classification if task == "classification" else make_regression
    X, y = make(n_samples=200, n_features=6, random_state=0)
    for name, entry in estimators_of(task).items():
        if not entry.installed:
            continue
        few = {entry.rounds_parameter: 20} if entry.rounds_parameter else {}
        scaler = next(iter(entry.scalers))
        spec = PipelineSpec(name, scaler, few)
        pipeline = build_pipeline(spec, task).fit(X, y)
        cost = prediction_ms(pipeline)
        assert 2.0 < cost < 1000.0, name
        assert prediction_ms(pipeline) == cost


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("LightGBM", "n_estimators"),
        ("XGBoostClassifier", "n_estimators"),
        ("ExtremeRandomTrees", "n_estimators"),
    ],
)
def test_more_trees_cost_more(name, parameter):
    X, y = make_classification(n_samples=200, random_state=0)
    few, many = (
        prediction_ms(
            build_pipeline(PipelineSpec(name, "", {parameter: n}), "classification").fit(X, y)
        )
        for n in (10, 200)
    )
    assert (many - 2.0) == pytest.approx(20 * (few - 2.0), rel=0.2)


def test_the_order_is_that_of_the_clock():
    X, y = make_classification(n_samples=1000, n_features=40, n_informative=20, random_state=0)
    said, measured = [], []
    for spec in (
        PipelineSpec("LogisticRegression", "StandardScalerWrapper"),
        PipelineSpec("RandomForest", "", {"n_estimators": 300}),
    ):
        pipeline = build_pipeline(spec, "classification").fit(X, y)
        pipeline.predict_proba(X)
        began = time.process_time()
        pipeline.predict_proba(X)
        measured.append(time.process_time() - began)
        said.append(prediction_ms(pipeline))
    assert np.argsort(said).tolist() == np.argsort(measured).tolist() == [0, 1]
