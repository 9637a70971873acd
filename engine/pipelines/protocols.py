"""Protocols of estimators and transformers: the methods that raysmith calls.

Scikit-learn ships no types. The estimators of scikit-learn, of the booster libraries and of
raysmith have these methods.
"""

from __future__ import annotations

from typing import Any, Protocol, Self

from numpy.typing import NDArray

from engine.data.dataset import Matrix


class Predictor(Protocol):
    """A fitted model: a pipeline, an ensemble, an estimator, or a booster at some round.

    A classifier has ``predict_proba`` and ``classes_`` as well. Where the task is not known,
    ``hasattr(model, "predict_proba")`` distinguishes it from a regressor.
    """

    def predict(self, X: Matrix, /) -> NDArray[Any]:
        """Return (n_rows,) labels or values."""
        ...


class Estimator(Predictor, Protocol):
    """A model that can be fitted, in the manner of scikit-learn."""

    def fit(self, X: Matrix, y: NDArray[Any], /, **fit_params: object) -> Self:
        """Fit in place and return the estimator itself."""
        ...

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor by name."""
        ...

    def set_params(self, **params: object) -> Self:
        """Change parameters and return the estimator itself."""
        ...


class Transformer(Protocol):
    """A step before the estimator of a pipeline: a featurization, a scaler or a reduction."""

    def fit_transform(self, X: Matrix, y: NDArray[Any] | None = None, /) -> Matrix:
        """Fit on ``X`` and return it transformed, with the same number of rows."""
        ...

    def transform(self, X: Matrix, /) -> Matrix:
        """Return ``X`` transformed as in the fit, with the same number of rows."""
        ...
