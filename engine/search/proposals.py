"""Points of an estimator's search space: random, near another point, or from Optuna's model.

A point is a pipeline without its estimator, on one level: the estimator's parameters, ``scaler``,
and the parameters of every scaler with the scaler's name in front, as in `PipelineSpec.flat`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import TrialState, create_trial

from engine.metrics.metric import Metric
from engine.pipelines.catalogue.entries import NO_SCALER, EstimatorEntry
from engine.pipelines.catalogue.ranges import Choices, FloatRange, IntRange, Range, Space
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.spec import NO_SCALER_SHOWN, PipelineSpec
from engine.search.distributions import as_distributions

Point = Mapping[str, Any]

#: The probability that a choice changes in a small step, and the standard deviation of a number's
#: step as a share of its range.
_LOCAL_STEP = 0.15
#: Observations that Optuna's sampler draws at random before it builds a model.
_STARTUP = 5


def search_space(entry: EstimatorEntry, scalers: Sequence[str]) -> Space:
    """Return an estimator's parameters, the scaler, and the parameters of each scaler.

    >>> from engine.pipelines.catalogue.estimators import CLASSIFIERS
    >>> sorted(search_space(CLASSIFIERS["KNN"], ["StandardScalerWrapper"]))
    ['n_neighbors', 'p', 'scaler', 'weights']
    """
    space: dict[str, Range] = dict(entry.space)
    space["scaler"] = Choices(tuple(name or NO_SCALER_SHOWN for name in scalers))
    for name in scalers:
        if name != NO_SCALER:
            space |= {f"{name}.{key}": value for key, value in SCALERS[name].space.items()}
    return space


def as_spec(entry: EstimatorEntry, point: Point) -> PipelineSpec:
    """Return the pipeline at a point; parameters of other scalers than the chosen one are dropped.

    >>> from engine.pipelines.catalogue.estimators import CLASSIFIERS
    >>> point = {"n_neighbors": 5, "scaler": "PCA", "PCA.n_components": 0.5, "Other.share": 1}
    >>> as_spec(CLASSIFIERS["KNN"], point).scaler_params
    {'n_components': 0.5}
    """
    prefix = f"{point['scaler']}."
    own = {key: v for key, v in point.items() if "." not in key or key.startswith(prefix)}
    return PipelineSpec.from_flat({**own, "estimator": entry.name})


def random_point(space: Space, seed: int) -> dict[str, Any]:
    """Draw a point uniformly (numbers with a logarithmic range: uniformly on its logarithm)."""
    with _quiet_optuna():
        study = optuna.create_study(sampler=RandomSampler(seed))
        return dict(study.ask(fixed_distributions=as_distributions(space)).params)


def model_point(
    space: Space, scored: Sequence[tuple[Point, float]], metric: Metric, seed: int
) -> dict[str, Any]:
    """Draw a point from Optuna's tree-structured Parzen estimator.

    Parameters
    ----------
    space:
        Range of each coordinate.
    scored:
        Points with their scores, none of them NaN. Coordinates outside of ``space`` are ignored.
    metric:
        Decides which scores are better.
    seed:
        Equal arguments give equal points.

    Notes
    -----
    Source: Bergstra, Bardenet, Bengio & Kégl (2011), Algorithms for hyper-parameter optimization.
    """
    sampler: BaseSampler = TPESampler(seed=seed, n_startup_trials=_STARTUP, multivariate=True)
    with _quiet_optuna():
        direction = "maximize" if metric.greater_is_better else "minimize"
        study = optuna.create_study(sampler=sampler, direction=direction)
        distributions = as_distributions(space)
        for point, score in scored:
            params = {k: v for k, v in point.items() if k in space and space[k].contains(v)}
            if params:
                study.add_trial(
                    create_trial(
                        state=TrialState.COMPLETE,
                        value=score,
                        params=params,
                        distributions={k: distributions[k] for k in params},
                    )
                )
        return dict(study.ask(fixed_distributions=distributions).params)


def nearby_point(space: Space, point: Point, generator: np.random.Generator) -> dict[str, Any]:
    """Draw a point near ``point``: each number moves a little, a choice changes now and then.

    Coordinates that ``point`` lacks are drawn from their whole range.
    """
    result: dict[str, Any] = {}
    for name, values in space.items():
        value = point.get(name)
        if isinstance(values, Choices):
            stays = name in point and generator.random() > _LOCAL_STEP
            choices = values.choices
            result[name] = value if stays else choices[generator.integers(len(choices))]
        else:
            result[name] = _nearby_number(values, value, generator)
    return result


def _nearby_number(
    values: FloatRange | IntRange, value: Any, generator: np.random.Generator
) -> float:
    low, high = float(values.low), float(values.high)
    if values.log:
        low, high = math.log(low), math.log(high)
    if value is None or isinstance(value, str):
        place = generator.uniform(low, high)
    else:
        here = math.log(value) if values.log and value > 0 else float(value)
        place = here + generator.normal(0.0, _LOCAL_STEP * (high - low))
    place = min(max(place, low), high)
    moved = math.exp(place) if values.log else place
    moved = min(max(moved, float(values.low)), float(values.high))
    return round(moved) if isinstance(values, IntRange) else moved


@contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Keep Optuna from logging each study and trial."""
    verbosity = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(verbosity)
