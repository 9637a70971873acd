"""Search spaces of the catalogue as Optuna distributions."""

from __future__ import annotations

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from engine.pipelines.catalogue.ranges import Choices, FloatRange, Range, Space


def as_distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the distribution of each parameter of a search space.

    Examples
    --------
    >>> as_distributions({"C": FloatRange(0.1, 10.0, log=True)})
    {'C': FloatDistribution(high=10.0, log=True, low=0.1, step=None)}
    """
    return {name: _as_distribution(values) for name, values in space.items()}


def _as_distribution(values: Range) -> BaseDistribution:
    if isinstance(values, Choices):
        return CategoricalDistribution(values.choices)
    if isinstance(values, FloatRange):
        return FloatDistribution(values.low, values.high, log=values.log)
    return IntDistribution(values.low, values.high, log=values.log)
