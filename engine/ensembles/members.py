"""Members of an ensemble: their predictions, and the first steps that they share."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline

from engine.data.dataset import Matrix, rows_of
from engine.ensembles.meta_features import Array
from engine.pipelines.protocols import Estimator

#: Identity of a first step -> what it made of X.
Made = dict[int, Matrix]


def output_of(member: Any, X: Matrix, classes: NDArray[Any] | None, made: Made) -> Array:
    """Predict with one member of an ensemble.

    Parameters
    ----------
    member:
        A fitted pipeline or estimator.
    X:
        Rows in the form of the member's input.
    classes:
        Sorted class labels of the ensemble; ``None`` for regression.
    made:
        Holds what first steps made of X, as members may share them; a new one is added.

    Returns
    -------
    numpy.ndarray
        (n_rows, n_classes) probabilities in the order of ``classes``, or (n_rows,) values.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> member = DummyClassifier().fit([[0.0], [0.0]], ["b", "b"])
    >>> output_of(member, np.zeros((1, 1)), np.array(["a", "b", "c"]), {}).tolist()
    [[0.0, 1.0, 0.0]]
    """
    model, features = member, X
    if isinstance(member, Pipeline) and len(member) > 1:
        first = member[0]
        if id(first) not in made:
            made[id(first)] = first.transform(X)
        model, features = member[1:], made[id(first)]
    if classes is None:
        return np.asarray(model.predict(features), dtype=np.float64).reshape(-1)
    full = np.zeros((_n_rows(X), len(classes)))
    full[:, np.searchsorted(classes, model.classes_)] = model.predict_proba(features)
    return full


def out_of_fold_output(
    member: Estimator,
    X: Matrix,
    y: NDArray[Any],
    classes: NDArray[Any] | None,
    parts: NDArray[np.int64],
) -> Array:
    """Predict each part of the rows by a clone that is fitted on the other parts.

    Parameters
    ----------
    member:
        An unfitted pipeline or estimator.
    X, y:
        The rows and their targets.
    classes:
        Sorted class labels; ``None`` for regression.
    parts:
        (n_rows,) number of each row's part, see `engine.ensembles.meta_features.divide`.

    Returns
    -------
    numpy.ndarray
        As `output_of`.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> y, parts = np.array([0.0, 0.0, 6.0, 6.0]), np.array([0, 0, 1, 1])
    >>> out_of_fold_output(DummyRegressor(), np.zeros((4, 1)), y, None, parts).tolist()
    [6.0, 6.0, 0.0, 0.0]
    """
    output = np.zeros(len(y) if classes is None else (len(y), len(classes)))
    for number in np.unique(parts):
        train, valid = np.flatnonzero(parts != number), np.flatnonzero(parts == number)
        fitted = clone(member).fit(rows_of(X, train), y[train])
        output[valid] = output_of(fitted, rows_of(X, valid), classes, {})
    return output


def share_first_steps(pipelines: Sequence[Any]) -> list[Any]:
    """Give pipelines with equal first steps the same first step.

    An ensemble then transforms its input once for all of them. First steps are equal when their
    pickles are; other members stay as they are.

    Examples
    --------
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> X = np.arange(4.0)[:, None]
    >>> pair = [make_pipeline(StandardScaler(), DummyRegressor()).fit(X, X[:, 0]) for _ in "ab"]
    >>> one, other = share_first_steps(pair)
    >>> one[0] is other[0], one[1] is other[1]
    (True, False)
    """
    known: dict[bytes, Any] = {}
    shared = []
    for pipeline in pipelines:
        if not isinstance(pipeline, Pipeline):
            shared.append(pipeline)
            continue
        name, first = pipeline.steps[0]
        kept = known.setdefault(pickle.dumps(first), first)
        shared.append(Pipeline([(name, kept), *pipeline.steps[1:]]))
    return shared


def _n_rows(X: Matrix) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)
