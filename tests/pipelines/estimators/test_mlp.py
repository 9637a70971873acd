"""Networks whose last epochs take smaller steps."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.neural_network import MLPRegressor
from sklearn.preprocessing import scale

from engine.pipelines.estimators.mlp import AnnealedMLPClassifier, AnnealedMLPRegressor

X, y = load_breast_cancer(return_X_y=True)
X = scale(X)


class TestAnnealedNetworks:
    def test_are_scikit_learn_estimators_that_keep_their_parameters(self):
        for model, target in ((AnnealedMLPClassifier(), y), (AnnealedMLPRegressor(), y * 1.0)):
            model.set_params(max_iter=20, hidden_layer_sizes=(8, 8), random_state=0)
            before = model.get_params()
            assert model.fit(X, target) is model
            assert clone(model).get_params() == model.get_params() == before
            assert [w.shape for w in model.coefs_] == [(X.shape[1], 8), (8, 8), (8, 1)]
        assert is_classifier(AnnealedMLPClassifier())
        assert is_regressor(AnnealedMLPRegressor())

    def test_use_their_epochs_without_a_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            model = AnnealedMLPRegressor(max_iter=30, n_iter_no_change=1000).fit(X, y * 1.0)
        assert len(model.loss_curve_) == 30
        AnnealedMLPRegressor(max_iter=1).fit(X, y * 1.0)

    @pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
    def test_end_nearer_to_the_minimum_than_with_steps_of_one_size(self):
        settings = {"max_iter": 60, "learning_rate_init": 0.02, "n_iter_no_change": 1000}
        generator = np.random.default_rng(0)
        values = X[:, 0] * X[:, 1] + generator.normal(scale=0.1, size=len(X))
        annealed, plain = [
            np.mean([kind(random_state=s, **settings).fit(X, values).loss_ for s in range(3)])
            for kind in (AnnealedMLPRegressor, MLPRegressor)
        ]
        assert annealed < 0.8 * plain

    def test_weights_matter(self):
        wrong = np.random.default_rng(0).random(len(y)) < 0.6
        labels, weight = np.where(wrong, 1 - y, y), np.where(wrong, 1e-3, 1.0)
        model = AnnealedMLPClassifier(max_iter=50, random_state=0).fit(X, labels, weight)
        assert (model.predict(X) == y).mean() > 0.9

    def test_as_the_estimator_of_scikit_learn(self):
        model = AnnealedMLPClassifier(max_iter=20, random_state=0).fit(X, y)
        plain = model.as_sklearn()
        assert type(plain).__module__.startswith("sklearn.")
        single = X.astype(np.float32)
        np.testing.assert_array_equal(plain.predict_proba(single), model.predict_proba(X))

    @pytest.mark.parametrize("kind", [AnnealedMLPClassifier, AnnealedMLPRegressor])
    def test_compute_in_single_precision_whatever_they_are_given(self, kind):
        model = kind(max_iter=10, random_state=0).fit(X, y)
        assert {w.dtype for w in model.coefs_} == {np.dtype("float32")}
        other = kind(max_iter=10, random_state=0).fit(sparse.csr_matrix(X), y.astype(np.int32))
        np.testing.assert_allclose(
            other.predict(sparse.csr_matrix(X)), model.predict(X), rtol=1e-4, atol=1e-4
        )

    def test_probabilities_are_doubles_that_sum_to_one(self):
        X, y = load_wine(return_X_y=True)
        model = AnnealedMLPClassifier(max_iter=10, random_state=0).fit(scale(X), y.astype(str))
        probabilities = model.predict_proba(scale(X))
        assert probabilities.dtype == np.float64
        np.testing.assert_allclose(probabilities.sum(axis=1), 1.0, atol=1e-6)

    def test_keep_no_state_of_the_optimizer(self):
        model = AnnealedMLPRegressor(hidden_layer_sizes=(64, 64), max_iter=10, random_state=0).fit(
            X, y * 1.0
        )
        weights = sum(w.nbytes for w in (*model.coefs_, *model.intercepts_))
        assert len(pickle.dumps(model)) < 1.5 * weights
        before = model.predict(X)
        model.partial_fit(X, y * 1.0)
        assert not np.array_equal(model.predict(X), before)
