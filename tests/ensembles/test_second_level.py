"""A second level of boosting: from predictions made by hand, and over real pipelines."""

from __future__ import annotations

import math
import pickle
from functools import cache

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import roc_auc_score

from engine import AutoMLConfig, FeaturizationConfig
from engine.data.check import check_data
from engine.data.splits import SplitPlan, is_k_fold, make_splits
from engine.ensembles.compose import compose
from engine.ensembles.giving_up import GivenUp
from engine.ensembles.meta_features import meta_predict
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.second_level import (
    SecondLevelOptions,
    fit_second_level,
    voting_with_second_level,
)
from engine.evaluation.cross_validation import evaluate
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec

N = 300
PIPELINES = {
    "classification": [
        PipelineSpec("LogisticRegression", "StandardScalerWrapper"),
        PipelineSpec("DecisionTree", "", {"max_depth": 3}),
    ],
    "regression": [
        PipelineSpec("ElasticNet", "StandardScalerWrapper", {"alpha": 0.01}),
        PipelineSpec("DecisionTree", "", {"max_depth": 3}),
    ],
}


def problem(task, n_classes=2, n_rows=N):
    """A straight line that linear models see, and a bump in another column that they do not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_rows, 4))
    y = 2 * X[:, 0] + 3 * (np.abs(X[:, 1]) < 0.5) + rng.normal(scale=0.3, size=n_rows)
    if task == "classification":
        y = np.digitize(y, np.quantile(y, np.linspace(0, 1, n_classes + 1)[1:-1]))
    return X, y


def table_of(X):
    """The same as a table: a category with missing values, and a column of texts, beside."""
    table = pd.DataFrame(X, columns=list("abcd"))
    kinds = pd.Series(np.where(X[:, 1] > 0, "high", "low")).mask(X[:, 2] > 1.5)
    return table.assign(kind=kinds.astype("category"), b=table["b"].mask(X[:, 3] > 2))


def test_sees_its_inputs_whoever_else_is_a_member():
    """In the order in which it was fitted, not in that of the weights."""
    X, y = problem("regression", n_rows=2 * N)
    data = check_data({"X": X[:N], "y": y[:N]}, "regression")
    folds = make_splits(data, SplitPlan(4))
    results = evaluated(data, folds)
    few_rounds = PipelineSpec("LightGBM", "", {"n_estimators": 30})  # so that others matter
    results[2] = evaluate(few_rounds, data, folds)
    oof = OutOfFold.of(data, folds, {n: r.predictions for n, r in results.items()})
    pipelines = {n: r.model for n, r in results.items()}
    for inputs in ([1, 0], [1]):
        own = fit_second_level(data, folds, [results[n].predictions for n in inputs])
        voted = voting_with_second_level(oof, METRICS["root_mean_squared_error"], own, inputs)
        assert list(voted.members)[: len(inputs)] == inputs
        assert voted.members[2] > 0
        seen = [pipelines[n].predict(X[N:]) for n in inputs]
        expected = sum(w * pipelines[n].predict(X[N:]) for n, w in voted.members.items())
        expected = expected + voted.own_weight * meta_predict(
            own.model, seen, None, own.features.transform(X[N:])
        )
        model = compose(voted, pipelines, None)
        np.testing.assert_allclose(model.predict(X[N:]), expected)
        assert model.score(X[N:], y[N:]) > max(p.score(X[N:], y[N:]) for p in pipelines.values())


def evaluated(data, folds):
    return {n: evaluate(spec, data, folds) for n, spec in enumerate(PIPELINES[data.task])}


def fitted(data):
    folds = make_splits(data, SplitPlan(4))
    results = evaluated(data, folds)
    outputs = [r.predictions for r in results.values()]
    own = fit_second_level(data, folds, outputs)
    oof = OutOfFold.of(data, folds, {n: r.predictions for n, r in results.items()})
    return results, own, oof


@cache
def fitted_to_numbers(task):
    """Data, and what `fitted` makes of it; several tests look at them."""
    data = check_data(dict(zip("Xy", problem(task), strict=True)), task)
    return data, *fitted(data)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_sees_what_the_pipelines_below_it_missed(task):
    _, results, own, oof = fitted_to_numbers(task)
    metric = METRICS["AUC_weighted" if task == "classification" else "r2_score"]
    best = max(oof.score(metric, r.predictions) for r in results.values())
    assert oof.score(metric, own.predictions) > best + 0.01
    voted = voting_with_second_level(oof, metric, own, [0, 1])
    assert metric.of(voted.metrics) > best + 0.01
    assert sum(voted.members.values()) + voted.own_weight == pytest.approx(1.0)
    assert set(voted.members) == {0, 1}


def test_its_predictions_come_from_rows_that_it_did_not_see():
    rng = np.random.default_rng(0)
    data = check_data({"X": rng.normal(size=(N, 5)), "y": rng.integers(2, size=N)},
                      "classification")  # fmt: skip
    _, own, _ = fitted(data)
    assert abs(roc_auc_score(data.y, own.predictions[:, 1]) - 0.5) < 0.1


@pytest.mark.parametrize("kind", ["array", "table", "sparse"])
@pytest.mark.parametrize(("task", "n_classes"), [("classification", 3), ("regression", 0)])
def test_the_stack_is_a_pipeline_that_predicts_new_rows(kind, task, n_classes):
    n_rows = 160
    X, y = problem(task, n_classes, 2 * n_rows)
    if task == "classification":
        y = np.array(["low", "mid", "top"])[y]
    make = {"array": lambda X: X, "table": table_of,
            "sparse": lambda X: sparse.csr_matrix(np.where(X > -0.5, X, 0.0))}[kind]  # fmt: skip
    config = FeaturizationConfig() if kind == "table" else None
    data = check_data({"X": make(X[:n_rows]), "y": y[:n_rows]}, task, featurization=config)
    results, own, oof = fitted(data)
    metric = METRICS["log_loss" if n_classes else "root_mean_squared_error"]
    voted = voting_with_second_level(oof, metric, own, [0, 1])
    assert voted.own_weight > 0
    pipelines = {n: r.model for n, r in results.items()}
    model = pickle.loads(pickle.dumps(compose(voted, pipelines, data.classes)))
    alone = max(r.model.score(make(X[n_rows:]), y[n_rows:]) for r in results.values())
    assert model.score(make(X[n_rows:]), y[n_rows:]) > alone
    if n_classes:
        probabilities = model.predict_proba(make(X[n_rows:]))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)
        assert set(model.predict(make(X[n_rows:]))) == set(y)
    again = type(model)(**model.get_params(deep=False)).fit(make(X[:n_rows]), y[:n_rows])
    assert again.score(make(X[n_rows:]), y[n_rows:]) > alone


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_same_twice_with_any_number_of_threads(task):
    """Few rows and folds: on a machine at work, threads that wait for each other take long."""
    X, y = problem(task, n_rows=80)
    data = check_data({"X": X, "y": y}, task)
    folds = make_splits(data, SplitPlan(2))
    outputs = [X[:, 0] if task == "regression" else np.full((80, 2), 0.5)]

    def predictions(**options):
        options = SecondLevelOptions(**options)
        return fit_second_level(data, folds, outputs, options=options).predictions

    one = predictions()
    np.testing.assert_array_equal(one, predictions(cores=2))
    assert not np.array_equal(one, predictions(random_state=1))


def test_the_model_of_each_fold_sees_inputs_of_its_own():
    """An output that equals the target helps only the models that see it."""
    X, y = problem("regression", n_rows=400)
    data = check_data({"X": X, "y": y}, "regression")
    folds = make_splits(data, SplitPlan(4))
    outputs = [y, np.zeros(400)]
    knowing = fit_second_level(data, folds, outputs, inputs=[[0]] * 5)
    mixed = fit_second_level(data, folds, outputs, inputs=[[1], [0], [0], [0], [0]])
    error = np.abs(mixed.predictions - y)
    as_good = np.abs(knowing.predictions - y)[folds[1][1]].mean()
    assert error[folds[1][1]].mean() == pytest.approx(as_good, rel=0.5)
    assert error[folds[0][1]].mean() > 2 * error[folds[1][1]].mean()


def test_weights_count():
    X, y = problem("regression")
    wrong = np.random.default_rng(0).random(N) < 0.4
    data = {"X": X, "y": np.where(wrong, y + 20, y), "sample_weight": np.where(wrong, 1e-6, 1.0)}
    data = check_data(data, "regression")
    folds = make_splits(data, SplitPlan(4))
    own = fit_second_level(data, folds, [np.zeros(N)])
    assert np.abs(own.predictions - y).mean() < 2.0


def test_a_class_that_the_rows_of_a_fold_lack():
    X, y = problem("classification")
    y = np.append(y, 2)
    data = check_data({"X": np.vstack([X, [[9, 9, 9, 9]]]), "y": y}, "classification")
    folds = [(np.arange(N), np.array([N])), (np.arange(100, N + 1), np.arange(100)),
             (np.r_[:100, N], np.arange(100, N))]  # fmt: skip
    outputs = [np.full((N + 1, 3), 1 / 3)]
    own = fit_second_level(data, folds, outputs)
    assert own.predictions.shape == (N + 1, 3)
    np.testing.assert_allclose(own.predictions.sum(axis=1), 1.0)
    assert own.predictions[N, 2] == 0.0


def test_with_little_time_it_has_few_rounds():
    data, results, own, _ = fitted_to_numbers("regression")
    outputs = [r.predictions for r in results.values()]
    options = SecondLevelOptions(seconds=1e-6)
    hurried = fit_second_level(data, make_splits(data, SplitPlan(4)), outputs, options=options)
    assert hurried.model.n_estimators_ < 5 < own.model.n_estimators_


class Stop:
    """Asks to give up from the n-th question on."""

    def __init__(self, at=math.inf):
        self.at, self.asked = at, 0

    def __call__(self):
        self.asked += 1
        return self.asked >= self.at


def test_gives_up_after_a_round_wherever_it_is_stopped():
    data, results, _, _ = fitted_to_numbers("regression")
    outputs = [r.predictions for r in results.values()]
    folds = make_splits(data, SplitPlan(2))
    counts = Stop()
    fit_second_level(data, folds, outputs, stop=counts)
    assert counts.asked > 100
    for at in (1, 10, counts.asked // 2, counts.asked - 3):
        stop = Stop(at)
        with pytest.raises(GivenUp):
            fit_second_level(data, folds, outputs, stop=stop)
        assert stop.asked <= at + 2


def test_has_no_weight_where_a_pipeline_knows_everything():
    X, y = problem("regression")
    data = check_data({"X": X, "y": y}, "regression")
    folds = make_splits(data, SplitPlan(4))
    oof = OutOfFold.of(data, folds, {0: y, 1: np.zeros(N)})
    own = fit_second_level(data, folds, [y, np.zeros(N)])
    assert voting_with_second_level(oof, METRICS["root_mean_squared_error"], own, [0]) is None


def test_it_needs_each_row_validated_once():
    X, y = problem("classification")
    data = check_data({"X": X, "y": y}, "classification")
    assert is_k_fold(make_splits(data, SplitPlan(3)), N)
    assert not is_k_fold(make_splits(data, SplitPlan(None, 0.25)), N)
    assert not is_k_fold(make_splits(data, SplitPlan(3, 0.2)), N)
    given = check_data({"X": X, "y": y, "X_valid": X, "y_valid": y}, "classification")
    assert not is_k_fold(make_splits(given, SplitPlan(3)), N)


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, True),
        ({"allowed_models": ["LightGBM", "KNN"]}, True),
        ({"allowed_models": ["KNN"]}, False),
        ({"blocked_models": ["LightGBM"]}, False),
        ({"enable_stack_ensemble": False}, False),
        ({"stack_meta_learner_type": "LogisticRegression"}, False),
        ({"stack_meta_learner_kwargs": {"C": 1.0}}, False),
        ({"stack_meta_learner_train_percentage": 0.5}, False),
        ({"enable_onnx_compatible_models": True}, False),
    ],
)
def test_when_a_stack_may_be_one(settings, wanted):
    config = AutoMLConfig("classification", X=[[0.0]] * 4, y=[0, 1] * 2, **settings)
    assert config.settings.second_level == wanted
