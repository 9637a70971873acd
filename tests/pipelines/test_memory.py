"""What a pipeline is expected to need grows with what makes it larger."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from engine.data.check import check_data
from engine.data.dataset import DataSummary
from engine.data.featurization import FeaturizationConfig
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.memory import expected_increase
from engine.pipelines.spec import PipelineSpec

LARGE = DataSummary("regression", 40_000, 20, False, False, None, "split", "")
CLASSES = replace(LARGE, task="classification", class_counts=(20_000, 20_000))


def increase(name, data=LARGE, scaler="", **params):
    return expected_increase(PipelineSpec(name, scaler, params), data)


@pytest.mark.parametrize("data", [LARGE, CLASSES], ids=["regression", "classification"])
def test_every_estimator_needs_more_for_more_rows_and_columns(data):
    for name in estimators_of(data.task):
        few = increase(name, data)
        assert few > 0
        assert increase(name, replace(data, n_rows=80_000)) > few, name
        assert increase(name, replace(data, n_columns=40)) > few, name


def test_every_classifier_needs_more_for_more_classes():
    many = replace(CLASSES, class_counts=(400,) * 100)
    for name in estimators_of("classification"):
        assert increase(name, many) > increase(name, CLASSES), name


@pytest.mark.parametrize("name", ["RandomForest", "ExtremeRandomTrees"])
def test_forests_need_more_for_more_and_deeper_trees(name):
    small = increase(name, n_estimators=50, min_samples_leaf=16)
    assert increase(name, n_estimators=100, min_samples_leaf=16) > small
    assert increase(name, n_estimators=50, min_samples_leaf=1) > small
    shallow = increase(name, n_estimators=50, min_samples_leaf=1, max_depth=3)
    assert shallow < small


def test_the_rule_for_large_data_is_heeded():
    # There, a forest has fewer trees than it was asked for.
    million = replace(LARGE, n_rows=1_000_000)
    assert increase("RandomForest", million, n_estimators=400) == increase(
        "RandomForest", million, n_estimators=200
    )


def test_a_kernel_machine_keeps_within_its_cache():
    small, large = (replace(CLASSES, n_rows=rows) for rows in (5_000, 30_000))
    assert increase("SVM", small) > increase("LinearSVM", small)
    assert increase("SVM", large) < 700


def test_dimensionality_reduction_needs_more():
    assert increase("SGD", scaler="PCA") > increase("SGD", scaler="MaxAbsScaler")


def test_a_sparse_matrix_counts_by_its_values():
    X = sparse.random(2000, 5000, density=0.001, format="csr", random_state=0)
    data = check_data({"X": X, "y": np.arange(2000) % 2}, "classification").summary()
    assert data.values_a_row == X.nnz / 2000
    assert increase("SGD", data) < increase("SGD", replace(data, values_a_row=None)) / 100


def test_featurized_columns_count_by_what_they_become():
    frame = pd.DataFrame({"n": np.arange(200.0), "colour": ["red", "blue"] * 100})
    raw = {"X": frame, "y": np.arange(200) % 2}
    data = check_data(raw, "classification", featurization=FeaturizationConfig()).summary()
    assert data.purposes == {"Numeric": 1, "Categorical": 1}
    # Codes for trees, but one-hot columns for a scaler before them.
    assert increase("LightGBM", data, "MaxAbsScaler") > increase("LightGBM", data)
    ignored = replace(data, purposes={"Numeric": 1, "Ignore": 50})
    assert increase("SGD", ignored) < increase("SGD", data)
