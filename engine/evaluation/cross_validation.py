"""Cross-validation of one pipeline: fit and score each fold, then fit on all rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_info, threadpool_limits

from engine.data.dataset import Dataset, Fold, Matrix, rows_of
from engine.errors import DataException
from engine.evaluation.fit_options import ALL_ROWS, FitOptions
from engine.evaluation.parts import (
    fit_features,
    fit_weight,
    part_of,
    pipeline_for,
    weight_of,
)
from engine.evaluation.predictions import has_all_classes, out_of_fold, predict, score
from engine.evaluation.rounds import FitData, round_count
from engine.metrics.scores import mean_over_folds
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.prediction_time import prediction_ms
from engine.pipelines.protocols import Estimator, Predictor
from engine.pipelines.spec import PipelineSpec

logger = logging.getLogger("raysmith.trial")

#: The first folds of boosting have no, or one, other fold's round count when they are scored. They
#: are scored again when the next fold is done. Their models are kept until then; the models of all
#: folds would need too much memory.
_EARLY_FOLDS = 2

#: Takes the metrics of the folds so far; true leaves the other folds out.
AfterFold = Callable[[Sequence[Mapping[str, float]]], bool]


class Pruned(Exception):
    """Ends an evaluation that is not worth its time; the message is the reason."""


@dataclass(frozen=True)
class Evaluation:
    """The outcome of a cross-validation.

    Attributes
    ----------
    metrics:
        Mean over the folds of every metric.
    fold_metrics:
        The metrics of each fold.
    predictions:
        Out-of-fold predictions: (n_rows, n_classes) probabilities or (n_rows,) values, NaN for
        rows that no fold validated, the mean for rows that several folds validated (Monte Carlo).
        For data with its own validation part: predictions of that part.
    model:
        The pipeline fitted on all training rows; for a hold-out, perhaps on its training part.
    fitted_rows:
        Number of rows that ``model`` was fitted on.
    fit_seconds, score_seconds:
        Time in all fits, and in prediction and scoring.
    prediction_ms:
        Estimated milliseconds in which ``model`` predicts 1,000 rows on one core, see
        `engine.pipelines.prediction_time.prediction_ms`.
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


