from __future__ import annotations

import math

import numpy as np

from engine.metrics.metric import BINARY_METRICS, CLASSIFICATION_METRICS, REGRESSION_METRICS
from engine.metrics.scores import mean_over_folds, score_classification, score_regression


def test_all_metrics_of_a_task_are_there():
    y, rows = np.array([0, 1]), np.array([[0.8, 0.2], [0.4, 0.6]])
    assert set(score_classification(y, rows)) == set(CLASSIFICATION_METRICS)
    named = score_classification(y, rows, positive=1)
    assert set(named) == {*CLASSIFICATION_METRICS, *BINARY_METRICS}
    values = np.array([1.0, 2.0])
    assert set(score_regression(values, values)) == set(REGRESSION_METRICS)


def test_the_mean_skips_folds_with_one_class_where_that_leaves_a_metric_undefined():
    one = score_classification(np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]]), positive=1)
    both = score_classification(np.array([0, 1]), np.array([[0.8, 0.2], [0.4, 0.6]]), positive=1)
    means = mean_over_folds([one, both])
    assert means["AUC_weighted"] == means["AUC_macro"] == means["AUC_binary"] == 1.0
    assert means["accuracy"] == 0.75
    assert math.isnan(mean_over_folds([one, one])["AUC_weighted"])


def test_a_metric_that_a_fold_leaves_undefined_is_undefined_in_the_mean():
    folds = [{"root_mean_squared_log_error": 0.1}, {"root_mean_squared_log_error": math.nan}]
    assert math.isnan(mean_over_folds(folds)["root_mean_squared_log_error"])
