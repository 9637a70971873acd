"""Stacking: a meta learner over pipelines' predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.deadline import NEVER, Deadline
from engine.ensembles.compose import EnsembleResult, score_parts
from engine.ensembles.giving_up import GoOnAfterRound, Stop, go_on, never
from engine.ensembles.meta_features import Array, meta_input, meta_predict
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.voting import drop_slow_members
from engine.metrics.metric import Metric
from engine.pipelines.libraries.lightgbm import LightGBM
from engine.pipelines.libraries.registry import library_of
from engine.pipelines.protocols import Estimator

#: A fit on every tenth row is timed to extrapolate to all rows. With fewer of these rows in a class
#: than this nothing is timed: some meta learners refuse them.
_TIMED_PART = 10
_LEAST_TIMED = 5

_LINEAR = {
    "LogisticRegression": LogisticRegression,
    "LogisticRegressionCV": LogisticRegressionCV,
    "ElasticNet": ElasticNet,
    "ElasticNetCV": ElasticNetCV,
    "LinearRegression": LinearRegression,
}


class NoTime(Exception):
    """Raised for a stack that would not be ready before its deadline."""


@dataclass(frozen=True)
class StackOptions:
    """How a stack's meta learner is fitted.

    Attributes
    ----------
    meta_learner_type:
        One of `engine.ensembles.names.META_LEARNERS`; default: the first of the task, strongly
        regularized.
    meta_learner_kwargs:
        Parameters of the meta learner.
    train_percentage:
        Share of the rows that it is fitted on, between 0 and 1; default: all.
    random_state:
        Seed.
    """

    meta_learner_type: str | None = None
    meta_learner_kwargs: Mapping[str, Any] = field(default_factory=dict)
    train_percentage: float | None = None
    random_state: int = 0


def stack(
    data: OutOfFold,
    members: Sequence[int],
    options: StackOptions | None = None,
    *,
    choose: Callable[[OutOfFold], Sequence[int]] | None = None,
    deadline: Deadline = NEVER,
    stop: Stop = never,
) -> EnsembleResult:
    """Fit a meta learner on the members' predictions, and score the stack.

    Parameters
    ----------
    data:
        The candidates' predictions.
    members:
        The iterations that are stacked.
    options:
        How the meta learner is fitted; default: `StackOptions`.
    choose:
        How the members were chosen. Each part is scored by a stack of the members that are chosen
        on the other parts. Default: the members were not chosen by their scores.
    deadline:
        When the stack must be ready; default: no limit.
    stop:
        Asked before each fit, and after each round of boosting, whether to give up; default: never.

    Raises
    ------
    NoTime
        When a fit on a tenth of the rows says that all fits would end after the deadline.
    GivenUp
        When ``stop`` returned true.

    Examples
    --------
    >>> y = np.arange(40.0)
    >>> data = OutOfFold(y, None, np.arange(40) % 4, {0: y / 2, 1: y % 3}, 39.0, None)
    >>> options = StackOptions("LinearRegression")
    >>> round(stack(data, [0, 1], options).metrics["r2_score"], 6)
    1.0
    """
    stacking = _Stacking(data, options or StackOptions(), stop)
    if deadline.is_set:
        stacking.check_time(members, deadline)

    def predict_part(others: NDArray[Any], part: OutOfFold) -> Array:
        stacked = members if choose is None else choose(data.take(others))
        return stacking.predict(stacking.fit(others, stacked), part, stacked)

    learner = stacking.fit(np.arange(len(data.y)), members)
    predicted = stacking.predict(learner, data, members)
    return score_parts(data, dict.fromkeys(members, 1.0), predicted, predict_part, learner)


class _Stacking:
    """Fits of one meta learner on different rows and members."""

    def __init__(self, data: OutOfFold, options: StackOptions, stop: Stop) -> None:
        self._stop = stop
        self._data = data
        self._options = options
        self._learner = _meta_learner(data.n_classes, options)
        self._generator = np.random.default_rng(options.random_state)

    def fit(
        self,
        rows: NDArray[Any],
        members: Sequence[int],
        generator: np.random.Generator | None = None,
    ) -> Estimator:
        """Fit a meta learner for these members on some or all of ``rows``."""
        go_on(self._stop)
        part = self._data.take(self._sampled(rows, generator or self._generator))
        X = meta_input([part.predictions[n] for n in members])
        steps = getattr(self._learner, "regressor", self._learner).steps
        name, estimator = steps[-1]
        params: dict[str, Any] = {}
        if part.weight is not None:
            params[f"{name}__sample_weight"] = part.weight
        if isinstance(library_of(estimator), LightGBM):
            params[f"{name}__callbacks"] = [GoOnAfterRound(self._stop)]
        return clone(self._learner).fit(X, part.y, **params)

    def predict(self, learner: Estimator, rows: OutOfFold, members: Sequence[int]) -> Array:
        """Predict these rows with a fitted meta learner."""
        return meta_predict(learner, [rows.predictions[n] for n in members], self._data.n_classes)

    def check_time(self, members: Sequence[int], deadline: Deadline) -> None:
        """Raise `NoTime` when all fits would end after the deadline."""
        data, left = self._data, deadline.left()
        some = np.arange(0, len(data.y), _TIMED_PART)
        of_class = (
            [len(some)]
            if data.n_classes is None
            else np.bincount(data.y[some], minlength=data.n_classes)
        )
        if min(of_class) < _LEAST_TIMED:
            return
        started = time.monotonic()
        self.fit(some, members, np.random.default_rng(self._options.random_state))
        whole = _TIMED_PART * (len(data.splits()) + 1) * (time.monotonic() - started)
        if whole > left:
            raise NoTime(f"its fits would take {whole:.1f} s, there are {left:.1f} s")

    def _sampled(self, rows: NDArray[Any], generator: np.random.Generator) -> NDArray[Any]:
        """Draw the rows that a fit uses; all of them if the drawn ones hold a single target."""
        share = self._options.train_percentage
        if share is None:
            return rows
        size = max(2, round(share * len(rows)))
        chosen = np.sort(generator.choice(rows, size, replace=False))
        return chosen if len(np.unique(self._data.y[chosen])) > 1 else rows


def stack_members(data: OutOfFold, metric: Metric, at_most: int) -> list[int]:
    """Return the best candidates, best first; fewer when together they would predict slowly.

    Parameters
    ----------
    data:
        The candidates' predictions.
    metric:
        Decides which candidates are best.
    at_most:
        How many of them.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> y = np.arange(10.0)
    >>> data = OutOfFold(y, None, np.zeros(10, int), {0: y + 2, 1: y, 2: y + 1}, 9.0, None)
    >>> stack_members(data, METRICS["mean_absolute_error"], at_most=2)
    [1, 2]
    """
    rows = data.subsample()
    best = rows.ranked(metric)[:at_most]
    kept = drop_slow_members(rows, metric, dict.fromkeys(best, 1.0 / len(best)))
    return [n for n in best if n in kept]


def _meta_learner(
    n_classes: int | None, options: StackOptions
) -> Pipeline | TransformedTargetRegressor:
    name, params = options.meta_learner_type, dict(options.meta_learner_kwargs)
    # Members agree with each other: without a pull towards their mean, noise decides.
    if name is None and n_classes is None:
        inner = make_pipeline(
            StandardScaler(),
            ElasticNet(**{"alpha": 1e-3, "l1_ratio": 0.1, "positive": True, **params}),
        )
        return TransformedTargetRegressor(inner, transformer=StandardScaler())
    if name is None:
        name, params = "LogisticRegression", {"C": 0.05, "max_iter": 500, **params}
    if name in _LINEAR:
        return make_pipeline(StandardScaler(), _LINEAR[name](**params))
    import lightgbm

    fixed = {
        "verbosity": -1,
        "n_jobs": 1,
        "random_state": options.random_state,
        "n_estimators": 50,
    }
    chosen = lightgbm.LGBMRegressor if n_classes is None else lightgbm.LGBMClassifier
    return make_pipeline(chosen(**fixed | params))
