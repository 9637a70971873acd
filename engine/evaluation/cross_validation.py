"""One iteration without a cluster: fit a pipeline on every fold, score it, fit it on everything."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight
from threadpoolctl import threadpool_info, threadpool_limits

from engine.data.dataset import Dataset, Fold, Matrix, rows_of
from engine.errors import DataException
from engine.metrics.scores import mean_over_folds, score_classification, score_regression
from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.features.transformer import DataTransformer
from engine.pipelines.fitting.early_stopping import AtRounds, fit_with_early_stopping
from engine.pipelines.fitting.timed_fit import fit_within
from engine.pipelines.prediction_time import prediction_ms
from engine.pipelines.spec import PipelineSpec

logger = logging.getLogger("raysmith.trial")

#: The number that stands for all training rows where else a fold's is.
ALL_ROWS = -1

#: Given a fold's number, or `ALL_ROWS`, and how something is made: what was made so before, or now.
KeptByPart = Callable[[int, Callable[[], Any]], Any]

#: Boosted folds with fewer than these before them are scored again once there is one more: for lack
#: of others first. Their models are kept until then; models of all folds would be too much.
_EARLY_FOLDS = 2


class Pruned(Exception):
    """Ends an evaluation that is not worth its time; says why."""


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
        The pipeline fitted on all training rows; of a hold-out, perhaps on its training part.
    fitted_rows:
        How many rows that are.
    fit_seconds, score_seconds:
        Time in all fits, and in prediction and scoring.
    prediction_ms:
        What ``model`` takes for 1,000 rows on one core, roughly, see `prediction_ms`.
    threads:
        The largest thread pool that BLAS or OpenMP had.
    """

    metrics: Mapping[str, float]
    fold_metrics: Sequence[Mapping[str, float]]
    predictions: NDArray[np.float64]
    model: Pipeline
    fitted_rows: int
    fit_seconds: float
    score_seconds: float
    prediction_ms: float
    threads: int


