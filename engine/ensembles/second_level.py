"""Second level: boosting over the features and the predictions of other pipelines."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset, Fold, Matrix, rows_of
from engine.deadline import NEVER, Deadline
from engine.ensembles.compose import EnsembleResult
from engine.ensembles.giving_up import GoOnAfterRound, Stop, go_on, never
from engine.ensembles.meta_features import Array, meta_input, meta_predict
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.voting import voting_ensemble
from engine.evaluation.fit_options import ALL_ROWS, ClassWeight, KeptByPart
from engine.evaluation.parts import fit_features, fit_weight, part_of, pipeline_for
from engine.evaluation.rounds import mean_rounds, rounds_of_the_others
from engine.metrics.metric import Metric
from engine.pipelines.fitting.early_stopping import AtRounds, fit_with_early_stopping
from engine.pipelines.protocols import Estimator, Transformer
from engine.pipelines.spec import PipelineSpec

#: Random thresholds: the best splits would use the predictions alone and never a feature. With
#: more than two classes a round makes a tree for each class, so that half as many rounds do.
_PARAMS = {"learning_rate": 0.05, "extra_trees": True}
_PARAMS_MANY_CLASSES = {"learning_rate": 0.1, "extra_trees": True}
#: The fit on all rows, in fits of a fold, with a reserve for scoring.
_LAST_FIT = 2.0


@dataclass(frozen=True)
class SecondLevelOptions:
    """How a second level is fitted.

    Attributes
    ----------
    cores:
        Threads that may be used.
    random_state:
        Seed.
    class_weight:
        ``"balanced"`` or label -> weight, multiplied into the sample weights.
    seconds:
        Time for all fits: a fit adds no boosting rounds after its share; default: no limit.
    """

    cores: int = 1
    random_state: int = 0
    class_weight: ClassWeight | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class SecondLevel:
    """A fitted second level.

    Attributes
    ----------
    predictions:
        (n_rows, n_classes) or (n_rows,): each row's by a model that was fitted without it.
    features:
        The fitted transformer that makes features from X.
    model:
        Fitted on `meta_input` of all rows' out-of-fold predictions and features, for class codes
        or values.
    """

    predictions: Array
    features: Transformer
    model: Estimator


class Fitting(Protocol):
    """A second level that is being fitted elsewhere, in a thread or on another node.

    Both methods may be called from any thread, more than once, and do not raise.
    """

    def result(self) -> SecondLevel | None:
        """Wait for the second level; ``None`` when it failed or was not ready in time."""

    def cancel(self) -> None:
        """End the fit soon; `result` returns ``None`` then."""


def fit_second_level(
    dataset: Dataset,
    folds: Sequence[Fold],
    outputs: Sequence[Array],
    inputs: Sequence[Sequence[int]] | None = None,
    options: SecondLevelOptions | None = None,
    *,
    stop: Stop = never,
    kept: KeptByPart | None = None,
) -> SecondLevel:
    """Fit LightGBM on features and out-of-fold predictions.

    Parameters
    ----------
    dataset:
        The data that the predictions were made from.
    folds:
        The folds that they were made with; each row is validated by one of them, see
        `engine.data.splits.is_k_fold`.
    outputs:
        Out-of-fold predictions of a pipeline each, (n_rows, n_classes) or (n_rows,).
    inputs:
        Numbers of the outputs that the model of each fold sees and, last, the model of all rows.
        The best of many are partly luck: where outputs were chosen by their scores, those of a
        fold must be chosen on the other rows. Default: every model sees all.
    options:
        How the second level is fitted; default: `SecondLevelOptions`.
    stop:
        Asked after each round of boosting whether to give up; default: never.
    kept:
        Keeps features that take long to make, see `engine.evaluation.fit_options.FitOptions`.

    Raises
    ------
    GivenUp
        When ``stop`` returned true.

    Notes
    -----
    Source: Wolpert (1992), Stacked generalization; features beside the predictions as in
    scikit-learn's ``StackingClassifier(passthrough=True)``.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> from engine.data.splits import SplitPlan, make_splits
    >>> X = np.random.default_rng(0).normal(size=(60, 2))
    >>> data = check_data({"X": X, "y": X[:, 0]}, "regression")
    >>> folds = make_splits(data, SplitPlan(2))
    >>> fit_second_level(data, folds, [X[:, 1]]).predictions.shape
    (60,)
    """
    options = options or SecondLevelOptions()
    inputs = inputs or [range(len(outputs))] * (len(folds) + 1)

    fits = _Fits(dataset, folds, outputs, inputs, options, stop, kept)
    with threadpool_limits(limits=options.cores):
        return fits.run()


@dataclass(frozen=True)
class _FittedFold:
    """A fold's booster, the rounds that are best for its validation rows, and their features."""

    booster: Estimator
    rounds: int
    X_valid: Matrix


