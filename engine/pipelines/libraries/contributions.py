"""SHAP values of margins: their form, and scikit-learn's trees through shap."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.dataset import Matrix, is_sparse
from engine.pipelines.protocols import Predictor

Array = NDArray[np.float64]
#: X -> (n, n_columns, n_margins) SHAP values and (n_margins,) expected margins.
Contributions = Callable[[Matrix], tuple[Array, Array]]


def split_contributions(found: NDArray[Any], n_columns: int) -> tuple[Array, Array]:
    """Separate SHAP values from the expected margin that boosters write in a last column.

    Parameters
    ----------
    found:
        (n, n_margins, n_columns + 1), or (n, n_margins * (n_columns + 1)).
    n_columns:
        Number of columns that the estimator sees.

    Returns
    -------
    tuple
        (n, n_columns, n_margins) SHAP values and (n_margins,) expected margins.

    Examples
    --------
    >>> import numpy as np
    >>> phi, base = split_contributions(np.array([[1.0, 2.0, 0.5]]), 2)
    >>> phi.shape, base.tolist()
    ((1, 2, 1), [0.5])
    """
    if found.ndim == 2:
        found = found.reshape(len(found), -1, n_columns + 1)
    phi = np.ascontiguousarray(found[:, :, :-1].transpose(0, 2, 1), dtype=np.float64)
    return phi, np.asarray(found[0, :, -1], dtype=np.float64)


def shap_tree_contributions(estimator: Predictor) -> Contributions:
    """Explain a fitted tree, forest or histogram booster of scikit-learn through shap.

    The margins of trees and forests are their predictions.
    """
    import shap

    explainer = shap.TreeExplainer(estimator)

    def contributions(X: Matrix) -> tuple[Array, Array]:
        table = dense(X)
        table = table.to_numpy(np.float64) if isinstance(table, pd.DataFrame) else table
        found = np.asarray(explainer.shap_values(table, check_additivity=False), dtype=np.float64)
        if found.ndim == 2:
            found = found[:, :, None]
        base = np.atleast_1d(np.asarray(explainer.expected_value, dtype=np.float64)).reshape(-1)
        return found, base

    return contributions


def dense(X: Matrix) -> Matrix:
    """Return a sparse matrix as an array, and anything else as it is.

    Examples
    --------
    >>> from scipy import sparse
    >>> dense(sparse.csr_matrix([[0.0, 2.0]])).tolist()
    [[0.0, 2.0]]
    """
    return X.toarray() if is_sparse(X) else X
