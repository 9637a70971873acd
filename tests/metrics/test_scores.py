from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn import metrics as sk

from engine.metrics.metric import (
    BINARY_METRICS,
    CLASSIFICATION_METRICS,
    METRICS,
    REGRESSION_METRICS,
)
from engine.metrics.scores import mean_over_folds, score_classification, score_regression
from engine.metrics.single_score import score_one


@pytest.fixture
def multiclass():
    generator = np.random.default_rng(1)
    y = generator.integers(4, size=200)
    probabilities = generator.dirichlet(np.ones(4), size=200)
    weight = generator.uniform(0.1, 3.0, size=200)
    return y, probabilities, weight


@pytest.mark.parametrize("weighted", [False, True])
def test_classification_agrees_with_scikit_learn(multiclass, weighted):
    y, probabilities, weight = multiclass
    w = weight if weighted else None
    pred = probabilities.argmax(axis=1)
    scores = score_classification(y, probabilities, w)
    auc = {"sample_weight": w, "multi_class": "ovr"} if not weighted else None
    expected = {
        "accuracy": sk.accuracy_score(y, pred, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, pred, sample_weight=w),
        "norm_macro_recall": sk.balanced_accuracy_score(y, pred, sample_weight=w, adjusted=True),
        "log_loss": sk.log_loss(y, probabilities, sample_weight=w),
        "precision_score_weighted": sk.precision_score(
            y, pred, average="weighted", sample_weight=w
        ),
        "f1_score_weighted": sk.f1_score(y, pred, average="weighted", sample_weight=w),
        "f1_score_macro": sk.f1_score(y, pred, average="macro", sample_weight=w),
        "average_precision_score_weighted": sk.average_precision_score(
            y, probabilities, average="weighted", sample_weight=w
        ),
    }
    if auc is not None:
        expected["AUC_weighted"] = sk.roc_auc_score(y, probabilities, average="weighted", **auc)
        expected["AUC_macro"] = sk.roc_auc_score(y, probabilities, average="macro", **auc)
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value, abs=1e-12), name
    assert set(scores) == set(CLASSIFICATION_METRICS)


def test_binary_auc_is_the_usual_one(multiclass):
    y, probabilities, weight = multiclass
    y, p = y % 2, probabilities[:, 0]
    scores = score_classification(y, np.column_stack([1 - p, p]), weight)
    usual = sk.roc_auc_score(y, p, sample_weight=weight)
    assert scores["AUC_weighted"] == pytest.approx(usual)
    assert scores["AUC_macro"] == pytest.approx(usual)


@pytest.mark.parametrize("positive", [0, 1])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_positive_class_has_metrics_of_its_own(multiclass, positive, weighted):
    y, probabilities, weight = multiclass
    y, p = y % 2, probabilities[:, 0]
    w = weight if weighted else None
    columns = np.column_stack([1 - p, p])
    scores = score_classification(y, columns, w, positive)
    pred = columns.argmax(axis=1)
    usual = {"pos_label": positive, "sample_weight": w}
    expected = {
        "AUC_binary": sk.roc_auc_score(y == positive, columns[:, positive], sample_weight=w),
        "average_precision_score_binary": sk.average_precision_score(
            y, columns[:, positive], **usual
        ),
        "f1_score_binary": sk.f1_score(y, pred, **usual),
        "precision_score_binary": sk.precision_score(y, pred, **usual),
        "recall_score_binary": sk.recall_score(y, pred, **usual),
    }
    assert {name: scores[name] for name in BINARY_METRICS} == pytest.approx(expected)
    assert set(scores) == {*CLASSIFICATION_METRICS, *BINARY_METRICS}


def test_a_fold_without_the_positive_class():
    one = score_classification(np.zeros(3, dtype=int), np.full((3, 2), 0.5), positive=1)
    assert math.isnan(one["AUC_binary"])
    assert one["recall_score_binary"] == 0
    both = score_classification(np.array([0, 1]), np.array([[0.9, 0.1], [0.2, 0.8]]), positive=1)
    assert mean_over_folds([one, both])["AUC_binary"] == 1.0


