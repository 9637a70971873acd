"""Support vector machines with calibrated probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC
from sklearn.utils import check_array, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from engine.data.dataset import Matrix, is_sparse
from engine.pipelines.protocols import Estimator

#: Most cells of a kernel matrix that are held at a time: 32 MB.
KERNEL_CELLS = 4_000_000


class BatchSVC(SVC):
    """An SVC whose margins of two classes come from matrix products.

    That is several times as fast as LIBSVM, which computes them row by row.
    """

    def decision_function(self, X: Matrix) -> NDArray[np.float64]:
        """Return the margin of each row, (n_rows,), or (n_rows, n_classes) for more classes."""
        check_is_fitted(self)
        if self.kernel != "rbf" or len(self.classes_) > 2 or self._sparse or is_sparse(X):
            return np.asarray(super().decision_function(X))
        X = check_array(X)
        margins = np.empty(len(X))
        rows = max(1, KERNEL_CELLS // len(self.support_vectors_))
        for batch in gen_batches(len(X), rows):
            kernel = rbf_kernel(X[batch], self.support_vectors_, gamma=self._gamma)
            margins[batch] = kernel @ self.dual_coef_[0]
        return margins + self.intercept_[0]


def _has_decision_function(self: CalibratedMargin) -> bool:
    return hasattr(self.estimator, "decision_function")


class CalibratedMargin(ClassifierMixin, BaseEstimator):
    """A support vector machine with class probabilities, calibrated over folds.

    It uses scikit-learn's ``CalibratedClassifierCV(ensemble=False)``, with up to ``cv`` folds: as
    many as the rarest class has rows. When a class has a single row, probabilities are the softmax
    of the margins instead.

    With more than two classes and no weights, a kernel SVM is fitted one class against the rest,
    and its margins are scaled by a temperature. The margins of ``SVC`` itself are votes of pairs,
    which rank rows poorly (digits: AUC 0.995 instead of 0.9995). All others use Platt's scaling.

    Parameters
    ----------
    estimator:
        ``SVC``, ``LinearSVC`` or another classifier with `decision_function`; is cloned.
    cv:
        Most folds.

    Attributes
    ----------
    classes_:
        Sorted labels, in the order of the columns of `predict_proba`.
    estimator_:
        The fitted ``CalibratedClassifierCV``, or the fitted classifier without calibration.
    n_features_in_:
        Number of columns in `fit`.

    Notes
    -----
    Source: Platt (1999), Probabilistic outputs for support vector machines; Guo et al. (2017), On
    calibration of modern neural networks.

    Examples
    --------
    >>> from sklearn.svm import LinearSVC
    >>> X, y = np.array([[0.0], [0.1], [0.2], [1.0], [1.1], [1.2]]), np.array([0, 0, 0, 1, 1, 1])
    >>> CalibratedMargin(LinearSVC(), cv=3).fit(X, y).predict_proba(X).shape
    (6, 2)
    """

    def __init__(self, estimator: Estimator, cv: int = 5) -> None:
        self.estimator = estimator
        self.cv = cv

    def fit(
        self, X: Matrix, y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> CalibratedMargin:
        """Fit the classifier and calibrate its margins."""
        self.classes_, counts = np.unique(y, return_counts=True)
        self.n_features_in_ = X.shape[1]
        folds = min(self.cv, int(counts.min()))
        model = clone(self.estimator)
        methods = ["sigmoid"]
        if isinstance(model, SVC):
            model = BatchSVC(**model.get_params())
        if isinstance(model, SVC) and len(counts) > 2 and sample_weight is None:
            # OneVsRestClassifier passes no weights on.
            model, methods = OneVsRestClassifier(model), ["temperature", "sigmoid"]
        fit_params = {} if sample_weight is None else {"sample_weight": sample_weight}
        if folds < 2:
            self.estimator_ = model.fit(X, y, **fit_params)
            return self
        for method in methods:
            calibrated = CalibratedClassifierCV(model, cv=folds, ensemble=False, method=method)
            try:
                self.estimator_ = calibrated.fit(X, y, **fit_params)
            except RuntimeError:
                # The search for a temperature may fail where the last digits of doubles decide.
                if method == methods[-1]:
                    raise
            else:
                break
        return self

    def predict_proba(self, X: Matrix) -> NDArray[np.float64]:
        """Return (n_rows, n_classes) probabilities."""
        check_is_fitted(self, "estimator_")
        if hasattr(self.estimator_, "predict_proba"):
            return np.asarray(self.estimator_.predict_proba(X))
        margins = np.asarray(self.decision_function(X), dtype=np.float64)
        if margins.ndim == 1:
            margins = np.column_stack([-margins, margins]) / 2
        exponents = np.exp(margins - margins.max(axis=1, keepdims=True))
        return np.asarray(exponents / exponents.sum(axis=1, keepdims=True))

    @available_if(_has_decision_function)
    def decision_function(self, X: Matrix) -> NDArray[np.float64]:
        """Return margins: (n_rows,) for two classes, (n_rows, n_classes) for more.

        Examples
        --------
        >>> from sklearn.svm import SVC
        >>> X, y = np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([0, 0, 1, 1])
        >>> CalibratedMargin(SVC(), cv=2).fit(X, y).decision_function(X).shape
        (4,)
        """
        calibrated = getattr(self.estimator_, "calibrated_classifiers_", None)
        model = self.estimator_ if calibrated is None else calibrated[0].estimator
        return np.asarray(model.decision_function(X))

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the label of the highest probability for each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])
