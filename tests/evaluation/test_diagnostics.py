"""The numbers behind the report's charts."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import auc, confusion_matrix, roc_auc_score

from engine.data.check import check_data
from engine.data.description import describe_data
from engine.data.featurization import FeaturizationConfig
from engine.evaluation.diagnostics import quality_of

N = 300


def classification(n_classes):
    generator = np.random.default_rng(0)
    codes = generator.integers(n_classes, size=N)
    labels = np.array([f"label {c}" for c in range(n_classes)])
    predictions = generator.dirichlet(np.ones(n_classes), size=N)
    predictions[np.arange(N), codes] += 0.4
    predictions /= predictions.sum(axis=1, keepdims=True)
    dataset = check_data({"X": np.zeros((N, 1)), "y": labels[codes]}, "classification")
    return dataset, codes, predictions


@pytest.mark.parametrize("n_classes", [2, 4])
def test_classification(n_classes):
    dataset, codes, predictions = classification(n_classes)
    predictions[:7] = np.nan
    quality = quality_of(dataset, predictions)
    json.dumps(quality, allow_nan=False)
    assert quality["n_rows"] == N - 7
    expected = confusion_matrix(codes[7:], predictions[7:].argmax(axis=1))
    assert quality["confusion"] == expected.tolist()
    assert len(quality["roc"]) == len(quality["pr"]) == (1 if n_classes == 2 else n_classes)
    for curve, code in zip(quality["roc"], range(n_classes == 2, n_classes), strict=True):
        points = np.array(curve["points"])
        assert points[0].tolist() == [0, 0]
        assert points[-1].tolist() == [1, 1]
        area = roc_auc_score(codes[7:] == code, predictions[7:, code])
        assert auc(*points.T) == pytest.approx(area, abs=0.01)
    for curve in quality["calibration"]:
        assert ((np.array(curve["points"]) >= 0) & (np.array(curve["points"]) <= 1)).all()


def test_many_classes_are_cut_and_an_absent_one_is_left_out():
    dataset, _, predictions = classification(20)
    predictions[dataset.y == "label 0"] = np.nan
    quality = quality_of(dataset, predictions)
    assert len(quality["classes"]) == len(quality["confusion"]) == 12
    assert "label 0" not in {curve["label"] for curve in quality["roc"]}


def test_regression():
    y = np.random.default_rng(0).normal(size=2000) * 5
    dataset = check_data({"X": np.zeros((2000, 1)), "y": y}, "regression")
    quality = quality_of(dataset, y + 1)
    json.dumps(quality, allow_nan=False)
    truth, predicted = map(np.array, quality["scatter"])
    assert len(truth) == 600
    np.testing.assert_allclose(predicted - truth, 1, atol=1e-3)
    assert sum(quality["residuals"]["counts"]) == 2000


def test_the_data_is_described():
    frame = pd.DataFrame(
        {
            "a": [1.0, np.nan, 3.0, 4.0] * 10,
            "b": ["x", "y", "x", None] * 10,
            "c": pd.date_range("2024-01-01", periods=40),
        }
    )
    dataset = check_data(
        {"X": frame, "y": [0, 1] * 20}, "classification", featurization=FeaturizationConfig()
    )
    told = describe_data(dataset)
    json.dumps(told)
    assert (told["n_rows"], told["n_columns"]) == (40, 3)
    assert told["class_counts"] == {"0": 20, "1": 20}
    by_name = {column["name"]: column for column in told["columns"]}
    assert by_name["a"] == {"name": "a", "type": "Numeric", "missing": 0.25, "unique": 3}
    assert (by_name["b"]["type"], by_name["b"]["missing"]) == ("Categorical", 0.25)
    assert by_name["c"]["type"] == "DateTime"
