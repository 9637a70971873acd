"""Ensembles of fitted members are what a fit would give."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from engine.ensembles.estimators import (
    StackEnsembleClassifier,
    StackEnsembleRegressor,
    VotingEnsembleClassifier,
    VotingEnsembleRegressor,
)

LABELS = np.array(["c", "a", "b"])


def problem(kind):
    """X, y, members and a meta learner."""
    if kind == "regression":
        members = [
            ("line", make_pipeline(StandardScaler(), LinearRegression())),
            ("tree", make_pipeline(DecisionTreeRegressor(max_depth=3, random_state=0))),
        ]
        return *load_diabetes(return_X_y=True), members, LinearRegression()
    X, y = load_wine(return_X_y=True)
    members = [
        ("line", make_pipeline(StandardScaler(), LogisticRegression())),
        ("tree", make_pipeline(DecisionTreeClassifier(max_depth=3, random_state=0))),
    ]
    return X, LABELS[y], members, LogisticRegression()


def outputs(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X)


def fitted(members, X, y):
    return [(name, clone(member).fit(X, y)) for name, member in members]


def same(one, other, X):
    np.testing.assert_array_equal(outputs(one, X), outputs(other, X))
    np.testing.assert_array_equal(one.predict(X), other.predict(X))
    assert vars(one).keys() == vars(other).keys()


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_voting_of_fitted_members_is_a_fit(kind):
    X, y, members, _ = problem(kind)
    voting = VotingEnsembleRegressor if kind == "regression" else VotingEnsembleClassifier
    classes = None if kind == "regression" else np.unique(y)
    fit = voting(members, [0.7, 0.3]).fit(X, y)
    same(voting.of_fitted(fitted(members, X, y), [0.7, 0.3], classes), fit, X)


@pytest.mark.parametrize(
    ("features", "weights", "n_inputs"),
    [
        (None, None, None),
        (StandardScaler(), None, None),
        (StandardScaler(), [0.5, 0.2, 0.3], 1),
    ],
)
@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_a_stack_of_fitted_members_is_a_fit(kind, features, weights, n_inputs):
    X, y, members, learner = problem(kind)
    stacking = StackEnsembleRegressor if kind == "regression" else StackEnsembleClassifier
    classes = None if kind == "regression" else np.unique(y)
    fit = stacking(members, learner, features, weights, n_inputs).fit(X, y)
    made = None if features is None else clone(features).fit(X)
    of_fitted = stacking.of_fitted(
        fitted(members, X, y), fit.meta_learner_, classes, made, weights, n_inputs
    )
    same(of_fitted, fit, X)


def test_a_stack_learns_from_predictions_of_rows_that_members_did_not_see():
    """A member that repeats its training rows is useless there, and the line decides."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 1))
    y = X[:, 0] + rng.normal(size=300)
    members = [("line", LinearRegression()), ("parrot", DecisionTreeRegressor(random_state=0))]
    stack = StackEnsembleRegressor(members, LinearRegression()).fit(X, y)
    line, parrot = stack.meta_learner_.coef_
    assert line > 0.8
    assert abs(parrot) < 0.2


def test_members_are_taken_as_they_are():
    X, y, members, _ = problem("regression")
    pairs = fitted(members, X, y)
    ensemble = VotingEnsembleRegressor.of_fitted(pairs, [0.5, 0.5])
    assert [one is two for one, (_, two) in zip(ensemble.members_, pairs, strict=True)] == [
        True
    ] * 2


def test_classes_are_those_of_a_classifier():
    with pytest.raises(ValueError, match="VotingEnsembleClassifier needs classes"):
        VotingEnsembleClassifier.of_fitted([], [])
    with pytest.raises(ValueError, match="StackEnsembleRegressor has no classes"):
        StackEnsembleRegressor.of_fitted([], None, np.array([0, 1]))


def print_model(model, prefix=""):
    """As scripts for Azure ML's SDK v1 walk through a model, by the attributes of its last step."""
    lines = []
    for name, step in model.steps:
        lines.append(prefix + name)
        if hasattr(step, "estimators") and hasattr(step, "weights"):
            members = step.estimators
        elif hasattr(step, "_base_learners") and hasattr(step, "_meta_learner"):
            lines.append(type(step._meta_learner).__name__)
            members = step._base_learners
        else:
            continue
        lines += [line for n, member in members for line in print_model(member, f"{n} - ")]
    return lines


@pytest.mark.parametrize("kind", ["classification", "regression"])
def test_members_are_found_under_the_names_of_older_scripts(kind):
    X, y, members, meta = problem(kind)
    is_regression = kind == "regression"
    voting = VotingEnsembleRegressor if is_regression else VotingEnsembleClassifier
    stack = StackEnsembleRegressor if is_regression else StackEnsembleClassifier
    printed = print_model(Pipeline([("VotingEnsemble", voting(members, [0.7, 0.3]).fit(X, y))]))
    assert printed[0] == "VotingEnsemble"
    assert printed[1].startswith("line - standardscaler")
    fit = stack(members, meta).fit(X, y)
    printed = print_model(Pipeline([("StackEnsemble", fit)]))
    assert printed[:2] == ["StackEnsemble", type(meta).__name__]
    assert printed[-1].startswith("tree - decisiontree")
    assert fit._meta_learner is fit.meta_learner_
    assert [member for _, member in fit._base_learners] == fit.members_
