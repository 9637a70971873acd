"""One iteration without a cluster: fit a pipeline on every fold, score it, fit it on everything."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_info, threadpool_limits

from engine.data import Dataset, Fold, Matrix
from engine.errors import DataException
from engine.metrics import mean_over_folds, score_classification, score_regression
from engine.pipelines import PipelineSpec, build_pipeline, estimators_of

logger = logging.getLogger("raysmith.trial")


@dataclass(frozen=True)
class Evaluation:
    """What an iteration gave.

    Attributes
    ----------
    metrics:
        Mean over the folds of every metric.
    fold_metrics:
        The metrics of each fold.
    predictions:
        Out-of-fold predictions, NaN for rows that no fold validated: (n_rows, n_classes)
        probabilities or (n_rows,) values; for data with its own validation part, those of that.
        Rows that several folds validated (Monte Carlo) hold the mean.
    model:
        The pipeline fitted on all training rows.
    fit_seconds, score_seconds:
        Time in all fits, and in prediction and scoring.
    threads:
        The largest thread pool that BLAS or OpenMP had.
    """

    metrics: Mapping[str, float]
    fold_metrics: Sequence[Mapping[str, float]]
    predictions: NDArray[np.float64]
    model: Pipeline
    fit_seconds: float
    score_seconds: float
    threads: int


def evaluate(
    spec: PipelineSpec,
    dataset: Dataset,
    folds: Sequence[Fold],
    *,
    cores: int = 1,
    random_state: int = 0,
    class_weight: Any = None,
) -> Evaluation:
    """Cross-validate the pipeline of ``spec`` and fit it on all training rows.

    Parameters
    ----------
    spec:
        The pipeline.
    dataset:
        Checked data; its arrays may be read-only.
    folds:
        (train rows, validation rows) of each fold; none for a dataset with its own validation part.
    cores:
        Threads that BLAS, OpenMP and the estimator may use, together.
    random_state:
        Seed of the pipeline.
    class_weight:
        ``"balanced"`` or label to weight, multiplied into the sample weights of the fits.

    Raises
    ------
    Exception
        Whatever the pipeline raises.
    """
    pipeline = build_pipeline(
        spec,
        dataset.task,
        sparse=sparse.issparse(dataset.X),
        cores=cores,
        random_state=random_state,
    )
    weight = _fit_weight(dataset, class_weight)
    if weight is not None and not estimators_of(dataset.task)[spec.estimator].handles_weights:
        raise DataException(f"{spec.estimator} cannot use sample or class weights")
    clock = _Clock()
    with threadpool_limits(limits=cores):
        if dataset.X_valid is not None:
            return _with_validation_part(spec, pipeline, dataset, weight, clock)
        n_rows, classes = dataset.n_rows, dataset.classes
        shape = (n_rows,) if classes is None else (n_rows, len(classes))
        total, count = np.zeros(shape), np.zeros(n_rows, dtype=np.int64)
        fold_metrics = []
        for number, (train, valid) in enumerate(folds):
            with clock.fitting():
                model = _fit(clone(pipeline), spec, dataset, weight, train)
            with clock.scoring():
                predicted = predict(model, _rows(dataset.X, valid), dataset)
                fold_metrics.append(
                    _score(dataset, dataset.y[valid], predicted, _at(dataset.sample_weight, valid))
                )
            total[valid] += predicted
            count[valid] += 1
            logger.info("fold %d of %d done", number + 1, len(folds))
        with clock.fitting():
            model = _fit(pipeline, spec, dataset, weight, None)
        threads = _threads()
    total[count == 0] = math.nan
    repeats = np.maximum(count, 1)
    predictions = total / (repeats if classes is None else repeats[:, None])
    return Evaluation(
        mean_over_folds(fold_metrics),
        fold_metrics,
        predictions,
        model,
        clock.fit_seconds,
        clock.score_seconds,
        threads,
    )


def predict(model: Pipeline, X: Matrix, dataset: Dataset) -> NDArray[np.float64]:
    """Values, or probabilities in the order of ``dataset.classes``.

    A class that the model's training rows did not hold gets probability 0.
    """
    if dataset.classes is None:
        return np.asarray(model.predict(X), dtype=np.float64).reshape(-1)
    probabilities = np.asarray(model.predict_proba(X), dtype=np.float64)
    if len(model.classes_) == len(dataset.classes):
        return probabilities
    full = np.zeros((len(probabilities), len(dataset.classes)))
    full[:, np.searchsorted(dataset.classes, model.classes_)] = probabilities
    return full


def _with_validation_part(
    spec: PipelineSpec,
    pipeline: Pipeline,
    dataset: Dataset,
    weight: NDArray[np.float64] | None,
    clock: _Clock,
) -> Evaluation:
    assert dataset.y_valid is not None
    with clock.fitting():
        model = _fit(pipeline, spec, dataset, weight, None)
    with clock.scoring():
        predictions = predict(model, dataset.X_valid, dataset)
        metrics = _score(dataset, dataset.y_valid, predictions, dataset.sample_weight_valid)
    return Evaluation(
        metrics, [metrics], predictions, model, clock.fit_seconds, clock.score_seconds, _threads()
    )


def _fit(
    pipeline: Pipeline,
    spec: PipelineSpec,
    dataset: Dataset,
    weight: NDArray[np.float64] | None,
    rows: NDArray[np.int64] | None,
) -> Pipeline:
    X = dataset.X if rows is None else _rows(dataset.X, rows)
    y = dataset.y if rows is None else dataset.y[rows]
    params: dict[str, Any] = {}
    if weight is not None:
        params[f"{spec.estimator}__sample_weight"] = weight if rows is None else weight[rows]
    return pipeline.fit(X, y, **params)


def _score(
    dataset: Dataset,
    y: NDArray[Any],
    predicted: NDArray[np.float64],
    weight: NDArray[np.float64] | None,
) -> dict[str, float]:
    if not np.isfinite(predicted).all():
        raise ValueError(f"the model predicted NaN or infinity for {_count_bad(predicted)} rows")
    if dataset.classes is None:
        return score_regression(y, predicted, weight, y_range=float(np.ptp(dataset.y)))
    return score_classification(dataset.target(y), predicted, weight)


def _count_bad(predicted: NDArray[np.float64]) -> int:
    return int((~np.isfinite(predicted)).reshape(len(predicted), -1).any(axis=1).sum())


def _fit_weight(dataset: Dataset, class_weight: Any) -> NDArray[np.float64] | None:
    if class_weight is None:
        return dataset.sample_weight
    weight = np.asarray(compute_sample_weight(class_weight, dataset.y), dtype=np.float64)
    return weight if dataset.sample_weight is None else weight * dataset.sample_weight


def _rows(X: Matrix, rows: NDArray[np.int64]) -> Matrix:
    return X.iloc[rows] if isinstance(X, pd.DataFrame) else X[rows]


def _at(weight: NDArray[np.float64] | None, rows: NDArray[np.int64]) -> NDArray[np.float64] | None:
    return None if weight is None else weight[rows]


def _threads() -> int:
    return max((pool["num_threads"] for pool in threadpool_info()), default=1)


class _Clock:
    """Adds up the seconds of fitting and of scoring."""

    def __init__(self) -> None:
        self.fit_seconds = 0.0
        self.score_seconds = 0.0
        self._attribute = ""
        self._started = 0.0

    def fitting(self) -> _Clock:
        self._attribute = "fit_seconds"
        return self

    def scoring(self) -> _Clock:
        self._attribute = "score_seconds"
        return self

    def __enter__(self) -> None:
        self._started = time.perf_counter()

    def __exit__(self, *error: object) -> None:
        elapsed = time.perf_counter() - self._started
        setattr(self, self._attribute, getattr(self, self._attribute) + elapsed)
