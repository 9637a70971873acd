"""Members' predictions as features of a meta learner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import KFold, StratifiedKFold

from engine.data.dataset import Matrix, is_sparse

Array = NDArray[np.float64]

_PARTS = 5

#: Probabilities are clipped to ``[CLIPPED, 1 - CLIPPED]`` before their log-odds are taken.
CLIPPED = 1e-4


def divide(y: NDArray[Any], stratified: bool) -> NDArray[np.int64]:
    """Divide rows into five parts at random, or into fewer when there are under ten rows.

    Parameters
    ----------
    y:
        (n_rows,) class codes or values.
    stratified:
        Keep the shares of the classes in each part, where every class has rows enough.

    Returns
    -------
    numpy.ndarray
        (n_rows,) number of each row's part, the same for the same ``y``; all 0 when there are
        fewer than four rows.

    Examples
    --------
    >>> np.bincount(divide(np.arange(12.0), stratified=False)).tolist()
    [3, 3, 2, 2, 2]
    """
    parts = np.zeros(len(y), dtype=np.int64)
    n_parts = min(_PARTS, len(y) // 2)
    if n_parts < 2:
        return parts
    chosen: type[KFold] | type[StratifiedKFold] = KFold
    if stratified and np.unique(y, return_counts=True)[1].min() >= n_parts:
        chosen = StratifiedKFold
    splitter = chosen(n_parts, shuffle=True, random_state=0)
    for number, (_, mine) in enumerate(splitter.split(np.zeros(len(y)), y)):
        parts[mine] = number
    return parts


def meta_input(predictions: Sequence[Array], features: Matrix | None = None) -> Matrix:
    """Build a meta learner's input from members' predictions.

    Parameters
    ----------
    predictions:
        A member each: (n_rows, n_classes) probabilities or (n_rows,) values.
    features:
        Columns that stand before the predictions; default: predictions alone.

    Returns
    -------
    numpy.ndarray, scipy.sparse.csr_matrix or pandas.DataFrame
        An array, or what ``features`` are. Probabilities become log-odds, those of the last class
        are left out: they follow from the others.

    Examples
    --------
    >>> meta_input([np.array([[0.5, 0.5], [0.2, 0.8]])]).round(2).tolist()
    [[0.0], [-1.39]]
    >>> meta_input([np.array([3.0, 4.0]), np.array([5.0, 6.0])]).tolist()
    [[3.0, 5.0], [4.0, 6.0]]
    """
    columns = []
    for values in predictions:
        if values.ndim == 1:
            columns.append(values[:, None])
        else:
            clipped = np.clip(values[:, :-1], CLIPPED, 1 - CLIPPED)
            columns.append(np.log(clipped / (1 - clipped)))
    predicted = np.hstack(columns)
    if features is None:
        return predicted
    if is_sparse(features):
        return sparse.hstack([features, predicted], format="csr")
    if not isinstance(features, pd.DataFrame):
        return np.hstack([features, predicted])
    names = [f"prediction_{n}" for n in range(predicted.shape[1])]
    more = pd.DataFrame(predicted, columns=names, index=features.index)
    return pd.concat([features, more], axis=1)


def meta_predict(
    learner: Any,
    predictions: Sequence[Array],
    n_classes: int | None,
    features: Matrix | None = None,
) -> Array:
    """Predict with a meta learner.

    Parameters
    ----------
    learner:
        Fitted on `meta_input` for class codes or values.
    predictions, features:
        As in `meta_input`.
    n_classes:
        Number of classes; ``None`` for regression.

    Returns
    -------
    numpy.ndarray
        (n_rows, n_classes) probabilities in the order of the class codes, 0 for classes that the
        learner was not fitted on; or (n_rows,) values.

    Examples
    --------
    >>> from sklearn.linear_model import LinearRegression
    >>> members = [np.array([1.0, 2.0, 4.0]), np.array([3.0, 2.0, 1.0])]
    >>> learner = LinearRegression().fit(meta_input(members), [4.0, 4.0, 5.0])
    >>> meta_predict(learner, [np.array([2.0]), np.array([5.0])], None).round(6).tolist()
    [7.0]
    """
    X = meta_input(predictions, features)
    if n_classes is None:
        return np.asarray(learner.predict(X), dtype=np.float64)
    probabilities = np.zeros((X.shape[0], n_classes))
    probabilities[:, np.asarray(learner.classes_, dtype=int)] = learner.predict_proba(X)
    return probabilities
