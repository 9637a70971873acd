"""Voting and stacking on predictions made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from engine.data import check_data
from engine.metrics import METRICS, metrics_of
from engine.pipelines import PipelineSpec, build_pipeline
from engine.search import ensemble
from engine.search.ensemble import (
    EnsembleResult,
    OutOfFold,
    choose_one,
    compose,
    gain,
    stack,
    stack_members,
    vote,
)
from engine.splits import SplitPlan, make_splits

N = 300


def noisy_views(kind, n_views=4, seed=0):
    """Candidates that are each right with independent noise: their mean is better than each."""
    rng = np.random.default_rng(seed)
    if kind == "regression":
        y = rng.normal(size=N)
        return y, {i: y + rng.normal(scale=0.7, size=N) for i in range(n_views)}
    y = rng.integers(3, size=N)
    views = {}
    for i in range(n_views):
        scores = np.eye(3)[y] * 1.2 + rng.normal(scale=0.9, size=(N, 3))
        views[i] = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    return y, views


def out_of_fold(kind, **changes):
    y, views = noisy_views(kind)
    X = np.random.default_rng(1).normal(size=(N, 2))
    data = check_data({"X": X, "y": y} | changes, kind)
    return OutOfFold.of(data, make_splits(data, SplitPlan(5)), views)


def sixty_guesses():
    """Of what cannot be known."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=N)
    data = check_data({"X": rng.normal(size=(N, 1)), "y": y}, "classification")
    guesses = {n: rng.dirichlet([1, 1], size=N) for n in range(60)}
    return OutOfFold.of(data, make_splits(data, SplitPlan(5)), guesses)


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_both_are_better_than_each_member(kind):
    data = out_of_fold(kind)
    name = "accuracy" if kind == "classification" else "r2_score"
    best = max(data.score(name, values) for values in data.predictions.values())
    voted = vote(data, name)
    stacked = stack(data, [0, 1, 2, 3])
    assert voted.metrics[name] > best + 0.02
    assert stacked.metrics[name] > best + 0.02
    assert sum(voted.members.values()) == pytest.approx(1.0)
    assert set(voted.metrics) == set(metrics_of(kind))
    assert len(voted.fold_metrics) == 5


def test_the_best_of_many_guesses_is_luck_that_choosing_on_other_rows_shows():
    found = sixty_guesses()
    luckiest = max(found.score("AUC_weighted", p) for p in found.predictions.values())
    scores = choose_one(found, "AUC_weighted")
    assert len(scores) == 5
    assert luckiest > 0.56
    assert np.mean(scores) < luckiest - 0.03


def test_a_candidate_that_is_really_best_is_chosen_everywhere():
    y, views = noisy_views("regression")
    views[9] = y + np.random.default_rng(2).normal(scale=0.1, size=N)
    data = check_data({"X": np.random.default_rng(1).normal(size=(N, 2)), "y": y}, "regression")
    found = OutOfFold.of(data, make_splits(data, SplitPlan(5)), views)
    own = [found.rows(mine).score("r2_score", views[9][mine]) for _, mine in found.splits()]
    assert choose_one(found, "r2_score") == own


def test_a_gain_and_its_error():
    better, error = gain(METRICS["accuracy"], [0.8, 0.9, np.nan], [0.7, 0.7, 0.5])
    assert better == pytest.approx(0.15)
    assert error == pytest.approx(0.05)
    assert gain(METRICS["log_loss"], [0.2, 0.2], [0.3, 0.3])[0] == pytest.approx(0.1)
    assert np.isnan(gain(METRICS["accuracy"], [np.nan], [0.5])[0])


def test_a_useless_candidate_gets_no_weight():
    data = out_of_fold("classification")
    junk = np.random.default_rng(2).dirichlet(np.ones(3), size=N)
    data = OutOfFold(data.y, None, data.parts, {**data.predictions, 9: junk}, 1.0, 3)
    assert vote(data, "log_loss").members.get(9, 0.0) < 0.05


def test_the_selection_starts_from_different_estimators(monkeypatch):
    """Not from near copies of the best one."""
    monkeypatch.setattr(ensemble, "_ADDITIONS", 0)
    data = out_of_fold("regression")
    best = min(
        data.predictions, key=lambda n: data.score("mean_absolute_error", data.predictions[n])
    )
    copies = {10 + i: data.predictions[best] + 1e-6 * i for i in range(12)}
    others = [n for n in data.predictions if n != best]
    data = replace(
        data,
        predictions={**copies, **{n: data.predictions[n] for n in others}},
        kinds={**dict.fromkeys(copies, "LightGBM"), others[0]: "SVM", others[1]: "KNN"},
    )
    members = vote(data, "mean_absolute_error").members
    assert set(members.values()) == {0.25}
    assert len(members) == 4
    assert set(others) < set(members)
    assert set(vote(replace(data, kinds={}), "mean_absolute_error").members) < set(copies)


