"""Rows, weights and features of one fit: a fold's training part, or all rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight

from engine.data.dataset import Dataset, Matrix, is_sparse, rows_of
from engine.evaluation.fit_options import ClassWeight, KeptByPart
from engine.pipelines.build import build_pipeline
from engine.pipelines.features.transformer import DataTransformer
from engine.pipelines.spec import PipelineSpec

Weight = NDArray[np.float64]


def pipeline_for(dataset: Dataset, spec: PipelineSpec, cores: int, random_state: int) -> Pipeline:
    """Build the unfitted pipeline of ``spec`` for this data."""
    return build_pipeline(
        spec,
        dataset.task,
        layout=dataset.layout,
        names=dataset.feature_names if dataset.named else None,
        sparse=is_sparse(dataset.X),
        cores=cores,
        n_rows=dataset.n_rows,
        random_state=random_state,
    )


def fit_features(
    steps: Sequence[Any],
    X: Matrix,
    y: NDArray[Any],
    X_valid: Matrix | None,
    number: int,
    kept: KeptByPart | None,
) -> tuple[Matrix, Any]:
    """Fit the steps before an estimator, in place.

    Parameters
    ----------
    steps:
        Unfitted transformers.
    X, y:
        Training part.
    X_valid:
        Rows that are transformed too, or ``None``.
    number:
        The fold's number, or `ALL_ROWS`.
    kept:
        As in `FitOptions`.

    Returns
    -------
    tuple
        The estimator's input for ``X``, and for ``X_valid`` (``None`` without it).
    """
    of_these_rows = None if kept is None else partial(kept, number)
    for step in steps:
        if isinstance(step, DataTransformer):
            X, X_valid = step.fit_transform_both(X, y, X_valid, of_these_rows)
        else:
            X = step.fit_transform(X, y)
            X_valid = None if X_valid is None else step.transform(X_valid)
    return X, X_valid


def part_of(
    dataset: Dataset, weight: Weight | None, rows: NDArray[np.int64] | None
) -> tuple[Matrix, NDArray[Any], Weight | None]:
    """Return X, y and the weights of some rows; of all for ``None``."""
    if rows is None:
        return dataset.X, dataset.y, weight
    return rows_of(dataset.X, rows), dataset.y[rows], weight_of(weight, rows)


def weight_of(weight: Weight | None, rows: NDArray[np.int64]) -> Weight | None:
    """Return the weights of some rows; ``None`` for equal weights.

    >>> weight_of(np.array([1.0, 2.0, 3.0]), np.array([2, 0])).tolist()
    [3.0, 1.0]
    """
    return None if weight is None else weight[rows]


def fit_weight(dataset: Dataset, class_weight: ClassWeight | None) -> Weight | None:
    """Return the weights of all rows in fits, shape (n_rows,); ``None`` for equal weights.

    They are the product of the sample weights and the class weights, as far as there are any.
    """
    if class_weight is None:
        return dataset.sample_weight
    weight = np.asarray(compute_sample_weight(class_weight, dataset.y), dtype=np.float64)
    return weight if dataset.sample_weight is None else weight * dataset.sample_weight