def test_a_hand_made_example():
    y = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    scores = score_classification(y, probabilities)
    assert scores["accuracy"] == 0.75
    assert scores["AUC_weighted"] == 1.0
    assert scores["balanced_accuracy"] == 0.75
    assert scores["norm_macro_recall"] == 0.5
    # precision: class 0 1/1, class 1 2/3
    assert scores["precision_score_weighted"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.7, 0.8]).mean())


def test_a_fold_without_some_class_scores_the_classes_it_has():
    y = np.array([0, 0, 2, 2])
    probabilities = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8], [0.2, 0.6, 0.2]])
    scores = score_classification(y, probabilities)
    assert scores["AUC_weighted"] == 1.0
    assert scores["balanced_accuracy"] == 0.75
    assert math.isfinite(scores["log_loss"])


def test_a_fold_with_one_class_has_no_auc_but_the_mean_has():
    one = score_classification(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]]))
    assert math.isnan(one["AUC_weighted"])
    both = score_classification(np.array([0, 1]), np.array([[0.8, 0.2], [0.4, 0.6]]))
    assert mean_over_folds([one, both])["AUC_weighted"] == 1.0
    assert mean_over_folds([one, both])["accuracy"] == 0.75
    assert math.isnan(mean_over_folds([one, one])["AUC_weighted"])


@pytest.mark.parametrize("weighted", [False, True])
def test_regression_agrees_with_scikit_learn(weighted):
    generator = np.random.default_rng(2)
    y = generator.uniform(1, 5, size=100)
    pred = np.abs(y + generator.normal(size=100))
    w = generator.uniform(0.1, 3.0, size=100) if weighted else None
    scores = score_regression(y, pred, w, y_range=8.0)
    expected = {
        "r2_score": sk.r2_score(y, pred, sample_weight=w),
        "root_mean_squared_error": sk.root_mean_squared_error(y, pred, sample_weight=w),
        "mean_absolute_error": sk.mean_absolute_error(y, pred, sample_weight=w),
        "median_absolute_error": sk.median_absolute_error(y, pred, sample_weight=w),
        "root_mean_squared_log_error": sk.root_mean_squared_log_error(y, pred, sample_weight=w),
        "normalized_mean_absolute_error": sk.mean_absolute_error(y, pred, sample_weight=w) / 8,
    }
    if not weighted:
        expected["spearman_correlation"] = spearmanr(y, pred).statistic
    for name, value in expected.items():
        assert scores[name] == pytest.approx(value), name
    assert set(scores) == set(REGRESSION_METRICS)


def test_equal_weights_are_no_weights():
    generator = np.random.default_rng(3)
    y, pred = generator.normal(size=(2, 50))
    assert score_regression(y, pred, np.ones(50)) == pytest.approx(
        score_regression(y, pred), nan_ok=True
    )


def test_regression_edges():
    y = np.array([-1.0, 2.0, 3.0])
    constant = score_regression(y, np.full(3, 1.0))
    assert constant["spearman_correlation"] == 0.0
    assert math.isnan(constant["root_mean_squared_log_error"])


def test_directions():
    assert METRICS["accuracy"].is_better(0.9, 0.8)
    assert METRICS["log_loss"].is_better(0.1, 0.2)
    assert not METRICS["log_loss"].is_better(math.nan, None)
    assert METRICS["r2_score"].is_better(-3.0, math.nan)
    assert METRICS["log_loss"].reaches(0.1, 0.1)
    assert not METRICS["accuracy"].reaches(0.89, 0.9)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", CLASSIFICATION_METRICS)
def test_one_classification_metric_is_as_among_all(name, weighted):
    generator = np.random.default_rng(0)
    y = generator.integers(4, size=200)
    y[y == 3] = 1  # a class that is not there
    probabilities = generator.dirichlet(np.ones(4), size=200).round(2) + 1e-4  # with ties
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    weight = generator.random(200) if weighted else None
    expected = score_classification(y, probabilities, weight)[name]
    assert score_one(name, y, probabilities, weight) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", REGRESSION_METRICS)
def test_one_regression_metric_is_as_among_all(name, weighted):
    generator = np.random.default_rng(0)
    y = generator.random(100) + 1
    predicted = y + generator.normal(scale=0.2, size=100)
    weight = generator.random(100) if weighted else None
    expected = score_regression(y, predicted, weight, 3.0)[name]
    assert score_one(name, y, predicted, weight, 3.0) == pytest.approx(expected, abs=1e-12)
