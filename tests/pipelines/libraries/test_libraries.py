"""What every booster library does; a new one is added to `ESTIMATORS`."""

from __future__ import annotations

import math
import pickle
import time
from importlib.metadata import version

import numpy as np
import pytest
from scipy.special import expit, softmax
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression

from engine.deadline import Deadline
from engine.errors import ModelException
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.estimators.wrappers import fitted_inside, given_inside
from engine.pipelines.libraries.library import StoppedFit
from engine.pipelines.libraries.registry import LIBRARIES, library_of
from engine.pipelines.spec import PipelineSpec

# The library's module -> the estimators of classification and of regression that it trains.
ESTIMATORS = {
    "lightgbm": ("LightGBM", "LightGBM"),
    "xgboost": ("XGBoostClassifier", "XGBoostRegressor"),
    "catboost": ("CatBoostClassifier", "CatBoostRegressor"),
    "sklearn": ("GradientBoosting", "GradientBoosting"),
}
DATA = {"binary": load_breast_cancer, "many": load_iris, "regression": load_diabetes}
LABELS = {"binary": np.array(["no", "yes"]), "many": np.array([30, 10, 20])}

each_library = pytest.mark.parametrize(
    "library",
    [
        pytest.param(
            library,
            id=library.module,
            marks=pytest.mark.skipif(not library.is_installed, reason="is not installed"),
        )
        for library in LIBRARIES
    ],
)
each_problem = pytest.mark.parametrize("problem", list(DATA))


def booster_of(library, problem, **params):
    """An estimator as the catalogue builds it, in its wrappers."""
    task = "regression" if problem == "regression" else "classification"
    name = ESTIMATORS[library.module][task == "regression"]
    assert estimators_of(task)[name].rounds_parameter == library.rounds_parameter
    params = {"learning_rate": 0.2, **params}
    return build_pipeline(PipelineSpec(name, "", params), task, cores=1)[-1]


def parts(problem):
    """Training part and validation part, alternating rows."""
    X, y = DATA[problem](return_X_y=True)
    y = LABELS[problem][y] if problem in LABELS else y
    return X[::2], y[::2], X[1::2], y[1::2]


def stopped(problem, *, deadline=None, keep_all=False, patience=15, weight=None):
    X, y, X_valid, y_valid = parts(problem)
    return StoppedFit(X, y, weight, X_valid, y_valid, patience, deadline or Deadline(), keep_all)


def few_rounds(library, problem, n_rounds=8):
    X, y, *_ = parts(problem)
    estimator = booster_of(library, problem, **{library.rounds_parameter: n_rounds})
    return estimator.fit(X, y)


@each_library
@each_problem
def test_the_library_of_an_estimator_is_found_in_its_wrappers(library, problem):
    estimator = booster_of(library, problem)
    assert library_of(estimator) is library
    assert library_of(given_inside(estimator)) is library
    assert [other for other in LIBRARIES if other.owns(given_inside(estimator))] == [library]


@pytest.mark.parametrize(
    "estimator", [LogisticRegression(), RandomForestClassifier(), RandomForestRegressor(), None]
)
def test_other_estimators_are_of_no_library(estimator):
    assert library_of(estimator) is None


@each_library
def test_a_subclass_is_of_its_library(library):
    kind = type(given_inside(booster_of(library, "regression")))
    assert library.owns(type("OfAUser", (kind,), {})())


@each_library
def test_the_requirement_is_an_installed_distribution(library):
    assert version(library.distribution)


@each_library
@each_problem
def test_early_stopping_ends_a_fit_near_its_best_round(library, problem):
    estimator = booster_of(library, problem)
    most = given_inside(estimator).get_params()[library.rounds_parameter]
    best = library.fit_with_early_stopping(estimator, stopped(problem))
    fitted = fitted_inside(estimator)
    assert 1 <= best <= library.fitted_rounds(fitted) < most
    again = booster_of(library, problem)
    assert library.fit_with_early_stopping(again, stopped(problem)) == best


@each_library
@each_problem
def test_the_best_round_has_the_lowest_validation_loss(library, problem):
    estimator, fit = booster_of(library, problem), stopped(problem, keep_all=True)
    best = library.fit_with_early_stopping(estimator, fit)
    losses = [
        loss(library, estimator, rounds, fit)
        for rounds in range(1, library.fitted_rounds(fitted_inside(estimator)) + 1)
    ]
    assert losses[best - 1] == pytest.approx(min(losses), rel=1e-3)


def loss(library, estimator, rounds, fit):
    if not hasattr(estimator, "predict_proba"):
        found = library.predict_at(estimator, rounds, "predict", fit.X_valid)
        return float(np.mean((found - fit.y_valid) ** 2))
    found = library.predict_at(estimator, rounds, "predict_proba", fit.X_valid)
    own = found[np.arange(len(found)), np.searchsorted(estimator.classes_, fit.y_valid)]
    return float(-np.log(np.clip(own, 1e-15, None)).mean())


@each_library
def test_rounds_after_the_best_are_kept_on_request(library):
    estimator = booster_of(library, "regression")
    best = library.fit_with_early_stopping(estimator, stopped("regression", keep_all=True))
    assert library.fitted_rounds(fitted_inside(estimator)) > best


