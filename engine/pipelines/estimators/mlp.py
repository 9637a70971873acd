"""Estimators that scikit-learn and its neighbours lack, each by composing theirs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from engine.data.dataset import Matrix

#: Of a network's epochs, and of its learning rate, for each of the short stages at the end.
_ANNEALED_SHARE = 0.1


_ANNEALED_RATES = (0.2, 0.04)


class AnnealedMLP:
    """A multi-layer perceptron whose last epochs take smaller steps.

    Parameters and attributes are those of scikit-learn's ``MLPClassifier`` and ``MLPRegressor``. Of
    the ``max_iter`` epochs, the last but one tenth has a fifth of the learning rate and the last
    tenth a twenty-fifth: with steps of one size, a fit ends somewhere around a minimum, not in it.

    Computes in single precision, with which wide layers take little more than half of the time and
    score the same. Moments and copies, three times the size of the weights, are not kept.
    """

    _plain: type

    def fit(self, X: Matrix, y: NDArray[Any], sample_weight: Any = None) -> Any:
        given = self.get_params()  # type: ignore[attr-defined]
        rate, epochs = given["learning_rate_init"], given["max_iter"]
        short = max(1, round(_ANNEALED_SHARE * epochs))
        model = self._plain(**given | {"warm_start": True})
        X, y = _single(X), y if self._plain is MLPClassifier else _single(y)
        with warnings.catch_warnings():
            # The number of epochs is chosen by the search: that they were all used is no fault.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(max_iter=max(1, epochs - len(_ANNEALED_RATES) * short))
            model.fit(X, y, sample_weight=sample_weight)
            for factor in _ANNEALED_RATES:
                model.set_params(learning_rate_init=factor * rate, max_iter=short)
                model.fit(X, y, sample_weight=sample_weight)
        left = given.keys() | {"_optimizer", "_best_coefs", "_best_intercepts"}
        vars(self).update({k: v for k, v in vars(model).items() if k not in left})
        return self

    def predict(self, X: Matrix) -> NDArray[Any]:
        return np.asarray(super().predict(_single(X)))  # type: ignore[misc]

    def as_sklearn(self) -> Any:
        """The fitted scikit-learn estimator that this one is."""
        model = self._plain(**self.get_params())  # type: ignore[attr-defined]
        vars(model).update(vars(self))
        return model


def _single(values: Any) -> Any:
    return (values if sparse.issparse(values) else np.asarray(values)).astype(np.float32)


class AnnealedMLPClassifier(AnnealedMLP, MLPClassifier):
    """See `AnnealedMLP`."""

    _plain = MLPClassifier

    def predict_proba(self, X: Matrix) -> NDArray[np.float64]:
        return np.asarray(super().predict_proba(_single(X)), dtype=np.float64)


class AnnealedMLPRegressor(AnnealedMLP, MLPRegressor):
    """See `AnnealedMLP`."""

    _plain = MLPRegressor
