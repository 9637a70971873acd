"""Neural networks whose last epochs take smaller steps."""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor

from engine.data.dataset import Matrix, is_sparse

#: The short stages at the end of a fit: each one's share of the epochs, and their factors of the
#: learning rate.
_STAGE_SHARE = 0.1
_STAGE_RATES = (0.2, 0.04)


class AnnealedMLP:
    """A multi-layer perceptron whose last epochs take smaller steps.

    Parameters and attributes are those of scikit-learn's ``MLPClassifier`` and ``MLPRegressor``.
    The last but one tenth of the ``max_iter`` epochs has a fifth of the learning rate, the last
    tenth a twenty-fifth: with steps of one size, a fit ends somewhere around a minimum, not in it.

    Everything is computed in single precision: wide layers take little more than half of the time
    and score the same. The optimizer's state, three times the size of the weights, is not kept.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 50)[:, None]
    >>> model = AnnealedMLPRegressor(max_iter=300, learning_rate_init=0.01, random_state=0)
    >>> bool(model.fit(X, X[:, 0]).score(X, X[:, 0]) > 0.99)
    True
    """

    _plain: type

    def fit(
        self, X: Matrix, y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> Self:
        """Fit in three stages; parameters stay as they were given."""
        given = self.get_params()  # type: ignore[attr-defined]
        rate, epochs = given["learning_rate_init"], given["max_iter"]
        short = max(1, round(_STAGE_SHARE * epochs))
        model = self._plain(**given | {"warm_start": True})
        X = _single(X)
        y = y if self._plain is MLPClassifier else np.asarray(y, dtype=np.float32)
        with warnings.catch_warnings():
            # The search chooses the number of epochs: to use them all is no fault.
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.set_params(max_iter=max(1, epochs - len(_STAGE_RATES) * short))
            model.fit(X, y, sample_weight=sample_weight)
            for factor in _STAGE_RATES:
                model.set_params(learning_rate_init=factor * rate, max_iter=short)
                model.fit(X, y, sample_weight=sample_weight)
        dropped = given.keys() | {"_optimizer", "_best_coefs", "_best_intercepts"}
        vars(self).update({k: v for k, v in vars(model).items() if k not in dropped})
        return self

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return (n_rows,) labels or values."""
        return np.asarray(super().predict(_single(X)))  # type: ignore[misc]

    def as_sklearn(self) -> MLPClassifier | MLPRegressor:
        """Return a fitted scikit-learn estimator with the same weights.

        Examples
        --------
        >>> X = np.linspace(-1, 1, 20)[:, None]
        >>> model = AnnealedMLPRegressor(max_iter=20, random_state=0).fit(X, X[:, 0])
        >>> plain = model.as_sklearn()
        >>> type(plain).__name__, bool(np.allclose(plain.predict(X), model.predict(X), atol=1e-5))
        ('MLPRegressor', True)
        """
        model = self._plain(**self.get_params())  # type: ignore[attr-defined]
        vars(model).update(vars(self))
        return model


def _single(values: Matrix) -> Matrix:
    return (values if is_sparse(values) else np.asarray(values)).astype(np.float32)


class AnnealedMLPClassifier(AnnealedMLP, MLPClassifier):
    """A classifier, see `AnnealedMLP`."""

    _plain = MLPClassifier

    def predict_proba(self, X: Matrix) -> NDArray[np.float64]:
        """Return (n_rows, n_classes) probabilities in double precision."""
        return np.asarray(super().predict_proba(_single(X)), dtype=np.float64)


class AnnealedMLPRegressor(AnnealedMLP, MLPRegressor):
    """A regressor, see `AnnealedMLP`."""

    _plain = MLPRegressor
