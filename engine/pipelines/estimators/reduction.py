"""Dimensionality reduction to a share of the columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted

from engine.data.dataset import Matrix, is_sparse


class ShareOfColumns(TransformerMixin, BaseEstimator):
    """PCA or truncated SVD that keeps a share of the columns.

    Parameters
    ----------
    share:
        Share of ``min(n_rows, n_columns)`` that is kept, in (0, 1]; at least one component. A
        single column is passed on as it is.
    method:
        ``"pca"`` (dense input) or ``"svd"`` (dense or sparse).
    random_state:
        Seed of the randomized solver.

    Attributes
    ----------
    n_features_in_:
        Number of columns in `fit`.
    reducer_:
        The fitted transformer of scikit-learn.

    Examples
    --------
    >>> ShareOfColumns(0.5).fit_transform(np.random.default_rng(0).normal(size=(20, 6))).shape
    (20, 3)
    """

    def __init__(
        self, share: float = 0.5, method: str = "pca", random_state: int | None = None
    ) -> None:
        self.share = share
        self.method = method
        self.random_state = random_state

    def fit(self, X: Matrix, y: NDArray[Any] | None = None) -> ShareOfColumns:
        """Find the components; ``y`` is ignored."""
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
        """Return (n_rows, n_components); a dense array, also of a sparse X."""
        check_is_fitted(self, "reducer_")
        reduced = self.reducer_.transform(X)
        return np.asarray(reduced.toarray() if is_sparse(reduced) else reduced)

    def get_feature_names_out(self, input_features: Sequence[str] | None = None) -> NDArray[Any]:
        """Return the names of the components."""
        check_is_fitted(self, "reducer_")
        if isinstance(self.reducer_, FunctionTransformer):
            return np.array(["column_0"] if input_features is None else input_features)
        return np.asarray(self.reducer_.get_feature_names_out())
