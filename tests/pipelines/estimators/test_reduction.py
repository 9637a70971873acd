"""Dimensionality reduction to a share of the columns."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from engine.pipelines.estimators.reduction import ShareOfColumns

X = np.random.default_rng(0).normal(size=(50, 8))


@pytest.mark.parametrize("method", ["pca", "svd"])
@pytest.mark.parametrize(("share", "expected"), [(1e-6, 1), (0.5, 4), (0.25, 2)])
def test_a_share_of_the_columns_is_kept(method, share, expected):
    step = ShareOfColumns(share, method, 0).fit(X)
    assert step.transform(X).shape == (50, expected)
    assert len(step.get_feature_names_out()) == expected
    assert step.n_features_in_ == 8


@pytest.mark.parametrize(("method", "expected"), [("pca", 8), ("svd", 7)])
def test_truncated_svd_keeps_one_column_fewer_at_most(method, expected):
    assert ShareOfColumns(1.0, method, 0).fit_transform(X).shape == (50, expected)


def test_few_rows_limit_the_components():
    assert ShareOfColumns(1.0).fit_transform(X[:3]).shape == (3, 3)


def test_a_sparse_matrix_becomes_dense():
    found = ShareOfColumns(0.5, "svd", 0).fit_transform(sparse.csr_matrix(X))
    np.testing.assert_allclose(found, ShareOfColumns(0.5, "svd", 0).fit_transform(X), atol=1e-8)


@pytest.mark.parametrize("one", [X[:, :1], sparse.csr_matrix(X[:, :1])])
def test_a_single_column_is_passed_on(one):
    step = ShareOfColumns().fit(one)
    np.testing.assert_array_equal(step.transform(one), X[:, :1])
    assert step.get_feature_names_out().tolist() == ["column_0"]
    assert step.get_feature_names_out(["age"]).tolist() == ["age"]