class CrossValidation:
    """One pipeline on the folds of one dataset; an object serves one evaluation.

    Parameters
    ----------
    spec:
        The pipeline.
    dataset:
        Checked data; its arrays may be read-only.
    folds:
        (train rows, validation rows) of each fold; empty for a dataset with its own validation
        part.
    options:
        Threads, seed, weights and time limit of the fits.

    Raises
    ------
    DataException
        When the fits have weights and the estimator cannot use them.
    """

    def __init__(
        self,
        spec: PipelineSpec,
        dataset: Dataset,
        folds: Sequence[Fold],
        options: FitOptions | None = None,
    ) -> None:
        self._spec = spec
        self._dataset = dataset
        self._folds = folds
        self._options = options or FitOptions()
        entry = estimators_of(dataset.task)[spec.estimator]
        self._weight = fit_weight(dataset, self._options.class_weight)
        if self._weight is not None and not entry.handles_weights:
            raise DataException(f"{spec.estimator} cannot use sample or class weights")
        self._rounds = round_count(entry, spec, self._options.fit_seconds, keep_all=len(folds) > 1)
        self._pipeline = self._build({})
        self._early: dict[int, tuple[Any, Matrix]] = {}
        self._predicted: dict[int, NDArray[np.float64]] = {}
        self._metrics: dict[int, dict[str, float]] = {}
        self._seconds = {"fit": 0.0, "score": 0.0}

    def run(
        self,
        after_fold: AfterFold | None = None,
        spares_last_fit: Callable[[], bool] | None = None,
    ) -> Evaluation:
        """Fit and score every fold, and fit on all training rows; arguments as in `evaluate`."""
        with threadpool_limits(limits=self._options.cores):
            if self._dataset.X_valid is not None:
                model = self._use_validation_part()
                predictions, fitted_rows = self._predicted[ALL_ROWS], self._dataset.n_rows
            else:
                model, fitted_rows = self._use_folds(after_fold, spares_last_fit)
                folds = dict(enumerate(self._folds))
                predictions = out_of_fold(self._dataset, folds, self._predicted)
            threads = max((pool["num_threads"] for pool in threadpool_info()), default=1)
        fold_metrics = list(self._metrics.values())
        return Evaluation(
            mean_over_folds(fold_metrics),
            fold_metrics,
            predictions,
            model,
            fitted_rows,
            self._seconds["fit"],
            self._seconds["score"],
            prediction_ms(model),
            threads,
        )

    def fit_fold(self, number: int) -> tuple[Pipeline, Matrix]:
        """Fit the pipeline on a fold's training rows.

        Returns
        -------
        tuple
            The fitted pipeline, and its last step's input for the fold's validation rows.
        """
        train, valid = self._folds[number]
        X_valid, y_valid = rows_of(self._dataset.X, valid), self._dataset.y[valid]
        return self._fit_part(number, train, X_valid, y_valid)

    def score_fold(self, number: int, estimator: Predictor, X_valid: Matrix) -> None:
        """Predict and score a fold's validation rows; earlier results of the fold are replaced.

        Parameters
        ----------
        number:
            The fold.
        estimator:
            The pipeline's last step, fitted.
        X_valid:
            Its input for the validation rows.
        """
        rows, data = self._folds[number][1], self._dataset
        predicted = predict(estimator, X_valid, data)
        weight = weight_of(data.sample_weight, rows)
        self._metrics[number] = score(data, data.y[rows], predicted, weight)
        self._predicted[number] = predicted

    def _use_folds(
        self, after_fold: AfterFold | None, spares_last_fit: Callable[[], bool] | None
    ) -> tuple[Pipeline, int]:
        """Fit and score the folds; return the final model and its number of rows."""
        for number in range(len(self._folds)):
            with self._timed("fit"):
                model, X_valid = self.fit_fold(number)
            if len(self._folds) == 1 and self._is_spared(model, spares_last_fit):
                with self._timed("score"):
                    self.score_fold(number, model[-1], X_valid)
                logger.info("fold 1 of 1 done; its model is kept, none is fitted on all rows")
                return model, len(self._folds[0][0])
            with self._timed("score"):
                self.score_fold(number, self._rounds.at_fold(model[-1], number), X_valid)
                self._rescore_early_folds(number, model[-1], X_valid)
            logger.info("fold %d of %d done", number + 1, len(self._folds))
            is_last = number + 1 == len(self._folds)
            if after_fold is not None and not is_last and after_fold([*self._metrics.values()]):
                logger.info("the other folds are left out")
                break
        with self._timed("score"):
            self._score_kept_folds()
        return self._fit_on_all_rows(), self._dataset.n_rows

    def _is_spared(self, model: Pipeline, spares_last_fit: Callable[[], bool] | None) -> bool:
        """Whether the model of the only fold is good enough to be the final one."""
        has_all = has_all_classes(model, self._dataset)
        return spares_last_fit is not None and has_all and spares_last_fit()

    def _rescore_early_folds(self, number: int, estimator: Estimator, X_valid: Matrix) -> None:
        """Keep the first folds' models; score them again when another fold is done."""
        if not self._rounds.needs_other_folds:
            return
        if number < _EARLY_FOLDS:
            self._early[number] = estimator, X_valid
        else:
            self._score_kept_folds()

    def _score_kept_folds(self) -> None:
        if len(self._metrics) > 1:
            for number, (estimator, X_valid) in self._early.items():
                self.score_fold(number, self._rounds.at_fold(estimator, number), X_valid)
        self._early.clear()

    def _fit_on_all_rows(self) -> Pipeline:
        settled = self._rounds.params()
        pipeline = self._build(settled) if settled else self._pipeline
        with self._timed("fit"):
            X, y, w = part_of(self._dataset, self._weight, None)
            head, last = clone(pipeline[:-1]), clone(pipeline[-1])
            X, _ = fit_features(list(head), X, y, None, ALL_ROWS, self._options.kept)
            last.fit(X, y, **({} if w is None else {"sample_weight": w}))
            return self._joined(head, last)

    def _use_validation_part(self) -> Pipeline:
        """Fit on all training rows and score the dataset's own validation part."""
        data = self._dataset
        assert data.y_valid is not None
        with self._timed("fit"):
            model, X_valid = self._fit_part(ALL_ROWS, None, data.X_valid, data.y_valid)
        with self._timed("score"):
            predicted = predict(model[-1], X_valid, data)
            metrics = score(data, data.y_valid, predicted, data.sample_weight_valid)
        self._predicted[ALL_ROWS], self._metrics[ALL_ROWS] = predicted, metrics
        return model

    def _fit_part(
        self, number: int, train: NDArray[np.int64] | None, X_valid: Matrix, y_valid: NDArray[Any]
    ) -> tuple[Pipeline, Matrix]:
        """Fit on the rows ``train``, or all, with a validation part beside them."""
        X, y, w = part_of(self._dataset, self._weight, train)
        head, last = clone(self._pipeline[:-1]), clone(self._pipeline[-1])
        X, X_valid = fit_features(list(head), X, y, X_valid, number, self._options.kept)
        self._rounds.fit(last, FitData(X, y, w, X_valid, y_valid))
        return self._joined(head, last), X_valid

    def _joined(self, head: Pipeline, last: Estimator) -> Pipeline:
        return Pipeline([*head.steps, (self._spec.estimator, last)])

    def _build(self, settled: Mapping[str, int]) -> Pipeline:
        spec = replace(self._spec, estimator_params={**self._spec.estimator_params, **settled})
        return pipeline_for(self._dataset, spec, self._options.cores, self._options.random_state)

    @contextmanager
    def _timed(self, kind: Literal["fit", "score"]) -> Iterator[None]:
        """Add the seconds of the block to those of all fits, or of all scoring."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[kind] += time.perf_counter() - started


def evaluate(
    spec: PipelineSpec,
    dataset: Dataset,
    folds: Sequence[Fold],
    options: FitOptions | None = None,
    *,
    after_fold: AfterFold | None = None,
    spares_last_fit: Callable[[], bool] | None = None,
) -> Evaluation:
    """Cross-validate the pipeline of ``spec`` and fit it on all training rows.

    Parameters
    ----------
    spec, dataset, folds, options:
        As in `CrossValidation`.
    after_fold:
        Called with the metrics of the folds so far when a fold is done and another is to come. A
        true result leaves the other folds out. It may raise `Pruned`.
    spares_last_fit:
        Called when the only fold has been fitted. A true result makes the fold's model the final
        one, without a fit on all rows. It is not called for a model that lacks a class. Default:
        always fit on all rows.

    Raises
    ------
    Exception
        Whatever the pipeline or ``after_fold`` raises.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> from engine.data.splits import SplitPlan, make_splits
    >>> X = np.arange(40.0).reshape(20, 2)
    >>> data = check_data({"X": X, "y": X[:, 0] > 15}, "classification")
    >>> result = evaluate(PipelineSpec("DecisionTree"), data, make_splits(data, SplitPlan(4)))
    >>> len(result.fold_metrics), result.predictions.shape, result.fitted_rows
    (4, (20, 2), 20)
    """
    return CrossValidation(spec, dataset, folds, options).run(after_fold, spares_last_fit)