class _Fits:
    """The fits of a second level, see `fit_second_level`."""

    def __init__(
        self,
        dataset: Dataset,
        folds: Sequence[Fold],
        outputs: Sequence[Array],
        inputs: Sequence[Sequence[int]],
        options: SecondLevelOptions,
        stop: Stop,
        kept: KeptByPart | None,
    ) -> None:
        self._stop = stop
        self._dataset = dataset
        self._folds = folds
        self._outputs = outputs
        self._inputs = inputs
        self._options = options
        self._kept = kept
        self._codes = dataset.target(dataset.y)
        self._weight = fit_weight(dataset, options.class_weight)
        self._n_classes = None if dataset.classes is None else len(dataset.classes)
        seconds = options.seconds
        self._fit_seconds = None if seconds is None else seconds / (len(folds) + _LAST_FIT)

    def run(self) -> SecondLevel:
        """Fit the models of all folds, predict with them, and fit the model of all rows."""
        fitted = []
        for number in range(len(self._folds)):
            fitted.append(self.fit_fold(number))
            go_on(self._stop)
        predictions = self.predict_folds(fitted)
        features, booster = self.fit_all(mean_rounds([fold.rounds for fold in fitted]))
        return SecondLevel(predictions, features, booster)

    def fit_fold(self, number: int) -> _FittedFold:
        """Fit the model of one fold with early stopping on the fold's validation rows."""
        go_on(self._stop)
        train, valid = self._folds[number]
        X, y, weight = part_of(self._dataset, self._weight, train)
        features, booster = self._parts({})
        X_valid = rows_of(self._dataset.X, valid)
        X, X_valid = fit_features([features], X, y, X_valid, number, self._kept)
        rounds = fit_with_early_stopping(
            booster,
            meta_input(self._seen(number, train), X),
            self._codes[train],
            weight,
            meta_input(self._seen(number, valid), X_valid),
            self._codes[valid],
            self._fit_seconds,
            keep_all=True,
            clock=self._clock,
        )
        return _FittedFold(booster, rounds, X_valid)

    def predict_folds(self, fitted: Sequence[_FittedFold]) -> Array:
        """Predict every row by its fold's model, at the mean rounds of the other folds."""
        predictions = np.zeros_like(self._outputs[0], dtype=np.float64)
        rounds = [fold.rounds for fold in fitted]
        for number, fold in enumerate(fitted):
            valid = self._folds[number][1]
            model = AtRounds(fold.booster, rounds_of_the_others(rounds, number))
            seen = self._seen(number, valid)
            predictions[valid] = meta_predict(model, seen, self._n_classes, fold.X_valid)
        return predictions

    def _clock(self) -> float:
        """Return the present; once the work is given up, every deadline is over."""
        return math.inf if self._stop() else time.monotonic()

    def fit_all(self, rounds: int) -> tuple[Any, Any]:
        """Fit the transformer of the features, and a booster of ``rounds`` rounds, on all rows."""
        dataset = self._dataset
        features, booster = self._parts({"n_estimators": rounds})
        X, _ = fit_features([features], dataset.X, dataset.y, None, ALL_ROWS, self._kept)
        seen = meta_input([self._outputs[n] for n in self._inputs[-1]], X)
        callbacks = [GoOnAfterRound(self._stop)]
        booster.fit(seen, self._codes, sample_weight=self._weight, callbacks=callbacks)
        return features, booster

    def _parts(self, params: dict[str, Any]) -> tuple[Any, Any]:
        """Return the unfitted transformer and booster, whose result depends on no thread count."""
        has_many_classes = self._n_classes is not None and self._n_classes > 2
        fixed = _PARAMS_MANY_CLASSES if has_many_classes else _PARAMS
        spec = PipelineSpec("LightGBM", estimator_params=fixed | params)
        options = self._options
        features, booster = pipeline_for(self._dataset, spec, options.cores, options.random_state)
        return features, booster.set_params(deterministic=True, force_col_wise=True)

    def _seen(self, number: int, rows: NDArray[np.int64]) -> list[Array]:
        """Return the outputs that the model of a fold sees, for some rows."""
        return [self._outputs[n][rows] for n in self._inputs[number]]


def voting_with_second_level(
    data: OutOfFold,
    metric: Metric,
    own: SecondLevel,
    inputs: Sequence[int],
    deadline: Deadline = NEVER,
) -> EnsembleResult | None:
    """Weigh the candidates and a second level as `engine.ensembles.voting.voting_ensemble` does.

    Parameters
    ----------
    data, metric, deadline:
        As in `voting_ensemble`.
    own:
        The second level.
    inputs:
        The iterations whose predictions it has seen, in that order. All of them become members,
        some perhaps of weight 0.

    Returns
    -------
    EnsembleResult or None
        ``None`` when the second level has no weight in the best mean.
    """
    cost = sum(data.prediction_ms.get(n, 0.0) for n in inputs)
    predicted = data.gather(own.predictions)
    candidates, second_level = data.with_candidate(predicted, cost, "second level")
    voted = voting_ensemble(candidates, metric, deadline)
    members = dict(voted.members)
    own_weight = members.pop(second_level, None)
    if own_weight is None:
        return None
    return replace(
        voted,
        members={n: members.pop(n, 0.0) for n in inputs} | members,
        meta_learner=own.model,
        features=own.features,
        own_weight=own_weight,
        n_inputs=len(inputs),
    )
