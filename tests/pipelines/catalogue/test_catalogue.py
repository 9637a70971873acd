"""The catalogue's entries agree with the estimators and scalers that they name."""

from __future__ import annotations

import numpy as np
import pytest

from engine.pipelines.build import build_pipeline
from engine.pipelines.catalogue.estimators import CLASSIFIERS, REGRESSORS, estimators_of
from engine.pipelines.catalogue.ranges import Choices, FloatRange, IntRange
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.spec import PipelineSpec

ENTRIES = [e for group in (CLASSIFIERS, REGRESSORS) for e in group.values() if e.installed]
#: Parameters that an estimator takes although `get_params` does not list them before they are set.
UNLISTED = {
    "lightgbm": {"extra_trees"},
    "catboost": {"learning_rate", "depth", "l2_leaf_reg", "random_state"},
}
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda e: f"{e.task}-{e.name}")


def innermost(estimator):
    while True:
        params = estimator.get_params(deep=False)
        inside = next((params[k] for k in ("estimator", "regressor") if k in params), None)
        if inside is None:
            return estimator
        estimator = inside


def test_an_entry_is_found_by_its_name_and_task():
    for task in ("classification", "regression"):
        assert all((e.name, e.task) == (n, task) for n, e in estimators_of(task).items())
    assert all(scaler.name == name for name, scaler in SCALERS.items())


@each_entry
def test_parameters_of_an_entry_are_those_of_its_estimator(entry):
    built = build_pipeline(PipelineSpec(entry.name), entry.task)[-1]
    known = set(innermost(built).get_params())
    known |= UNLISTED.get(entry.factory.partition(":")[0], set())
    named = {entry.threads_parameter, entry.seed_parameter, entry.rounds_parameter}
    named |= {entry.steps_parameter, *entry.space, *entry.fixed}
    assert named - {None} - ({"n_layers"} if entry.name == "MLP" else set()) <= known


@each_entry
def test_scalers_of_an_entry_are_in_the_catalogue(entry):
    assert set(entry.scalers) <= {"", *SCALERS}
    assert entry.scalers


@each_entry
def test_boosters_have_a_limit_of_rounds_that_large_data_lower(entry):
    if entry.rounds_parameter is None:
        assert "learning_rate" not in entry.space
        return
    most = entry.fixed[entry.rounds_parameter]
    assert entry.size_rule({}, 100_000) == {}
    assert 0 < entry.size_rule({}, 1_000_000)[entry.rounds_parameter] < most


@pytest.mark.parametrize("entry", [*ENTRIES, *SCALERS.values()], ids=lambda e: e.name)
def test_ranges_have_two_ends_that_they_contain(entry):
    for name, values in entry.space.items():
        if isinstance(values, Choices):
            assert len(values.choices) > 1
            assert all(values.contains(choice) for choice in values.choices)
            continue
        assert values.low < values.high, name
        assert values.contains(values.low)
        assert values.contains(values.high)
        assert not values.contains(values.high + 1)
        assert not values.log or values.low > 0


@pytest.mark.parametrize(
    ("values", "value", "expected"),
    [
        (FloatRange(0.0, 1.0), 1.0, True),
        (FloatRange(0.0, 1.0), 0, True),
        (FloatRange(0.0, 1.0), 1.1, False),
        (FloatRange(0.0, 1.0), "text", False),
        (FloatRange(0.0, 1.0), None, False),
        (FloatRange(0.0, 1.0), float("nan"), False),
        (FloatRange(0.1, 1.0, log=True), -1.0, False),
        (IntRange(2, 9), 9, True),
        (IntRange(2, 9), np.int64(2), True),
        (IntRange(2, 9), 10, False),
        (IntRange(2, 9), 2.5, False),
        (IntRange(2, 9), "2", False),
        (IntRange(2, 9), float("nan"), False),
        (IntRange(2, 9), float("inf"), False),
        (Choices(("a", None)), None, True),
        (Choices(("a", None)), "b", False),
    ],
)
def test_what_a_range_contains(values, value, expected):
    assert values.contains(value) is expected
