"""SHAP values of raw columns add up to the model's output, for every estimator there is."""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.ensembles.estimators import VotingEnsembleClassifier, VotingEnsembleRegressor
from engine.explain.explainer import (
    _Exact,
    _Sampled,
    _Weighted,
    engineered_explainer_of,
    explainer_of,
    outputs_of,
)
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.spec import PipelineSpec

N = 150
KINDS = ("binary", "multi", "regression")


def numbers(kind):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(N, 4))
    signal = X[:, 0] + 0.5 * X[:, 1] ** 2 + 0.1 * generator.normal(size=N)
    y = {
        "binary": np.where(signal > 0, "yes", "no"),
        "multi": np.digitize(signal, [-0.3, 0.6]) * 10,
        "regression": 40 * signal + 7,
    }[kind]
    return X, y


def table(kind):
    X, y = numbers(kind)
    generator = np.random.default_rng(1)
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
    frame.loc[generator.random(N) < 0.1, "a"] = np.nan
    frame["colour"] = np.where(X[:, 2] > 0, "red", np.where(X[:, 3] > 0, "green", "blue"))
    days = pd.to_timedelta((X[:, 3] * 50).astype(int), "D")
    frame["day"] = pd.Timestamp("2024-01-01") + days
    return frame, y


def fitted(kind, estimator, scaler="", data=None, params=None):
    X, y = data or numbers(kind)
    task = "regression" if kind == "regression" else "classification"
    dataset = check_data({"X": X, "y": y}, task, featurization=FeaturizationConfig())
    pipeline = build_pipeline(
        PipelineSpec(estimator, scaler, params or {}), task, layout=dataset.layout,
        sparse=sparse.issparse(dataset.X), n_rows=N,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(dataset.X, dataset.y)
    return pipeline, dataset


def check(explainer, model, X, n_columns):
    values = explainer.explain(X)
    outputs = outputs_of(model, X)
    assert values.shape == (X.shape[0], n_columns, outputs.shape[1])
    scale = max(1.0, float(np.abs(outputs).max()))
    np.testing.assert_allclose(
        explainer.expected + values.sum(axis=1), outputs, atol=1e-3 * scale, rtol=0
    )
    return values


def estimators(kind):
    task = "regression" if kind == "regression" else "classification"
    return [
        pytest.param(kind, entry.name, id=f"{kind}-{entry.name}")
        for entry in estimators_of(task).values()
        if entry.installed
    ]


SMALL = {
    "LightGBM": {"n_estimators": 30},
    "GradientBoosting": {"max_iter": 30},
    "XGBoostClassifier": {"n_estimators": 30},
    "XGBoostRegressor": {"n_estimators": 30},
    "CatBoostClassifier": {"iterations": 30},
    "CatBoostRegressor": {"iterations": 30},
    "RandomForest": {"n_estimators": 20},
    "ExtremeRandomTrees": {"n_estimators": 20},
    "MLP": {"max_iter": 30},
}
EXACT = {"LogisticRegression", "SGD", "DecisionTree", "ElasticNet", "LassoLars",
         *SMALL} - {"MLP"}  # fmt: skip


@pytest.mark.parametrize(("kind", "estimator"), [p for kind in KINDS for p in estimators(kind)])
def test_numbers(kind, estimator):
    scaler = "MinMaxScaler" if estimator == "MultinomialNaiveBayes" else ""
    model, dataset = fitted(kind, estimator, scaler, params=SMALL.get(estimator))
    explainer = explainer_of(model, dataset.X[:60], dataset.feature_names)
    assert isinstance(explainer, _Exact if estimator in EXACT else _Sampled)
    values = check(explainer, model, dataset.X[:12], 4)
    if estimator in EXACT:
        importance = np.abs(values).mean(axis=(0, 2))
        assert importance[:2].min() > importance[2:].max() * 0.8 or importance.argmax() == 0


@pytest.mark.parametrize(("kind", "estimator"), [p for kind in KINDS for p in estimators(kind)])
def test_a_table_with_categories_dates_and_missing_values(kind, estimator):
    scaler = "MinMaxScaler" if estimator == "MultinomialNaiveBayes" else ""
    model, dataset = fitted(kind, estimator, scaler, table(kind), SMALL.get(estimator))
    explainer = explainer_of(model, dataset.X.iloc[:60], dataset.feature_names)
    check(explainer, model, dataset.X.iloc[:6], 4)


@pytest.mark.parametrize("estimator", ["LogisticRegression", "LightGBM", "RandomForest", "KNN"])
def test_sparse(estimator):
    X, y = numbers("multi")
    X = sparse.csr_matrix(np.where(np.abs(X) > 0.5, X, 0.0))
    model, dataset = fitted("multi", estimator, data=(X, y), params=SMALL.get(estimator))
    explainer = explainer_of(model, dataset.X[:60], dataset.feature_names)
    check(explainer, model, dataset.X[:6], 4)


@pytest.mark.parametrize("scaler", ["StandardScalerWrapper", "RobustScaler", "MaxAbsScaler"])
def test_scalers_that_keep_columns_apart_stay_exact(scaler):
    model, dataset = fitted("multi", "LogisticRegression", scaler)
    explainer = explainer_of(model, dataset.X[:60], dataset.feature_names)
    assert isinstance(explainer, _Exact)
    check(explainer, model, dataset.X[:20], 4)


@pytest.mark.parametrize("scaler", ["PCA", "Normalizer", "TruncatedSVDWrapper"])
def test_scalers_that_mix_columns_are_sampled(scaler):
    model, dataset = fitted("binary", "RandomForest", scaler, params=SMALL["RandomForest"])
    explainer = explainer_of(model, dataset.X[:60], dataset.feature_names)
    assert isinstance(explainer, _Sampled)
    check(explainer, model, dataset.X[:6], 4)


def test_voting_is_the_weighted_sum_of_its_members():
    for kind, ensemble in (
        ("multi", VotingEnsembleClassifier),
        ("regression", VotingEnsembleRegressor),
    ):
        linear = "LogisticRegression" if kind == "multi" else "ElasticNet"
        members = [fitted(kind, name, params=SMALL.get(name))[0] for name in (linear, "LightGBM")]
        _, dataset = fitted(kind, linear)
        classes = members[0].classes_ if kind == "multi" else None
        pairs = [("a", members[0]), ("b", members[1])]
        model = ensemble.of_fitted(pairs, [0.3, 0.7], classes)
        pipeline = Pipeline([("VotingEnsemble", model)])
        explainer = explainer_of(pipeline, dataset.X[:60], dataset.feature_names)
        assert isinstance(explainer, _Weighted)
        values = check(explainer, model, dataset.X[:10], 4)
        parts = [
            explainer_of(m, dataset.X[:60], dataset.feature_names).explain(dataset.X[:10])
            for m in members
        ]
        np.testing.assert_allclose(values, 0.3 * parts[0] + 0.7 * parts[1], atol=1e-9)


def test_engineered_columns():
    model, dataset = fitted("binary", "LogisticRegression", "", table("binary"))
    head, rest = model[0], model[1:]
    seen = head.transform(dataset.X)
    explainer = engineered_explainer_of(model, seen[:60])
    check(explainer, rest, seen[:10], len(head.get_engineered_feature_names()))
    assert len(head.get_source_columns()) == seen.shape[1]
    assert set(head.get_source_columns()) == {"a", "b", "colour", "day"}


def test_any_model_of_scikit_learn():
    from sklearn.linear_model import Ridge

    X, y = numbers("regression")
    model = Ridge().fit(X, y)
    explainer = explainer_of(model, X[:60], list("abcd"))
    values = check(explainer, model, X[:10], 4)
    # Of a linear model, a column's value is its coefficient times the distance from the mean.
    background = explainer._compared
    expected = (X[:10] - background.mean(axis=0)) * model.coef_
    np.testing.assert_allclose(values[:, :, 0], expected, atol=1e-6)


@pytest.mark.parametrize("scaler", [None, StandardScaler])
def test_a_bare_estimator_has_exact_values(scaler):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(80, 12))
    y = (X[:, 0] + X[:, 1] > 0).astype(int)
    model = LogisticRegression()
    if scaler is not None:
        model = make_pipeline(scaler(), model)
    model.fit(X, y)
    explainer = explainer_of(model, X[:40], [f"c{n}" for n in range(12)])
    assert isinstance(explainer, _Exact)
    one, other = explainer.explain(X[:5]), explainer.explain(X[:1])
    np.testing.assert_allclose(
        explainer.expected + one.sum(axis=1), outputs_of(model, X[:5]), atol=1e-9
    )
    np.testing.assert_array_equal(one[:1], other)


def test_a_pipeline_without_its_first_step_is_explained_by_the_columns_it_sees():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    pipeline = build_pipeline(PipelineSpec("DecisionTree"), "regression").fit(X, X[:, 0])
    rows = pipeline[0].transform(X)
    explainer = explainer_of(pipeline[1:], rows, ["a", "b", "c"])
    assert isinstance(explainer, _Exact)
    values = explainer.explain(rows[:4])
    np.testing.assert_allclose(
        explainer.expected + values.sum(axis=1), outputs_of(pipeline, X[:4]), atol=1e-6
    )
