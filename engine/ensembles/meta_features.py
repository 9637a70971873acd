"""Members' predictions as features of a meta learner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import KFold, StratifiedKFold

from engine.data.dataset import Matrix

Array = NDArray[np.float64]


_PARTS = 5


#: Log-odds of probabilities are taken no nearer to 0 and 1 than this.
CLIPPED = 1e-4


def divide(y: NDArray[Any], stratified: bool) -> NDArray[np.int64]:
    """A part for each row: five of them, stratified, or as many as the rows allow."""
    parts = np.zeros(len(y), dtype=np.int64)
    n_parts = min(_PARTS, len(y) // 2)
    if n_parts < 2:
        return parts
    chosen: Any = KFold
    if stratified and np.unique(y, return_counts=True)[1].min() >= n_parts:
        chosen = StratifiedKFold
    splitter = chosen(n_parts, shuffle=True, random_state=0)
    for number, (_, mine) in enumerate(splitter.split(np.zeros(len(y)), y)):
        parts[mine] = number
    return parts


def meta_input(predictions: Sequence[Array], features: Matrix | None = None) -> Matrix:
    """What a meta learner sees: the members' predictions, beside ``features`` where there are any.

    Probabilities are there as log-odds, the last class left out.
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
    if sparse.issparse(features):
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
    """(n, n_classes) probabilities in the order of the class codes, or (n,) values."""
    X = meta_input(predictions, features)
    if n_classes is None:
        return np.asarray(learner.predict(X), dtype=np.float64)
    probabilities = np.zeros((X.shape[0], n_classes))
    probabilities[:, np.asarray(learner.classes_, dtype=int)] = learner.predict_proba(X)
    return probabilities
