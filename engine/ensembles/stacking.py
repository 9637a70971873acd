"""A meta learner over pipelines' predictions."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
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
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.ensembles.compose import EnsembleResult, score_parts
from engine.ensembles.meta_features import Array, meta_input, meta_predict
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.voting import lighter
from engine.metrics.metric import METRICS

#: A fit on every so-manieth row tells what those on all rows would take, where these rows have so
#: many of every class: with fewer, some meta learners refuse them.
_TIMED_PART = 10
_LEAST_TIMED = 5


class NoTime(Exception):
    """A stack that would not be ready in time."""


def stack(
    data: OutOfFold,
    members: Sequence[int],
    *,
    choose: Callable[[OutOfFold], Sequence[int]] | None = None,
    meta_learner_type: str | None = None,
    meta_learner_kwargs: Mapping[str, Any] | None = None,
    train_percentage: float | None = None,
    random_state: int = 0,
    seconds: float | None = None,
) -> EnsembleResult:
    """A meta learner over the members' predictions.

    Parameters
    ----------
    data:
        The candidates' predictions.
    members:
        The iterations that are stacked.
    choose:
        How they were chosen: each part is scored by a stack of what is chosen on the others.
        Default: they were not chosen by their scores.
    meta_learner_type:
        One of `engine.pipelines.names.META_LEARNERS`; default: the first of the task.
    meta_learner_kwargs:
        Its parameters.
    train_percentage:
        Share of the rows that it is fitted on; default: all.
    seconds:
        What it may take; default: no limit.

    Raises
    ------
    NoTime
        When a fit on a part of the rows says that all fits would take longer.
    """
    learner = _meta_learner(data, meta_learner_type, meta_learner_kwargs or {}, random_state)
    generator = np.random.default_rng(random_state)

    def fit(
        rows: NDArray[Any], members: Sequence[int], generator: np.random.Generator = generator
    ) -> Any:
        if train_percentage is not None:
            size = max(2, round(train_percentage * len(rows)))
            chosen = np.sort(generator.choice(rows, size, replace=False))
            rows = chosen if len(np.unique(data.y[chosen])) > 1 else rows
        part = data.rows(rows)
        X = meta_input([part.predictions[n] for n in members])
        steps = getattr(learner, "regressor", learner).steps
        params = {} if part.weight is None else {f"{steps[-1][0]}__sample_weight": part.weight}
        return clone(learner).fit(X, part.y, **params)

    def predict(learner: Any, rows: OutOfFold, members: Sequence[int]) -> Array:
        return meta_predict(learner, [rows.predictions[n] for n in members], data.n_classes)

    def predict_part(others: NDArray[Any], part: OutOfFold) -> Array:
        stacked = members if choose is None else choose(data.rows(others))
        return predict(fit(others, stacked), part, stacked)

    rows = np.arange(len(data.y))
    few = rows[::_TIMED_PART]
    of_class = (
        [len(few)] if data.n_classes is None else np.bincount(data.y[few], minlength=data.n_classes)
    )
    if seconds is not None and min(of_class) >= _LEAST_TIMED:
        started = time.monotonic()
        fit(few, members, np.random.default_rng(random_state))
        whole = _TIMED_PART * (len(data.splits()) + 1) * (time.monotonic() - started)
        if whole > seconds:
            raise NoTime(f"its fits would take {whole:.1f} s, there are {seconds:.1f} s")
    fitted = fit(rows, members)
    predicted = predict(fitted, data, members)
    return score_parts(data, dict.fromkeys(members, 1.0), predicted, predict_part, fitted)


def stack_members(data: OutOfFold, metric_name: str, at_most: int) -> list[int]:
    """The best candidates, best first; fewer when together they would predict slowly."""
    metric = METRICS[metric_name]
    few = data.few()
    best = few.ranked(metric)[:at_most]
    kept = lighter(few, metric, dict.fromkeys(best, 1.0 / len(best)))
    return [n for n in best if n in kept]


def _meta_learner(
    data: OutOfFold, name: str | None, params: Mapping[str, Any], random_state: int
) -> Any:
    # Members agree with each other: without a pull towards their mean, noise decides.
    if name is None and data.n_classes is None:
        settings = {"alpha": 1e-3, "l1_ratio": 0.1, "positive": True, **params}
        inner = make_pipeline(StandardScaler(), ElasticNet(**settings))
        return TransformedTargetRegressor(inner, transformer=StandardScaler())
    if name is None:
        name, params = "LogisticRegression", {"C": 0.05, "max_iter": 500, **params}
    learners: dict[str, Any] = {
        "LogisticRegression": LogisticRegression,
        "LogisticRegressionCV": LogisticRegressionCV,
        "ElasticNet": ElasticNet,
        "ElasticNetCV": ElasticNetCV,
        "LinearRegression": LinearRegression,
    }
    if name in learners:
        return make_pipeline(StandardScaler(), learners[name](**params))
    import lightgbm

    settings = {"verbosity": -1, "n_jobs": 1, "random_state": random_state, "n_estimators": 50}
    chosen = lightgbm.LGBMRegressor if data.n_classes is None else lightgbm.LGBMClassifier
    return make_pipeline(chosen(**settings | dict(params)))
