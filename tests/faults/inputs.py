"""What the tests of bad inputs have in common: good data, and what an outcome may be."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest

from engine import AutoMLError, ConfigException, DataException, FeaturizationConfig
from engine.data.sources import DataRules
from engine.data.splits import SplitPlan

N = 60
RNG = np.random.default_rng(0)
Y = np.array([0, 1] * (N // 2))
FRAME = pd.DataFrame({"a": RNG.normal(size=N) + Y, "b": RNG.normal(size=N), "c": list("xyz") * 20})
X = FRAME[["a", "b"]].to_numpy()
ROWS = np.arange(N)
AUTO = FeaturizationConfig()


def check(raw: Any, task: str = "classification", featurization: Any = AUTO, **rules: Any) -> Any:
    """Check data as a run does, its splits included."""
    plan = rules.pop("plan", SplitPlan(3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return DataRules(task, featurization=featurization, plan=plan, **rules).check(raw)


def refused(call: Callable[[], object], message: str, kind: type = DataException) -> None:
    """Assert that a call ends in one clear error of a documented type."""
    with pytest.raises(AutoMLError, match=message) as caught:
        call()
    assert type(caught.value) is kind
    text = str(caught.value)
    assert "Traceback" not in text
    assert "cannot be checked" not in text, "the last resort is for what nobody thought of"
    assert len(text) < 1500


def refused_configuration(parameters: Mapping[str, Any], message: str) -> None:
    """Assert that `AutoMLConfig` names the problem."""
    from engine import AutoMLConfig

    refused(lambda: AutoMLConfig(**parameters), message, ConfigException)
