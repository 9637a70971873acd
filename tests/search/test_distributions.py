"""Search spaces of the catalogue as Optuna's distributions."""

from __future__ import annotations

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from engine.pipelines.catalogue.estimators import CLASSIFIERS, REGRESSORS
from engine.pipelines.catalogue.ranges import Choices, FloatRange, IntRange
from engine.pipelines.catalogue.scalers import SCALERS
from engine.search.distributions import as_distributions


def test_each_kind_of_range_has_its_distribution():
    found = as_distributions(
        {"a": FloatRange(0.1, 1.0, log=True), "b": IntRange(2, 9), "c": Choices((None, "x"))}
    )
    assert found == {
        "a": FloatDistribution(0.1, 1.0, log=True),
        "b": IntDistribution(2, 9),
        "c": CategoricalDistribution((None, "x")),
    }


@pytest.mark.parametrize(
    "entry",
    [*CLASSIFIERS.values(), *REGRESSORS.values(), *SCALERS.values()],
    ids=lambda entry: entry.name,
)
def test_every_space_has_distributions(entry):
    assert list(as_distributions(entry.space)) == list(entry.space)