@each_library
def test_more_patience_fits_more_rounds(library):
    rounds = []
    for patience in (3, 40):
        estimator = booster_of(library, "regression")
        fit = stopped("regression", patience=patience, keep_all=True)
        library.fit_with_early_stopping(estimator, fit)
        rounds.append(library.fitted_rounds(fitted_inside(estimator)))
    assert rounds[0] < rounds[1]


@each_library
@each_problem
def test_a_fit_ends_at_its_deadline(library, problem):
    estimator = booster_of(library, problem)
    fit = stopped(problem, deadline=Deadline.after(0.0, time.monotonic))
    best = library.fit_with_early_stopping(estimator, fit)
    # Histogram boosting fits the few rounds that it timed.
    assert 1 <= best <= library.fitted_rounds(fitted_inside(estimator)) <= 5
    assert len(estimator.predict(fit.X_valid)) == len(fit.X_valid)


@each_library
@each_problem
def test_weights_count_in_a_stopped_fit(library, problem):
    weight = np.where(np.arange(len(parts(problem)[0])) % 2, 1.0, 0.01)
    plain, weighted = booster_of(library, problem), booster_of(library, problem)
    library.fit_with_early_stopping(plain, stopped(problem))
    library.fit_with_early_stopping(weighted, stopped(problem, weight=weight))
    method = "predict" if problem == "regression" else "predict_proba"
    X = parts(problem)[2]
    assert not np.allclose(getattr(plain, method)(X), getattr(weighted, method)(X))


@each_library
@each_problem
def test_a_stopped_fit_leaves_an_estimator_that_can_be_cloned_and_pickled(library, problem):
    estimator = booster_of(library, problem)
    library.fit_with_early_stopping(estimator, stopped(problem))
    X = parts(problem)[2]
    again = pickle.loads(pickle.dumps(estimator))
    assert np.array_equal(again.predict(X), estimator.predict(X))
    assert str(clone(estimator).get_params()) == str(estimator.get_params())


@each_library
@each_problem
def test_predictions_at_some_rounds_are_those_of_a_fit_with_these(library, problem):
    X = parts(problem)[2]
    long, short = few_rounds(library, problem, 8), few_rounds(library, problem, 3)
    assert library.fitted_rounds(fitted_inside(long)) == 8
    methods = ["predict"] if problem == "regression" else ["predict", "predict_proba"]
    for method in methods:
        found = library.predict_at(long, 3, method, X)
        expected = getattr(short, method)(X)
        assert found.shape == expected.shape
        if method == "predict" and problem != "regression":
            assert np.array_equal(found, expected)
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-5)
            assert not np.allclose(library.predict_at(long, 8, method, X), expected)


def outputs(margins, problem):
    if problem == "regression":
        return margins[:, 0]
    if problem == "many":
        return softmax(margins, axis=1)
    return np.column_stack([1 - expit(margins[:, 0]), expit(margins[:, 0])])


@each_library
@each_problem
def test_contributions_add_up_to_the_margins(library, problem):
    X = parts(problem)[2][:40]
    estimator = few_rounds(library, problem)
    phi, base = library.contributions(fitted_inside(estimator))(X)
    n_margins = 3 if problem == "many" else 1
    assert phi.shape == (len(X), X.shape[1], n_margins)
    assert base.shape == (n_margins,)
    method = "predict" if problem == "regression" else "predict_proba"
    np.testing.assert_allclose(
        outputs(base + phi.sum(axis=1), problem), getattr(estimator, method)(X), rtol=1e-4
    )


@each_library
@each_problem
def test_trees_predict_what_the_model_predicts(library, problem):
    X = parts(problem)[2][:40]
    estimator = few_rounds(library, problem)
    if library.module == "catboost":
        with pytest.raises(ModelException, match="cannot convert a CatBoost"):
            library.trees(fitted_inside(estimator))
        return
    trees = library.trees(fitted_inside(estimator))
    n_sums = 3 if problem == "many" else 1
    assert (
        trees.link == {"binary": "logistic", "many": "softmax", "regression": "identity"}[problem]
    )
    assert trees.base.shape == (n_sums,)
    sums = np.tile(trees.base, (len(X), 1))
    for output, nodes in trees.trees:
        sums[:, output] += [leaf(trees, nodes, row) for row in X]
    method = "predict" if problem == "regression" else "predict_proba"
    np.testing.assert_allclose(outputs(sums, problem), getattr(estimator, method)(X), rtol=1e-5)


def leaf(trees, nodes, row):
    row = row.astype(np.float32) if trees.rounded else row
    node = nodes[0]
    while node.values is None:
        value = row[node.feature]
        left = value <= node.threshold if trees.comparison == "<=" else value < node.threshold
        node = nodes[node.left if left else node.right]
    return node.values[0]


@each_library
@each_problem
def test_a_round_has_a_tree_for_each_margin(library, problem):
    fitted = fitted_inside(few_rounds(library, problem, 8))
    # A round of CatBoost has one tree with a value for each class.
    a_round = 3 if problem == "many" and library.module != "catboost" else 1
    assert library.n_trees(fitted) == 8 * a_round
    assert library.prediction_ms(fitted) == pytest.approx(8 * a_round * library.tree_ms)
    assert math.isfinite(library.tree_ms)
