from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from engine.data.check import check_data
from engine.evaluation.predictions import has_all_classes, out_of_fold, predict, score


@pytest.fixture
def three_classes(table):
    X, y = table
    return check_data({"X": X, "y": np.where(np.arange(120) < 3, 7, y)}, "classification")


def test_probabilities_are_in_the_order_of_all_classes(three_classes):
    data = three_classes
    model = LogisticRegression().fit(data.X[3:], data.y[3:])
    assert not has_all_classes(model, data)
    full = predict(model, data.X, data)
    np.testing.assert_array_equal(full[:, :2], model.predict_proba(data.X))
    assert full.shape == (120, 3)
    assert (full[:, 2] == 0).all()


def test_values_are_one_dimensional(table):
    X, _ = table
    data = check_data({"X": X, "y": X[:, 0]}, "regression")
    model = LinearRegression().fit(X, X[:, :1])
    assert has_all_classes(model, data)
    assert predict(model, X, data).shape == (120,)


def test_out_of_fold_predictions_are_means_and_nan_where_there_are_none(three_classes):
    folds = {0: ((), np.array([0, 1])), 1: ((), np.array([1, 2])), 2: ((), np.array([3]))}
    parts = {0: np.full((2, 3), 0.2), 1: np.full((2, 3), 0.6)}
    combined = out_of_fold(three_classes, folds, parts)
    assert combined[:3, 0].tolist() == pytest.approx([0.2, 0.4, 0.6])
    assert np.isnan(combined[3:]).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_predictions_that_are_not_finite_are_an_error(three_classes, bad):
    data = three_classes
    rows = np.full((120, 3), 1 / 3)
    rows[[5, 9]] = bad
    with pytest.raises(ValueError, match="NaN or infinity for 2 rows"):
        score(data, data.y, rows, None)


def test_the_width_is_that_of_the_whole_target(table):
    X, _ = table
    data = check_data({"X": X, "y": np.arange(120.0)}, "regression")
    scores = score(data, data.y[:10], data.y[:10] + 119, None)
    assert scores["normalized_mean_absolute_error"] == 1.0
