"""Support vector machines with calibrated probabilities."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import scale
from sklearn.svm import SVC, LinearSVC

from engine.pipelines.estimators import svm
from engine.pipelines.estimators.svm import BatchOneVsRest, BatchSVC, CalibratedMargin

X, y = load_breast_cancer(return_X_y=True)
X = scale(X)


@pytest.mark.parametrize("kernel", ["rbf", "poly"])
def test_margins_of_a_kernel_svm_are_those_of_svc(kernel, monkeypatch):
    monkeypatch.setattr(svm, "KERNEL_CELLS", 1000)  # many batches
    model = CalibratedMargin(SVC(kernel=kernel)).fit(X, y)
    np.testing.assert_allclose(
        model.decision_function(X), SVC(kernel=kernel).fit(X, y).decision_function(X), atol=1e-9
    )


def test_sparse_rows_too():
    X_sparse = sparse.csr_matrix(np.where(X > 0, X, 0.0))
    model = CalibratedMargin(SVC()).fit(X_sparse, y)
    expected = SVC().fit(X_sparse, y).decision_function(X_sparse)
    np.testing.assert_allclose(model.decision_function(X_sparse), expected)


def test_many_classes():
    X, y = load_wine(return_X_y=True)
    for estimator in (SVC(), LinearSVC()):
        model = CalibratedMargin(estimator).fit(scale(X), y)
        assert model.decision_function(scale(X)).shape == (178, 3)
        assert (model.predict(scale(X)) == y).mean() > 0.95
    weighted = CalibratedMargin(SVC()).fit(scale(X), y, sample_weight=np.where(y == 0, 0.01, 1.0))
    assert (weighted.predict_proba(scale(X))[:, 0] < 0.5).mean() > 0.9


@pytest.mark.parametrize("kernel", ["rbf", "poly"])
def test_one_kernel_matrix_gives_the_margins_of_each_machine(kernel, monkeypatch):
    X, y = load_wine(return_X_y=True)
    X = scale(X)
    plain = OneVsRestClassifier(SVC(kernel=kernel)).fit(X, y).decision_function(X)
    machines = BatchOneVsRest(BatchSVC(kernel=kernel)).fit(X, y)
    np.testing.assert_allclose(machines.decision_function(X), plain, atol=1e-9)
    single = np.vstack([machines.decision_function(row[None]) for row in X])
    np.testing.assert_allclose(single, plain, atol=1e-9)
    monkeypatch.setattr(svm, "KERNEL_CELLS", 1000)  # many batches
    np.testing.assert_allclose(machines.decision_function(X), plain, atol=1e-9)
    copy = pickle.loads(pickle.dumps(machines))
    np.testing.assert_allclose(copy.decision_function(X), plain, atol=1e-9)


def test_a_pickle_holds_no_support_vector_twice():
    X, y = load_wine(return_X_y=True)
    machines = BatchOneVsRest(BatchSVC()).fit(X, y)
    before = len(pickle.dumps(machines))
    machines.decision_function(X)
    assert len(pickle.dumps(machines)) == before


@pytest.mark.parametrize("machines", [BatchOneVsRest(BatchSVC()), BatchSVC()])
def test_another_fit_forgets_the_one_before(machines):
    X, y = load_wine(return_X_y=True)
    if isinstance(machines, BatchSVC):
        X, y = X[y < 2], y[y < 2]
    machines.fit(X, y).decision_function(X)
    after = machines.fit(X[::2], y[::2]).decision_function(X)
    np.testing.assert_array_equal(after, clone(machines).fit(X[::2], y[::2]).decision_function(X))


@pytest.mark.parametrize("machines", [BatchOneVsRest(BatchSVC()), BatchSVC()])
def test_rows_of_another_width_are_refused(machines):
    X, y = load_wine(return_X_y=True)
    if isinstance(machines, BatchSVC):
        X, y = X[y < 2], y[y < 2]
    with pytest.raises(ValueError, match="12"):
        machines.fit(X, y).decision_function(X[:, 1:])


def test_sparse_rows_of_many_classes():
    X, y = load_wine(return_X_y=True)
    X = sparse.csr_matrix(X)
    expected = OneVsRestClassifier(SVC()).fit(X, y).decision_function(X)
    machines = BatchOneVsRest(BatchSVC()).fit(X, y)
    np.testing.assert_allclose(machines.decision_function(X), expected)


def test_a_class_with_a_single_row():
    labels = np.append(np.zeros(20, int), 1)
    model = CalibratedMargin(SVC()).fit(X[:21], labels)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)


def test_a_temperature_that_is_not_found_is_done_without(monkeypatch):
    from sklearn import calibration

    def fails(self, *args, **kwargs):
        raise RuntimeError("Temperature scaling fails to optimize during calibration.")

    monkeypatch.setattr(calibration._TemperatureScaling, "fit", fails)
    X, y = load_wine(return_X_y=True)
    assert CalibratedMargin(SVC()).fit(scale(X), y).score(scale(X), y) > 0.95
