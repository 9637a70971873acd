"""Rules for one value of the configuration: each answers what is allowed when the value is not."""

from __future__ import annotations

import math
import numbers
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from engine.data.featurization import FeaturizationConfig

Check = Callable[[Any], str | None]


def optional(check: Check) -> Check:
    """``None``, or what ``check`` allows."""

    def rule(value: Any) -> str | None:
        allowed = None if value is None else check(value)
        return None if allowed is None else f"{allowed}, or None"

    return rule


def integer(at_least: int, or_exactly: int | None = None) -> Check:
    def rule(value: Any) -> str | None:
        is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
        if is_integer and (int(value) >= at_least or int(value) == or_exactly):
            return None
        extra = "" if or_exactly is None else f", or {or_exactly}"
        return f"an integer of at least {at_least}{extra}"

    return rule


def number(
    above: float = -math.inf, below: float = math.inf, *, what: str = "a finite number"
) -> Check:
    """A finite number strictly between ``above`` and ``below``."""

    def rule(value: Any) -> str | None:
        fits = (
            isinstance(value, numbers.Real)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and above < float(value) < below
        )
        return None if fits else what

    return rule


def boolean(value: Any) -> str | None:
    return None if isinstance(value, bool) else "True or False"


def text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "a non-empty string"


def path(value: Any) -> str | None:
    fits = isinstance(value, str | os.PathLike) and str(value)
    return None if fits else "a path (str or os.PathLike)"


def one_of(*choices: str) -> Check:
    def rule(value: Any) -> str | None:
        if isinstance(value, str) and value in choices:
            return None
        return f"one of {', '.join(repr(choice) for choice in choices)}"

    return rule


def names(value: Any) -> str | None:
    """A non-empty list of strings; whether the names exist is checked where the task is known."""
    fits = isinstance(value, Sequence | set | frozenset) and not isinstance(value, str)
    if fits and value and all(isinstance(name, str) for name in value):
        return None
    return "a non-empty list of names"


def weights(value: Any) -> str | None:
    if value == "balanced" if isinstance(value, str) else isinstance(value, Mapping) and value:
        return None
    return "'balanced', or a dict from label to weight"


def featurization(value: Any) -> str | None:
    if value is False or value in ("auto", "off") or isinstance(value, FeaturizationConfig):
        return None
    return "'auto', 'off' or a FeaturizationConfig"


def mapping(value: Any) -> str | None:
    fits = isinstance(value, Mapping) and all(isinstance(key, str) for key in value)
    return None if fits else "a dict with texts as keys"


def compute_target(value: Any) -> str | None:
    name = value if isinstance(value, str) else getattr(value, "name", None)
    if isinstance(name, str) and name and (name is value or hasattr(value, "launch")):
        return None
    return "'local', a compute target or its name"


def run_configuration(value: Any) -> str | None:
    return None if hasattr(value, "to_runtime_env") else "a RunConfiguration"


def label(value: Any) -> str | None:
    fits = isinstance(value, str | bool | np.bool_ | numbers.Real) and value == value
    return None if fits else "a label: a text, a number or a boolean"


def anything(value: Any) -> str | None:
    return None
