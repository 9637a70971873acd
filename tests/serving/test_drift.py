from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from engine.data.check import check_data
from engine.data.featurization import FeaturizationConfig
from engine.data.training_summary import TrainingSummary
from engine.serving.drift import Drift

GENERATOR = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {"age": GENERATOR.normal(40, 10, 2000), "plan": GENERATOR.choice(["a", "b"], 2000)}
)


@pytest.fixture
def clock():
    return [0.0]


@pytest.fixture
def drift(clock):
    rows = {"X": TABLE, "y": np.arange(2000) % 2}
    data = check_data(rows, "classification", featurization=FeaturizationConfig())
    return Drift(TrainingSummary.of(data), lambda: clock[0])


def test_rows_as_in_training_have_not_drifted(drift):
    drift.add(TABLE.sample(1000, random_state=1))
    assert set(drift.indices()) == {"age", "plan"}
    assert max(drift.indices().values()) < 0.1


def test_other_rows_have(drift):
    drift.add(TABLE.assign(age=TABLE["age"] + 15))
    assert drift.indices()["age"] > 0.25
    assert drift.indices()["plan"] < 0.1


def test_few_rows_say_nothing(drift):
    drift.add(TABLE[:99])
    assert drift.indices() == {}


def test_under_load_a_sample_is_counted(drift, clock):
    drift.add(TABLE[:80])
    drift.add(TABLE)  # a moment later: not counted
    assert drift.indices() == {}
    clock[0] = 1.0
    drift.add(TABLE[:80])
    assert set(drift.indices()) == {"age", "plan"}


def test_a_column_that_is_missing_is_left_out(drift):
    drift.add(TABLE[["age"]])
    assert set(drift.indices()) == {"age"}
