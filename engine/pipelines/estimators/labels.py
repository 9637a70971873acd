"""Class labels encoded as integers, for libraries that take no others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.preprocessing import LabelEncoder
from sklearn.utils.validation import check_is_fitted

from engine.data.dataset import Matrix
from engine.pipelines.protocols import Estimator


class EncodedLabels(ClassifierMixin, BaseEstimator):
    """A classifier for classes ``0 .. k-1`` made to take labels of any kind.

    XGBoost refuses other labels, and CatBoost returns them in a matrix of one column.

    Parameters
    ----------
    estimator:
        A classifier with `predict_proba`; is cloned.

    Attributes
    ----------
    classes_:
        Sorted labels, in the order of the columns of `predict_proba`.
    estimator_:
        The fitted clone.
    n_features_in_:
        Number of columns in `fit`.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> model = EncodedLabels(DecisionTreeClassifier()).fit(np.eye(2), np.array(["no", "yes"]))
    >>> model.predict(np.eye(2)).tolist(), model.estimator_.classes_.tolist()
    (['no', 'yes'], [0, 1])
    """

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator

    def fit(
        self,
        X: Matrix,
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None = None,
        **fit_params: Any,
    ) -> EncodedLabels:
        """Fit a clone; labels of ``eval_set`` in ``fit_params`` are encoded as well."""
        self._encoder = LabelEncoder().fit(y)
        self.classes_ = self._encoder.classes_
        self.n_features_in_ = X.shape[1]
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        if "eval_set" in fit_params:
            fit_params["eval_set"] = [
                (Xv, self._encoder.transform(yv)) for Xv, yv in fit_params["eval_set"]
            ]
        self.estimator_ = clone(self.estimator).fit(X, self._encoder.transform(y), **fit_params)
        return self

    def predict_proba(self, X: Matrix, **predict_params: object) -> NDArray[np.float64]:
        """Return (n_rows, n_classes) probabilities."""
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.predict_proba(X, **predict_params), dtype=np.float64)

    def predict(self, X: Matrix, **predict_params: object) -> NDArray[Any]:
        """Return the label of the highest probability for each row."""
        codes = self.predict_proba(X, **predict_params).argmax(axis=1)
        return np.asarray(self.classes_[codes])
