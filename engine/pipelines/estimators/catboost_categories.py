"""Categorical columns in the form that CatBoost takes."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from engine.data.dataset import Matrix
from engine.pipelines.protocols import Estimator


class TextCategories(RegressorMixin, BaseEstimator):
    """A CatBoost estimator that takes a DataFrame with pandas categoricals.

    CatBoost takes categories as texts or whole numbers without missing values, and their columns
    named in `fit`. A matrix is passed on as it is.

    Parameters
    ----------
    estimator:
        ``CatBoostClassifier`` or ``CatBoostRegressor``; is cloned.

    Attributes
    ----------
    estimator_:
        The fitted clone.
    n_features_in_:
        Number of columns in `fit`.
    """

    def __init__(self, estimator: Estimator) -> None:
        self.estimator = estimator

    def fit(
        self,
        X: Matrix,
        y: NDArray[Any],
        sample_weight: NDArray[np.float64] | None = None,
        **fit_params: Any,
    ) -> TextCategories:
        """Fit a clone; categoricals of ``eval_set`` in ``fit_params`` are converted as well.

        Examples
        --------
        >>> from catboost import CatBoostRegressor
        >>> table = pd.DataFrame({"colour": pd.Categorical(["red", "blue", None, "red"])})
        >>> inner = CatBoostRegressor(iterations=2, verbose=0, allow_writing_files=False)
        >>> model = TextCategories(inner).fit(table, np.array([1.0, 2.0, 3.0, 1.0]))
        >>> model.predict(table).shape
        (4,)
        """
        self.n_features_in_ = X.shape[1]
        self.estimator_ = clone(self.estimator)
        if isinstance(X, pd.DataFrame):
            fit_params["cat_features"] = categorical_columns(X)
        if sample_weight is not None:
            fit_params["sample_weight"] = sample_weight
        if "eval_set" in fit_params:
            fit_params["eval_set"] = [(as_texts(Xv), yv) for Xv, yv in fit_params["eval_set"]]
        self.estimator_.fit(as_texts(X), y, **fit_params)
        return self

    def predict(self, X: Matrix, **predict_params: object) -> NDArray[Any]:
        """Return what the inner estimator predicts."""
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.predict(as_texts(X), **predict_params))

    @available_if(lambda self: hasattr(self.estimator, "predict_proba"))
    def predict_proba(self, X: Matrix, **predict_params: object) -> NDArray[np.float64]:
        """Return (n_rows, n_classes) probabilities; only around a classifier."""
        check_is_fitted(self, "estimator_")
        return np.asarray(self.estimator_.predict_proba(as_texts(X), **predict_params))


def as_texts(X: Matrix) -> Matrix:
    """Return a table with its categoricals as texts of their codes, missing ones too.

    Examples
    --------
    >>> import pandas as pd
    >>> as_texts(pd.DataFrame({"c": pd.Categorical(["b", None, "a"])}))["c"].tolist()
    ['1', '-1', '0']
    """
    if not isinstance(X, pd.DataFrame):
        return X
    return X.assign(**{str(n): X[n].cat.codes.astype(str) for n in categorical_columns(X)})


def categorical_columns(X: Matrix) -> list[Hashable]:
    """Return the names of a table's categorical columns; a matrix has no such columns.

    Examples
    --------
    >>> import pandas as pd
    >>> categorical_columns(pd.DataFrame({"n": [1, 2], "c": pd.Categorical(["a", "b"])}))
    ['c']
    """
    if not isinstance(X, pd.DataFrame):
        return []
    return [name for name in X if isinstance(X[name].dtype, pd.CategoricalDtype)]
