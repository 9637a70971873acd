"""Voting and stacking, and what they give as estimators."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.ensembles.compose import EnsembleResult, compose
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.stacking import stack
from engine.ensembles.voting import voting_ensemble
from engine.metrics.metric import METRICS, metrics_of
from engine.pipelines.build import build_pipeline
from engine.pipelines.spec import PipelineSpec
from tests.ensembles.candidates import out_of_fold


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_both_are_better_than_each_member(kind):
    data = out_of_fold(kind)
    name = "accuracy" if kind == "classification" else "r2_score"
    metric = METRICS[name]
    best = max(data.score(metric, values) for values in data.predictions.values())
    voted = voting_ensemble(data, metric)
    stacked = stack(data, [0, 1, 2, 3])
    assert voted.metrics[name] > best + 0.02
    assert stacked.metrics[name] > best + 0.02
    assert sum(voted.members.values()) == pytest.approx(1.0)
    assert set(voted.metrics) == set(metrics_of(kind))
    assert len(voted.fold_metrics) == 5


@pytest.mark.parametrize("name", ["log_loss", "AUC_weighted", "accuracy"])
def test_scores_come_from_rows_that_had_no_part(name):
    """On labels that are pure chance an ensemble that scored its own rows would look skilful."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    views = {i: rng.dirichlet(np.ones(2), size=120) for i in range(60)}
    data = check_data({"X": rng.normal(size=(120, 2)), "y": y}, "classification")
    oof = OutOfFold.of(data, make_splits(data, SplitPlan(5)), views)
    for result in (voting_ensemble(oof, METRICS[name]), stack(oof, list(views))):
        assert result.metrics["AUC_weighted"] < 0.66


@pytest.mark.parametrize("labels", [None, np.array(["a", "b", "c"])])
def test_composed_classifiers(labels):
    X, y = load_wine(return_X_y=True)
    y = y if labels is None else labels[y]
    data = check_data({"X": X, "y": y}, "classification")
    folds = make_splits(data, SplitPlan(3))
    pipelines = {
        3: make_pipeline(StandardScaler(), LogisticRegression()),
        7: make_pipeline(DecisionTreeClassifier(max_depth=3, random_state=0)),
    }
    views = {}
    for n, pipeline in pipelines.items():
        views[n] = np.zeros((len(y), 3))
        for train, valid in folds:
            views[n][valid] = pipeline.fit(X[train], y[train]).predict_proba(X[valid])
        pipeline.fit(X, y)
    oof = OutOfFold.of(data, folds, views)
    for result in (voting_ensemble(oof, METRICS["log_loss"]), stack(oof, [3, 7])):
        model = compose(result, pipelines, data.classes)
        probabilities = model.predict_proba(X)
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0)
        assert model.score(X, y) > 0.9
        assert set(model.predict(X)) == set(y)
        refitted = type(model)(**model.get_params(deep=False)).fit(X, y)
        assert refitted.score(X, y) > 0.9


def test_composed_regressors():
    X, y = load_diabetes(return_X_y=True)
    data = check_data({"X": X, "y": y}, "regression")
    folds = make_splits(data, SplitPlan(3))
    pipelines = {0: make_pipeline(LinearRegression()),
                 1: make_pipeline(DecisionTreeRegressor(max_depth=3, random_state=0))}  # fmt: skip
    views = {}
    for n, pipeline in pipelines.items():
        views[n] = np.zeros(len(y))
        for train, valid in folds:
            views[n][valid] = pipeline.fit(X[train], y[train]).predict(X[valid])
        pipeline.fit(X, y)
    oof = OutOfFold.of(data, folds, views)
    voted, stacked = voting_ensemble(oof, METRICS["r2_score"]), stack(oof, [0, 1])
    expected = sum(w * pipelines[n].predict(X) for n, w in voted.members.items())
    np.testing.assert_allclose(compose(voted, pipelines, None).predict(X), expected)
    assert compose(stacked, pipelines, None).score(X, y) > 0.4
    assert stacked.metrics["r2_score"] > 0.4


def test_members_share_what_they_do_first():
    X, y = load_wine(return_X_y=True)
    data = check_data({"X": X, "y": y}, "classification")
    spec = [PipelineSpec("LogisticRegression", "StandardScalerWrapper"), PipelineSpec("KNN"),
            PipelineSpec("LightGBM", "", {"n_estimators": 5})]  # fmt: skip
    pipelines = {n: build_pipeline(s, "classification").fit(X, y) for n, s in enumerate(spec)}
    weights = {0: 0.5, 1: 0.25, 2: 0.25}
    model = compose(EnsembleResult(weights, {}, [], np.zeros(0)), pipelines, data.classes)
    firsts = [member[0] for member in model.members_]
    assert firsts[0] is firsts[1]
    assert firsts[0] is not firsts[2]  # LightGBM gets its missing values as they are
    expected = sum(w * pipelines[n].predict_proba(X) for n, w in weights.items())
    np.testing.assert_allclose(model.predict_proba(X), expected)