@pytest.mark.parametrize("name", ["log_loss", "AUC_weighted", "accuracy"])
def test_scores_come_from_rows_that_had_no_part(name):
    """On labels that are pure chance an ensemble that scored its own rows would look skilful."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=120)
    views = {i: rng.dirichlet(np.ones(2), size=120) for i in range(60)}
    data = check_data({"X": rng.normal(size=(120, 2)), "y": y}, "classification")
    oof = OutOfFold.of(data, make_splits(data, SplitPlan(5)), views)
    for result in (vote(oof, name), stack(oof, list(views))):
        assert result.metrics["AUC_weighted"] < 0.66


def test_rows_that_were_never_predicted_are_left_out():
    y, views = noisy_views("regression")
    views[0][:150] = np.nan
    data = check_data({"X": np.zeros((N, 1)), "y": y}, "regression")
    oof = OutOfFold.of(data, [(np.arange(150), np.arange(150, N))], views)
    assert len(oof.y) == 150
    assert set(oof.parts) == set(range(5))
    assert vote(oof, "r2_score").metrics["r2_score"] > 0.5


def test_no_time_is_the_best_single_one():
    data = out_of_fold("classification")
    voted = vote(data, "accuracy", seconds=0.0)
    assert len(voted.members) == 1


@pytest.mark.parametrize(
    ("kind", "learner", "kwargs"),
    [
        ("classification", "LogisticRegressionCV", {"Cs": 3}),
        ("classification", "LightGBMClassifier", {"n_estimators": 5}),
        ("regression", "ElasticNetCV", None),
        ("regression", "LinearRegression", None),
        ("regression", "LightGBMRegressor", {"n_estimators": 5}),
    ],
)
def test_meta_learners(kind, learner, kwargs):
    data = out_of_fold(kind)
    result = stack(data, [0, 1], meta_learner_type=learner, meta_learner_kwargs=kwargs,
                   train_percentage=0.5)  # fmt: skip
    assert learner.replace("LightGBM", "LGBM") in repr(result.meta_learner)


def test_weights_count():
    y, _ = noisy_views("classification")
    weight = np.where(np.arange(N) < 150, 1.0, 0.0)
    data = out_of_fold("classification", sample_weight=weight)
    right = np.eye(3)[y] * 0.9 + 0.05
    wrong = np.full((N, 3), 1 / 3)
    halves = {
        0: np.where(weight[:, None] > 0, right, wrong),
        1: np.where(weight[:, None] > 0, wrong, right),
    }
    data = OutOfFold(data.y, data.weight, data.parts, halves, 1.0, 3)
    assert list(vote(data, "log_loss").members) == [0]


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
    for result in (vote(oof, "log_loss"), stack(oof, [3, 7])):
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
    voted, stacked = vote(oof, "r2_score"), stack(oof, [0, 1])
    expected = sum(w * pipelines[n].predict(X) for n, w in voted.members.items())
    np.testing.assert_allclose(compose(voted, pipelines, None).predict(X), expected)
    assert compose(stacked, pipelines, None).score(X, y) > 0.4
    assert stacked.metrics["r2_score"] > 0.4


def test_a_slow_member_that_does_not_show_is_given_up():
    data = out_of_fold("classification")
    sure = {n: (p + 9 * np.eye(3)[data.y]) / 10 for n, p in data.predictions.items()}
    data = replace(data, predictions=sure, prediction_ms={0: 200.0, 1: 1.0, 2: 1.0, 3: 1.0})
    assert set(stack_members(data, "AUC_weighted", 8)) == {1, 2, 3}


def test_a_slow_member_that_shows_is_kept():
    data = out_of_fold("regression")
    data = replace(data, prediction_ms=dict.fromkeys(data.predictions, 500.0))
    assert set(vote(data, "root_mean_squared_error").members) == {0, 1, 2, 3}


def test_the_best_candidates_are_stacked():
    data = out_of_fold("regression")
    junk = {9: np.zeros(len(data.y))}
    data = replace(data, predictions={**data.predictions, **junk})
    assert set(stack_members(data, "r2_score", 4)) == {0, 1, 2, 3}


def test_a_stack_of_the_luckiest_is_scored_by_what_is_best_on_other_rows():
    found = sixty_guesses()

    def best(data):
        return stack_members(data, "AUC_weighted", 3)

    flattered = stack(found, best(found)).metrics["AUC_weighted"]
    honest = stack(found, best(found), choose=best).metrics["AUC_weighted"]
    assert flattered > 0.56
    assert honest < flattered - 0.03


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
