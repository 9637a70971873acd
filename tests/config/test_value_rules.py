from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from engine import FeaturizationConfig
from engine.config import value_rules as allow


class Target:
    name = "cluster"

    def launch(self, launch): ...


class Configuration:
    def to_runtime_env(self): ...


RULES = {
    "integer": (allow.integer(1, or_exactly=-1), [1, 7, -1, np.int64(3)], [0, -2, True, 1.0, "1"]),
    "number": (allow.number(0, 1), [0.5, np.float32(0.1)], [0, 1, math.nan, math.inf, "0.5", True]),
    "boolean": (allow.boolean, [True, False], [0, 1, None, "True"]),
    "text": (allow.text, ["a"], ["", "  ", 1, None]),
    "path": (allow.path, ["a", Path("a")], ["", 1, None]),
    "one_of": (allow.one_of("a", "b"), ["a", "b"], ["c", None, 1, ["a"]]),
    "names": (allow.names, [["a"], ("a", "b"), {"a"}], ["a", [], [1], None]),
    "weights": (allow.weights, ["balanced", {0: 2.0}], ["heavy", {}, [1.0], None]),
    "featurization": (
        allow.featurization, [False, "auto", "off", FeaturizationConfig()], [True, "on", 0, None],
    ),
    "mapping": (allow.mapping, [{}, {"a": 1}], [{1: 2}, [("a", 1)], None]),
    "compute_target": (allow.compute_target, ["local", Target()], ["", 3, None, Configuration()]),
    "run_configuration": (allow.run_configuration, [Configuration()], [None, {}, Target()]),
    "label": (allow.label, ["a", 1, 0.5, True, np.bool_(True), np.int8(1)], [None, [1], math.nan]),
    "optional": (allow.optional(allow.integer(1)), [None, 1], [0, "1"]),
}  # fmt: skip


@pytest.mark.parametrize(
    ("rule", "value"), [(rule, value) for rule, good, _ in RULES.values() for value in good]
)
def test_allowed_values(rule, value):
    assert rule(value) is None


@pytest.mark.parametrize(
    ("rule", "value"), [(rule, value) for rule, _, bad in RULES.values() for value in bad]
)
def test_refused_values(rule, value):
    assert isinstance(rule(value), str)
