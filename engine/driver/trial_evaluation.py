"""The evaluation of one iteration, within the limits of its run."""

from __future__ import annotations

import logging
import math
import time
import traceback
from collections.abc import Callable, Mapping, Sequence

from engine.data.dataset import Dataset, Fold
from engine.driver.time_budget import LAST_FIT, IterationLimits
from engine.driver.trial_settings import TrialSettings
from engine.evaluation.cross_validation import Evaluation, Pruned, evaluate
from engine.evaluation.fit_options import FitOptions, KeptByPart
from engine.evaluation.pruning import IMPATIENT, PATIENT, pruning_reason
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec
from engine.store.packing import pack_model, pack_predictions
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.trial")

#: Attribute of the `SystemExit` by which Ray ends a process; one of a script does not have it.
_RAYS_MARK = "ray_terminate_msg"

#: A hold-out of more of the rows than this is too much for a model to do without.
_SPARED_SHARE = 0.1


class TrialEvaluation:
    """Evaluates one pipeline within the limits of its run.

    Parameters
    ----------
    spec:
        The pipeline.
    settings:
        What the trials of the run share.
    best_folds:
        The primary metric of each fold of the best iteration so far; empty when there is none.
    clock:
        Returns the present in seconds.
    limits:
        The iteration's limits; default: those of ``settings``.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.data.check import check_data
    >>> from engine.data.splits import SplitPlan, make_splits
    >>> from engine.driver.time_budget import IterationLimits
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> data = check_data({"X": X, "y": (X[:, 0] > 0).astype(int)}, "classification")
    >>> folds = make_splits(data, SplitPlan(3))
    >>> settings = TrialSettings(
    ...     None, "", "accuracy", 1, 0, None, logging.INFO, IterationLimits()
    ... )
    >>> end = TrialEvaluation(PipelineSpec("DecisionTree"), settings).run(lambda: (data, folds))
    >>> end.status.value, len(end.fold_metrics)
    ('Completed', 3)
    """

    def __init__(
        self,
        spec: PipelineSpec,
        settings: TrialSettings,
        best_folds: Sequence[float] = (),
        clock: Callable[[], float] = time.monotonic,
        limits: IterationLimits | None = None,
    ) -> None:
        self._spec = spec
        self._settings = settings
        self._metric = METRICS[settings.primary_metric]
        self._best_folds = best_folds
        self._limits = settings.limits if limits is None else limits
        self._clock = clock
        self._began = clock()
        self._whole_seconds: float | None = None
        self._dataset: Dataset | None = None
        self._folds: Sequence[Fold] = ()

    def run(
        self,
        get_data: Callable[[], tuple[Dataset, Sequence[Fold]]],
        kept: KeptByPart | None = None,
        fitted: Callable[[float], None] = lambda seconds: None,
    ) -> IterationEnd:
        """Evaluate the pipeline; an error becomes the iteration's outcome.

        Only Ray's request to end the process is raised, as when its node is lost: it says nothing
        about the pipeline.

        Parameters
        ----------
        get_data:
            Returns the data and its folds, or raises when there is no data.
        kept:
            Features that other trials have made, see `evaluate`.
        fitted:
            Called with the seconds of all fits.
        """
        try:
            self._dataset, self._folds = get_data()
            self._began = self._clock()
            result = self._evaluate(self._dataset, kept)
        except Pruned as pruned:
            logger.info("pruned: %s", pruned)
            return IterationEnd(
                IterationStatus.PRUNED, str(pruned), whole_seconds=self._whole_seconds
            )
        except (Exception, SystemExit) as error:
            if hasattr(error, _RAYS_MARK):
                raise
            traceback.print_exc()
            return IterationEnd(IterationStatus.FAILED, reason=f"{type(error).__name__}: {error}")
        fitted(result.fit_seconds)
        return self._end(result)

    def _evaluate(self, dataset: Dataset, kept: KeptByPart | None) -> Evaluation:
        logger.info("%d rows, %d columns", dataset.n_rows, dataset.X.shape[1])
        settings = self._settings
        is_small = self._is_small_hold_out()
        options = FitOptions(
            cores=settings.cores,
            random_state=settings.random_state,
            class_weight=settings.class_weight,
            fit_seconds=self._limits.fit_seconds(len(self._folds), is_small),
            kept=kept,
        )
        return evaluate(
            self._spec,
            dataset,
            self._folds,
            options,
            after_fold=self._after_fold,
            spares_last_fit=self._spares_last_fit,
        )

    def _end(self, result: Evaluation) -> IterationEnd:
        score = self._metric.of(result.metrics)
        logger.info("%s: %.6g", self._metric.name, score)
        failed = math.isnan(score)
        return IterationEnd(
            status=IterationStatus.FAILED if failed else IterationStatus.COMPLETED,
            reason=f"{self._metric.name} is NaN" if failed else "",
            metrics=result.metrics,
            fold_metrics=tuple(result.fold_metrics),
            properties=IterationProperties(
                fit_seconds=round(result.fit_seconds, 3),
                score_seconds=round(result.score_seconds, 3),
                prediction_ms=round(result.prediction_ms, 1),
                folds=len(result.fold_metrics),
                fitted_rows=result.fitted_rows,
                cores=self._settings.cores,
                threads=result.threads,
            ),
            model=pack_model(result.model),
            predictions=pack_predictions(result.predictions),
        )

    def _after_fold(self, folds: Sequence[Mapping[str, float]]) -> bool:
        """Prune the iteration when it is hopeless or would be over the run's time.

        Returns
        -------
        bool
            Whether to leave the other folds out: a run that has no model yet is better off with
            one that was scored on fewer folds.

        Raises
        ------
        Pruned
            When the iteration must not go on.
        """
        limits = self._limits
        elapsed = self._clock() - self._began
        a_fold = elapsed / len(folds)
        self._whole_seconds = a_fold * (len(self._folds) + LAST_FIT)
        is_first = not self._best_folds
        patience = IMPATIENT if limits.is_long(self._whole_seconds) else PATIENT
        scores = [fold[self._metric.name] for fold in folds]
        reason = None
        if self._settings.prunes:
            reason = pruning_reason(self._metric, scores, self._best_folds, patience)
        reason = reason or limits.exceeded(self._whole_seconds, elapsed, is_first)
        if reason is None:
            return False
        if is_first and LAST_FIT * a_fold <= limits.trials.left():
            return True
        raise Pruned(reason)

    def _spares_last_fit(self) -> bool:
        """Whether the model of a hold-out's training part will do.

        Where an iteration takes a good part of the run's time, twice as many iterations are worth
        more than a tenth more rows for each. The model also has to do where a fit on all rows would
        not be ready in time.
        """
        limits = self._limits
        elapsed = self._clock() - self._began
        whole = elapsed * (1.0 + LAST_FIT)
        if limits.is_long(whole) and self._is_small_hold_out():
            return True
        return not limits.has_room_for(whole, elapsed)

    def _is_small_hold_out(self) -> bool:
        assert self._dataset is not None
        most = math.ceil(_SPARED_SHARE * self._dataset.n_rows)
        return len(self._folds) == 1 and len(self._folds[0][1]) <= most
