"""Exact SHAP values of margins, and of the outputs behind them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge, SGDClassifier
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import PowerTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from engine.explain.exact import margins_of, to_probabilities
from engine.pipelines.estimators.labels import EncodedLabels

X = np.random.default_rng(0).normal(size=(80, 3))
VALUES = 30 * X[:, 0] - 10 * X[:, 1] + 500
LABELS = np.array(["low", "mid", "top"])[np.digitize(X[:, 0], [-0.5, 0.5])]


def explained(model, rows=X):
    margins = margins_of(model, X)
    phi, base = margins.contributions(rows)
    return margins, phi, base, base + phi.sum(axis=1)


def test_a_linear_model_compares_with_the_mean_of_the_background():
    model = ElasticNet(alpha=0.1).fit(X, VALUES)
    margins, phi, base, total = explained(model)
    assert margins.link is None
    np.testing.assert_allclose(total[:, 0], model.predict(X))
    np.testing.assert_allclose(phi[:, :, 0], (X - X.mean(axis=0)) * model.coef_)
    np.testing.assert_allclose(base, model.predict(X).mean())


@pytest.mark.parametrize(
    "model", [LogisticRegression(), SGDClassifier(loss="log_loss", random_state=0)]
)
@pytest.mark.parametrize("classes", [2, 3])
def test_the_link_of_a_linear_classifier_gives_its_probabilities(model, classes):
    model.fit(X, LABELS if classes == 3 else LABELS == "top")
    margins, _, _, total = explained(model)
    np.testing.assert_allclose(margins.link(total), model.predict_proba(X), atol=1e-9)


def test_a_scaled_target_is_explained_in_its_own_unit():
    model = TransformedTargetRegressor(ElasticNet(alpha=0.01), transformer=StandardScaler())
    model.fit(X, VALUES)
    _, _, _, total = explained(model)
    np.testing.assert_allclose(total[:, 0], model.predict(X))


@pytest.mark.parametrize(
    ("model", "y"),
    [(DecisionTreeRegressor(max_depth=4), VALUES), (DecisionTreeClassifier(), LABELS)],
)
def test_the_margins_of_a_tree_are_its_predictions(model, y):
    model.fit(X, y)
    margins, _, _, total = explained(model)
    assert margins.link is None
    expected = model.predict_proba(X) if y is LABELS else model.predict(X)[:, None]
    np.testing.assert_allclose(total, expected, atol=1e-6)


def test_wrappers_are_looked_through():
    model = EncodedLabels(DecisionTreeClassifier(max_depth=2)).fit(X, LABELS)
    np.testing.assert_allclose(explained(model)[3], model.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        MLPRegressor(max_iter=5),
        Ridge(),
        TransformedTargetRegressor(ElasticNet(), transformer=PowerTransformer()),
        TransformedTargetRegressor(MLPRegressor(max_iter=5), transformer=StandardScaler()),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_other_models_are_not_explained_exactly(model):
    assert margins_of(model.fit(X, VALUES), X) is None


def test_a_loss_whose_probabilities_are_not_logistic_is_not_explained_exactly():
    model = SGDClassifier(loss="modified_huber", random_state=0).fit(X, LABELS)
    assert margins_of(model, X) is None


def test_shares_of_two_classes_are_those_of_the_margin():
    phi = np.random.default_rng(0).normal(size=(5, 3, 1))

    def link(margins):
        return np.column_stack([1 - expit(margins[:, 0]), expit(margins[:, 0])])

    shares, start = to_probabilities(phi, np.array([0.2]), link)
    np.testing.assert_allclose(start + shares.sum(axis=1), link(0.2 + phi.sum(axis=1)))
    np.testing.assert_allclose(shares[:, :, 0], -shares[:, :, 1])
    np.testing.assert_allclose(
        shares[:, :, 1] / shares[:, :, 1].sum(axis=1, keepdims=True),
        phi[:, :, 0] / phi[:, :, 0].sum(axis=1, keepdims=True),
    )


def test_a_column_that_does_not_matter_gets_nothing():
    phi = np.zeros((3, 2, 3))
    phi[:, 0] = np.random.default_rng(0).normal(size=(3, 3)) * 30
    values, expected = to_probabilities(phi, np.zeros(3), lambda m: softmax(m, axis=1))
    np.testing.assert_allclose(values[:, 1], 0.0, atol=1e-12)
    np.testing.assert_allclose(expected, 1 / 3)
    np.testing.assert_allclose(
        expected + values.sum(axis=1), softmax(phi.sum(axis=1), axis=1), atol=1e-9
    )
