"""Support vector machines with calibrated probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.svm import SVC
from sklearn.utils import check_array, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from engine.data.dataset import Matrix, is_sparse
from engine.pipelines.protocols import Estimator

#: Most cells of a kernel matrix that are held at a time: 32 MB.
KERNEL_CELLS = 4_000_000


class _KeepsMachines:
    """An estimator that keeps the matrices of its machines between predictions."""

    @cached_property
    def _machines(self) -> _Machines:
        return _Machines.of(getattr(self, "estimators_", [self]))

    def _forget_machines(self) -> None:
        """Drop the matrices of an earlier fit."""
        vars(self).pop("_machines", None)

    def __getstate__(self) -> dict[str, Any]:
        # What can be computed again is not stored.
        state: dict[str, Any] = super().__getstate__()  # type: ignore[assignment]
        return {key: value for key, value in state.items() if key != "_machines"}


class BatchSVC(_KeepsMachines, SVC):
    """An SVC whose margins of two classes come from matrix products.

    That is several times as fast as LIBSVM, which computes them row by row.
    """

    def fit(
        self, X: Matrix, y: NDArray[Any], sample_weight: NDArray[np.float64] | None = None
    ) -> Self:
        """Fit as ``SVC`` does."""
        self._forget_machines()
        super().fit(X, y, sample_weight)
        return self

    @property
    def radial_gamma(self) -> float | None:
        """Gamma of a radial kernel for two classes of dense rows; ``None`` of any other machine."""
        is_radial = self.kernel == "rbf" and len(self.classes_) == 2 and not self._sparse
        return float(self._gamma) if is_radial else None

    def decision_function(self, X: Matrix) -> NDArray[np.float64]:
        """Return the margin of each row, (n_rows,), or (n_rows, n_classes) for more classes."""
        check_is_fitted(self)
        if not _is_quick(self) or is_sparse(X):
            return np.asarray(super().decision_function(X))
        return self._machines.margins(X)[:, 0]


class BatchOneVsRest(_KeepsMachines, OneVsRestClassifier):
    """One `BatchSVC` for each class against the rest, whose margins come from one kernel matrix.

    The machines are fitted on the same rows and share many support vectors. Asked one after the
    other, ten machines take ten times as long for a single row.

    Examples
    --------
    >>> X, y = np.arange(9.0)[:, None], np.arange(9) // 3
    >>> machines, plain = BatchOneVsRest(BatchSVC()), OneVsRestClassifier(SVC())
    >>> margins = machines.fit(X, y).decision_function(X)
    >>> bool(np.allclose(margins, plain.fit(X, y).decision_function(X)))
    True
    """

    def fit(self, X: Matrix, y: NDArray[Any]) -> Self:
        """Fit a machine for each class."""
        self._forget_machines()
        super().fit(X, y)
        return self

    def decision_function(self, X: Matrix) -> NDArray[np.float64]:
        """Return the margins of each row, (n_rows, n_classes), or (n_rows,) for two classes."""
        check_is_fitted(self)
        is_quick = len(self.estimators_) > 1 and all(_is_quick(e) for e in self.estimators_)
        if not is_quick or is_sparse(X):
            return np.asarray(super().decision_function(X))
        return self._machines.margins(X)


def _is_quick(machine: object) -> bool:
    """Whether the margins of a fitted machine can be computed by matrix products."""
    return isinstance(machine, BatchSVC) and machine.radial_gamma is not None


@dataclass(frozen=True)
class _Machines:
    """Support vector machines of two classes with the same radial kernel, as matrices.

    Attributes
    ----------
    vectors, squares:
        (n_vectors, n_columns) support vectors of all machines, and their (n_vectors,) squared
        lengths.
    weights, intercepts:
        (n_vectors, n_machines) weights, 0 where a vector is not of the machine, and (n_machines,)
        intercepts.
    gamma:
        Width of the kernel exp(-gamma |x - v|^2).
    """

    vectors: NDArray[np.float64]
    squares: NDArray[np.float64]
    weights: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    gamma: float

    @classmethod
    def of(cls, machines: Sequence[BatchSVC]) -> _Machines:
        """Collect machines that were fitted on the same rows."""
        rows = np.unique(np.concatenate([machine.support_ for machine in machines]))
        vectors = np.empty((len(rows), machines[0].support_vectors_.shape[1]))
        weights = np.zeros((len(rows), len(machines)))
        for number, machine in enumerate(machines):
            places = np.searchsorted(rows, machine.support_)
            vectors[places] = machine.support_vectors_
            weights[places, number] = machine.dual_coef_[0]
        intercepts = np.array([machine.intercept_[0] for machine in machines])
        squares = np.einsum("ij,ij->i", vectors, vectors)
        return cls(vectors, squares, weights, intercepts, float(machines[0].radial_gamma or 0.0))

    def margins(self, X: Matrix) -> NDArray[np.float64]:
        """Return (n_rows, n_machines) margins."""
        X = check_array(X, dtype=np.float64)
        if X.shape[1] != self.vectors.shape[1]:
            raise ValueError(f"X has {X.shape[1]} columns; expected {self.vectors.shape[1]}")
        margins = np.empty((len(X), self.weights.shape[1]))
        for batch in gen_batches(len(X), max(1, KERNEL_CELLS // len(self.vectors))):
            margins[batch] = self._kernel(X[batch]) @ self.weights
        return margins + self.intercepts

    def _kernel(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        # scikit-learn's `rbf_kernel` checks its input for longer than this takes for a single row.
        kernel: NDArray[np.float64] = X @ self.vectors.T
        kernel *= -2.0
        kernel += np.einsum("ij,ij->i", X, X)[:, None]
        kernel += self.squares
        np.maximum(kernel, 0.0, out=kernel)
        kernel *= -self.gamma
        return np.exp(kernel, out=kernel)


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
            # One machine against the rest takes no weights.
            model, methods = BatchOneVsRest(model), ["temperature", "sigmoid"]
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