def evaluate(
    spec: PipelineSpec,
    dataset: Dataset,
    folds: Sequence[Fold],
    *,
    cores: int = 1,
    random_state: int = 0,
    class_weight: Any = None,
    after_fold: Callable[[Sequence[Mapping[str, float]]], bool] | None = None,
    spares_last_fit: Callable[[], bool] | None = None,
    fit_seconds: float | None = None,
    kept: KeptByPart | None = None,
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

    after_fold:
        Called with the metrics of the folds so far when one is done and another is to come: true
        leaves the others out; may raise `Pruned`.
    spares_last_fit:
        Asked when the only fold there is has been fitted, whether its model will do: there is no
        fit on all rows then. Default: never.
    fit_seconds:
        A boosting fit adds no rounds after this long, a forest no trees, a network no epochs.
    kept:
        Asked for features that take long to make, with the number of the fold, `ALL_ROWS` for the
        last fit: it may have them from another pipeline. Default: all are made.

    Raises
    ------
    Exception
        Whatever the pipeline or ``after_fold`` raises.
    """

    def build(rounds: Mapping[str, int]) -> Pipeline:
        params = {**spec.estimator_params, **rounds}
        return pipeline_for(dataset, replace(spec, estimator_params=params), cores, random_state)

    pipeline = build({})
    entry = estimators_of(dataset.task)[spec.estimator]
    weight = fit_weight(dataset, class_weight)
    if weight is not None and not entry.handles_weights:
        raise DataException(f"{spec.estimator} cannot use sample or class weights")
    clock = _Clock()
    rounds_parameter = entry.rounds_parameter
    if rounds_parameter in spec.estimator_params:
        rounds_parameter = None  # that many were asked for
    rounds: list[int] = []
    steps: list[int] = []

    def fit_part(
        number: int, train: Any, X_valid: Matrix | None = None, y_valid: Any = None
    ) -> tuple[Pipeline, Matrix]:
        """A pipeline fitted on the rows ``train``, and its last step's input for ``X_valid``."""
        X, y, w = part_of(dataset, weight, train)
        head, last = clone(pipeline[:-1]), clone(pipeline[-1])
        transformed, transformed_valid = fit_features(list(head), X, y, X_valid, number, kept)
        if X_valid is not None and fit_seconds is not None and entry.steps_parameter is not None:
            steps.append(fit_within(last, entry.steps_parameter, transformed, y, w, fit_seconds))
        elif X_valid is None or rounds_parameter is None:
            last.fit(transformed, y, **({} if w is None else {"sample_weight": w}))
        else:
            best = fit_with_early_stopping(
                last, transformed, y, w, transformed_valid, y_valid, fit_seconds,
                keep_all=len(folds) > 1,
            )  # fmt: skip
            rounds.append(best)
        return Pipeline([*head.steps, (spec.estimator, last)]), transformed_valid

    with threadpool_limits(limits=cores):
        if dataset.X_valid is not None:
            return _with_validation_part(fit_part, dataset, clock)
        predicted: list[NDArray[np.float64]] = []
        fold_metrics: list[dict[str, float]] = []
        early: list[tuple[Any, Matrix]] = []
        is_spared = False

        def score_early_folds_again() -> None:
            for number, (booster, X_valid) in enumerate(early if len(rounds) > 1 else ()):
                last = AtRounds(booster, rounds_of_the_others(rounds, number))
                predicted[number] = predict(last, X_valid, dataset)
                fold_metrics[number] = _score_rows(dataset, folds[number][1], predicted[number])
            early.clear()

        for number, (train, valid) in enumerate(folds):
            with clock.fitting():
                X_valid, y_valid = rows_of(dataset.X, valid), dataset.y[valid]
                model, X_valid = fit_part(number, train, X_valid, y_valid)
            if len(folds) == 1 and spares_last_fit is not None:
                is_spared = _knows_all_classes(model, dataset) and spares_last_fit()
            with clock.scoring():
                last = model[-1]
                if rounds and not is_spared:
                    last = AtRounds(last, rounds_of_the_others(rounds, number))
                predicted.append(predict(last, X_valid, dataset))
                fold_metrics.append(_score_rows(dataset, valid, predicted[-1]))
                if rounds and number < _EARLY_FOLDS:
                    early.append((model[-1], X_valid))
                elif early:
                    score_early_folds_again()
            logger.info("fold %d of %d done", number + 1, len(folds))
            if after_fold is not None and number + 1 < len(folds) and after_fold(fold_metrics):
                logger.info("the other folds are left out")
                break
        with clock.scoring():
            score_early_folds_again()
        if rounds:
            assert rounds_parameter is not None
            logger.info("boosting rounds by fold: %s", rounds)
            pipeline = build({rounds_parameter: mean_rounds(rounds)})
        if steps:
            assert entry.steps_parameter is not None
            pipeline = build({entry.steps_parameter: mean_rounds(steps)})
        if is_spared:
            logger.info("its model will do: none is fitted on all rows")
        else:
            with clock.fitting():
                model, _ = fit_part(ALL_ROWS, None)
        threads = _threads()
    return Evaluation(
        mean_over_folds(fold_metrics),
        fold_metrics,
        _out_of_fold(dataset, [valid for _, valid in folds], predicted),
        model,
        len(folds[0][0]) if is_spared else dataset.n_rows,
        clock.fit_seconds,
        clock.score_seconds,
        prediction_ms(model),
        threads,
    )


def pipeline_for(dataset: Dataset, spec: PipelineSpec, cores: int, random_state: int) -> Pipeline:
    """The unfitted pipeline of ``spec`` for this data."""
    return build_pipeline(
        spec,
        dataset.task,
        layout=dataset.layout,
        sparse=sparse.issparse(dataset.X),
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
    """Fit what comes before an estimator; what becomes of ``X``, and of ``X_valid`` if any.

    ``number`` is that of the fold, or `ALL_ROWS`; ``kept`` is as in `evaluate`.
    """
    of_these_rows = None if kept is None else partial(kept, number)
    for step in steps:
        if isinstance(step, DataTransformer):
            X, X_valid = step.fit_transform_both(X, y, X_valid, of_these_rows)
        else:
            X = step.fit_transform(X, y)
            X_valid = None if X_valid is None else step.transform(X_valid)
    return X, X_valid


def predict(model: Any, X: Matrix, dataset: Dataset) -> NDArray[np.float64]:
    """Values, or probabilities in the order of ``dataset.classes``.

    A class that the model's training rows did not hold gets probability 0.
    """
    if dataset.classes is None:
        return np.asarray(model.predict(X), dtype=np.float64).reshape(-1)
    probabilities = np.asarray(model.predict_proba(X), dtype=np.float64)
    if _knows_all_classes(model, dataset):
        return probabilities
    full = np.zeros((len(probabilities), len(dataset.classes)))
    full[:, np.searchsorted(dataset.classes, model.classes_)] = probabilities
    return full


def _knows_all_classes(model: Any, dataset: Dataset) -> bool:
    return dataset.classes is None or len(model.classes_) == len(dataset.classes)


def mean_rounds(rounds: Sequence[int]) -> int:
    return max(1, round(np.mean(rounds)))


def rounds_of_the_others(rounds: Sequence[int], number: int) -> int:
    """How many rounds the folds but ``number``, of those that are done, ask for.

    The rounds that were best on a fold's own validation part flatter its score, as they were
    chosen on it; so does what follows: boosting beside other estimators, and a single pipeline
    beside the mean of several. A fold that is alone has no others.
    """
    others = [*rounds[:number], *rounds[number + 1 :]]
    return mean_rounds(others or rounds)


def _out_of_fold(
    dataset: Dataset, parts: Sequence[NDArray[np.int64]], predicted: Sequence[NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Predictions of all rows: the mean where several folds validated one, NaN where none did."""
    shape = (dataset.n_rows,) if dataset.classes is None else (dataset.n_rows, len(dataset.classes))
    total, count = np.zeros(shape), np.zeros(shape)
    for valid, values in zip(parts, predicted, strict=False):  # folds may have been left out
        total[valid] += values
        count[valid] += 1
    with np.errstate(invalid="ignore"):
        return total / count


def _with_validation_part(
    fit_part: Callable[..., tuple[Pipeline, Matrix]], dataset: Dataset, clock: _Clock
) -> Evaluation:
    assert dataset.y_valid is not None
    with clock.fitting():
        model, X_valid = fit_part(ALL_ROWS, None, dataset.X_valid, dataset.y_valid)
    with clock.scoring():
        predictions = predict(model[-1], X_valid, dataset)
        metrics = _score(dataset, dataset.y_valid, predictions, dataset.sample_weight_valid)
    return Evaluation(
        metrics,
        [metrics],
        predictions,
        model,
        dataset.n_rows,
        clock.fit_seconds,
        clock.score_seconds,
        prediction_ms(model),
        _threads(),
    )


def part_of(
    dataset: Dataset, weight: NDArray[np.float64] | None, rows: NDArray[np.int64] | None
) -> tuple[Matrix, NDArray[Any], NDArray[np.float64] | None]:
    """X, y and the weights of some rows, or of all."""
    if rows is None:
        return dataset.X, dataset.y, weight
    return rows_of(dataset.X, rows), dataset.y[rows], _at(weight, rows)


def _score_rows(
    dataset: Dataset, rows: NDArray[np.int64], predicted: NDArray[np.float64]
) -> dict[str, float]:
    return _score(dataset, dataset.y[rows], predicted, _at(dataset.sample_weight, rows))


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
    return score_classification(dataset.target(y), predicted, weight, dataset.positive)


def _count_bad(predicted: NDArray[np.float64]) -> int:
    return int((~np.isfinite(predicted)).reshape(len(predicted), -1).any(axis=1).sum())


def fit_weight(dataset: Dataset, class_weight: Any) -> NDArray[np.float64] | None:
    if class_weight is None:
        return dataset.sample_weight
    weight = np.asarray(compute_sample_weight(class_weight, dataset.y), dtype=np.float64)
    return weight if dataset.sample_weight is None else weight * dataset.sample_weight


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
