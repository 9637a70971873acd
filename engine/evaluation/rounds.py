"""Strategies for the number of boosting rounds, trees or epochs in the fits of an iteration."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Matrix
from engine.pipelines.catalogue.entries import EstimatorEntry
from engine.pipelines.fitting.early_stopping import AtRounds, fit_with_early_stopping
from engine.pipelines.fitting.timed_fit import fit_within
from engine.pipelines.protocols import Estimator, Predictor
from engine.pipelines.spec import PipelineSpec

logger = logging.getLogger("raysmith.trial")


@dataclass(frozen=True)
class FitData:
    """An estimator's input in a fold: training part, weights or ``None``, validation part."""

    X: Matrix
    y: NDArray[Any]
    weight: NDArray[np.float64] | None
    X_valid: Matrix
    y_valid: NDArray[Any]

    @property
    def weight_argument(self) -> dict[str, NDArray[np.float64]]:
        """The weights as an argument of `fit`; empty for equal weights."""
        return {} if self.weight is None else {"sample_weight": self.weight}


class RoundCount(ABC):
    """A strategy for the number of rounds in the fits of one iteration.

    `fit` is called once per fold, in the order of the folds. `at_fold` may be called again when
    further folds have been fitted, and may then return another estimator. `params` holds for a fit
    on all rows after the last fold.
    """

    #: Whether `at_fold` depends on folds that are fitted later.
    needs_other_folds = False

    @abstractmethod
    def fit(self, estimator: Estimator, data: FitData) -> None:
        """Fit ``estimator`` for a fold, in place."""

    def at_fold(self, estimator: Estimator, number: int) -> Predictor:
        """Return the predictor that fold ``number`` is scored with."""
        return estimator

    def params(self) -> Mapping[str, int]:
        """Return the estimator's parameters that the folds have settled."""
        return {}


class AsSpecified(RoundCount):
    """Fit as the pipeline's specification says."""

    def fit(self, estimator: Estimator, data: FitData) -> None:
        """Fit ``estimator`` on the training part with the fold's weights."""
        estimator.fit(data.X, data.y, **data.weight_argument)


class EarlyStopped(RoundCount):
    """Stop boosting when the loss of the fold's validation part stands still.

    The round count that is best for a fold's own validation part would flatter the fold's score.
    The fold is therefore scored at the mean count of the other folds that are fitted by then; a
    single fold has only its own. The fit on all rows makes the mean count of all folds.

    Parameters
    ----------
    parameter:
        The estimator's name for the number of rounds.
    fit_seconds:
        Time limit of a fit; default: none.
    keep_all:
        Keep the rounds after the best one, for scores at another fold's count.
    """

    needs_other_folds = True

    def __init__(self, parameter: str, fit_seconds: float | None, keep_all: bool) -> None:
        self._parameter = parameter
        self._fit_seconds = fit_seconds
        self._keep_all = keep_all
        self._rounds: list[int] = []

    def fit(self, estimator: Estimator, data: FitData) -> None:
        """Fit ``estimator`` with early stopping and note its best round count."""
        best = fit_with_early_stopping(
            estimator,
            data.X,
            data.y,
            data.weight,
            data.X_valid,
            data.y_valid,
            self._fit_seconds,
            keep_all=self._keep_all,
        )
        self._rounds.append(best)

    def at_fold(self, estimator: Estimator, number: int) -> Predictor:
        """Return the booster at the mean round count of the other fitted folds."""
        return AtRounds(estimator, rounds_of_the_others(self._rounds, number))

    def params(self) -> Mapping[str, int]:
        """Return the mean round count of all folds."""
        logger.info("boosting rounds by fold: %s", self._rounds)
        return {self._parameter: mean_rounds(self._rounds)}


class Timed(RoundCount):
    """Grow as many trees, or train as many epochs, as there is time for.

    Parameters
    ----------
    parameter:
        The estimator's name for their number.
    fit_seconds:
        Time limit of a fit.
    """

    def __init__(self, parameter: str, fit_seconds: float) -> None:
        self._parameter = parameter
        self._fit_seconds = fit_seconds
        self._steps: list[int] = []

    def fit(self, estimator: Estimator, data: FitData) -> None:
        """Fit ``estimator`` within the time limit and note its number of steps."""
        steps = fit_within(
            estimator, self._parameter, data.X, data.y, data.weight, self._fit_seconds
        )
        self._steps.append(steps)

    def params(self) -> Mapping[str, int]:
        """Return the mean number of trees or epochs of all folds."""
        return {self._parameter: mean_rounds(self._steps)}


def round_count(
    entry: EstimatorEntry, spec: PipelineSpec, fit_seconds: float | None, keep_all: bool
) -> RoundCount:
    """Choose the strategy for a pipeline.

    A specification that names a round count of boosting is followed. Forests and networks are cut
    short only under a time limit.

    >>> from engine.pipelines.catalogue.estimators import CLASSIFIERS
    >>> boosting = CLASSIFIERS["LightGBM"]
    >>> type(round_count(boosting, PipelineSpec("LightGBM"), None, True)).__name__
    'EarlyStopped'
    >>> fixed = PipelineSpec("LightGBM", estimator_params={"n_estimators": 50})
    >>> type(round_count(boosting, fixed, None, True)).__name__
    'AsSpecified'
    """
    if fit_seconds is not None and entry.steps_parameter is not None:
        return Timed(entry.steps_parameter, fit_seconds)
    if entry.rounds_parameter is None or entry.rounds_parameter in spec.estimator_params:
        return AsSpecified()
    return EarlyStopped(entry.rounds_parameter, fit_seconds, keep_all)


def mean_rounds(rounds: Sequence[int]) -> int:
    """Return the mean of round counts, as a round count.

    >>> mean_rounds([10, 13])
    12
    """
    return max(1, round(np.mean(rounds)))


def rounds_of_the_others(rounds: Sequence[int], number: int) -> int:
    """Return the mean round count of the fitted folds except ``number``.

    A fold that is alone gets its own count.

    >>> rounds_of_the_others([10, 20, 40], 0)
    30
    >>> rounds_of_the_others([10], 0)
    10
    """
    others = [*rounds[:number], *rounds[number + 1 :]]
    return mean_rounds(others or rounds)
