"""Estimators that scikit-learn and its neighbours lack, each by composing theirs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import FunctionTransformer, LabelEncoder
from sklearn.svm import SVC
from sklearn.utils import check_array, gen_batches
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from engine.data.dataset import Matrix

#: Cells of a kernel matrix that are held at a time: 32 MB.
_KERNEL_CELLS = 4_000_000
#: Of a network's epochs, and of its learning rate, for each of the short stages at the end.
_ANNEALED_SHARE = 0.1
_ANNEALED_RATES = (0.2, 0.04)


class EncodedLabels(ClassifierMixin, BaseEstimator):
    """A classifier that wants classes ``0 .. k-1``, for labels of any kind.

    XGBoost refuses other labels, CatBoost predicts them in a column of its own.
    """

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(
        self, X: Matrix, y: NDArray[Any], sample_weight: Any = None, **fit_params: Any
    ) -> EncodedLabels:
        self._encoder = LabelEncoder().fit(y)
        self.classes_ = self._encoder.classes_
        self.n_features_in_ = X.shape[1]
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        self.estimator_ = clone(self.estimator).fit(X, self._encoder.transform(y), **fit_params)
        return self

    def predict_proba(self, X: Matrix, **predict_params: Any) -> NDArray[np.float64]:
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.predict_proba(X, **predict_params), dtype=np.float64)

    def predict(self, X: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class TextCategories(RegressorMixin, BaseEstimator):
    """CatBoost on a DataFrame with pandas categoricals: as the texts that it wants named."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def fit(
        self, X: Matrix, y: NDArray[Any], sample_weight: Any = None, **fit_params: Any
    ) -> TextCategories:
        self.n_features_in_ = X.shape[1]
        self.estimator_ = clone(self.estimator)
        if isinstance(X, pd.DataFrame):
            fit_params["cat_features"] = [n for n in X if _is_categorical(X[n])]
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        if "eval_set" in fit_params:
            fit_params["eval_set"] = [(as_texts(Xv), yv) for Xv, yv in fit_params["eval_set"]]
        self.estimator_.fit(as_texts(X), y, **fit_params)
        return self

    def predict(self, X: Matrix, **predict_params: Any) -> NDArray[Any]:
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.predict(as_texts(X), **predict_params))

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))
    def predict_proba(self, X: Matrix, **predict_params: Any) -> NDArray[np.float64]:
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.predict_proba(as_texts(X), **predict_params))


def as_texts(X: Matrix) -> Matrix:
    """A DataFrame's categoricals as texts, missing ones too."""
    if not isinstance(X, pd.DataFrame):
        return X
    return X.assign(**{str(n): X[n].cat.codes.astype(str) for n in X if _is_categorical(X[n])})


def _is_categorical(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


class _BatchSVC(SVC):
    """Margins of two classes from matrix products: several times as fast as LIBSVM's row by row."""

    def decision_function(self, X: Matrix) -> NDArray[np.float64]:
        check_is_fitted(self)
        if self.kernel != "rbf" or len(self.classes_) > 2 or self._sparse or sparse.issparse(X):
            return np.asarray(super().decision_function(X))
        X = check_array(X)
        margins = np.empty(len(X))
        rows = max(1, _KERNEL_CELLS // len(self.support_vectors_))
        for batch in gen_batches(len(X), rows):
            kernel = rbf_kernel(X[batch], self.support_vectors_, gamma=self._gamma)
            margins[batch] = kernel @ self.dual_coef_[0]
        return margins + self.intercept_[0]


def _has_decision_function(self: CalibratedMargin) -> bool:
    return hasattr(self.estimator, "decision_function")


class CalibratedMargin(ClassifierMixin, BaseEstimator):
    """Class probabilities for a margin classifier (SVM), calibrated over folds.

    scikit-learn's ``CalibratedClassifierCV(ensemble=False)`` with as many folds, up to ``cv``, as
    the rarest class allows. A class with one row only cannot be calibrated: the softmax of the
    margins then stands in.

    With more than two classes and no weights, a kernel SVM is fitted one class against the rest,
    and its margins are scaled by a temperature: the margins that SVC itself gives are votes of
    pairs, which rank rows poorly (digits: AUC 0.995 instead of 0.9995). Else Platt's scaling.

    Source: Platt (1999), Probabilistic outputs for support vector machines; Guo et al. (2017), On
    calibration of modern neural networks.
    """

    def __init__(self, estimator: Any, cv: int = 5) -> None:
        self.estimator = estimator
        self.cv = cv

    def fit(self, X: Matrix, y: NDArray[Any], sample_weight: Any = None) -> CalibratedMargin:
        self.classes_, counts = np.unique(y, return_counts=True)
        self.n_features_in_ = X.shape[1]
        folds = min(self.cv, int(counts.min()))
        model = clone(self.estimator)
        methods = ["sigmoid"]
        if isinstance(model, SVC):
            model = _BatchSVC(**model.get_params())
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
                # The temperature's search ends without success where a double's last digits decide.
                if method == methods[-1]:
                    raise
            else:
                break
        return self

    def predict_proba(self, X: Matrix) -> NDArray[np.float64]:
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
        calibrated = getattr(self.estimator_, "calibrated_classifiers_", None)
        model = self.estimator_ if calibrated is None else calibrated[0].estimator
        return np.asarray(model.decision_function(X))

    def predict(self, X: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class ShareOfColumns(TransformerMixin, BaseEstimator):
    """PCA or truncated SVD that keeps a share of the columns, whatever their number.

    Parameters
    ----------
    share:
        Part of ``min(n_rows, n_columns)`` that is kept, in (0, 1]; at least one component. A
        single column is passed on as it is.
    method:
        ``"pca"`` (dense input) or ``"svd"`` (dense or sparse).
    random_state:
        Seed of the randomized solver.
    """

    def __init__(
        self, share: float = 0.5, method: str = "pca", random_state: int | None = None
    ) -> None:
        self.share = share
        self.method = method
        self.random_state = random_state

    def fit(self, X: Matrix, y: Any = None) -> ShareOfColumns:
        self.n_features_in_ = X.shape[1]
        if X.shape[1] == 1:
            self.reducer_ = FunctionTransformer(accept_sparse=True).fit(X)
            return self
        # The randomized solver of truncated SVD needs one column more than it keeps.
        most = min(X.shape) if self.method == "pca" else max(1, min(X.shape[0], X.shape[1] - 1))
        n_components = max(1, min(most, round(self.share * min(X.shape))))
        reducer = PCA if self.method == "pca" else TruncatedSVD
        self.reducer_ = reducer(n_components, random_state=self.random_state).fit(X)
        return self

    def transform(self, X: Matrix) -> NDArray[np.float64]:
        check_is_fitted(self, "reducer_")
        reduced = self.reducer_.transform(X)
        return np.asarray(reduced.toarray() if sparse.issparse(reduced) else reduced)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        check_is_fitted(self, "reducer_")
        if isinstance(self.reducer_, FunctionTransformer):
            return np.array(["column_0"] if input_features is None else input_features)
        return np.asarray(self.reducer_.get_feature_names_out())


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
