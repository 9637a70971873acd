"""Rules for one value: each returns ``None`` for an allowed value, else names the allowed ones.

A rule is a function of the value. `integer`, `number`, `one_of` and `optional` make rules.

Examples
--------
>>> rule = optional(integer(at_least=1))
>>> rule(3)
>>> rule(0)
'an integer of at least 1, or None'
"""

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
    """Make a rule that allows ``None`` and what ``check`` allows.

    Examples
    --------
    >>> rule = optional(boolean)
    >>> rule(None)
    >>> rule(1)
    'True or False, or None'
    """

    def rule(value: object) -> str | None:
        allowed = None if value is None else check(value)
        return None if allowed is None else f"{allowed}, or None"

    return rule


def integer(at_least: int, or_exactly: int | None = None) -> Check:
    """Make a rule that allows integers, numpy's too, but no booleans.

    Parameters
    ----------
    at_least:
        The smallest allowed integer.
    or_exactly:
        One more allowed integer.

    Examples
    --------
    >>> cores = integer(1, or_exactly=-1)
    >>> cores(-1)
    >>> cores(True)
    'an integer of at least 1, or -1'
    """

    def rule(value: object) -> str | None:
        if (
            isinstance(value, numbers.Integral)
            and not isinstance(value, bool)
            and (int(value) >= at_least or int(value) == or_exactly)
        ):
            return None
        extra = "" if or_exactly is None else f", or {or_exactly}"
        return f"an integer of at least {at_least}{extra}"

    return rule


def number(
    above: float = -math.inf, below: float = math.inf, *, what: str = "a finite number"
) -> Check:
    """Make a rule that allows finite numbers strictly between ``above`` and ``below``.

    Parameters
    ----------
    above, below:
        Limits, which are not allowed themselves.
    what:
        Text that names the allowed values.

    Examples
    --------
    >>> share = number(0, 1, what="a share above 0 and below 1")
    >>> share(0.5)
    >>> share(1)
    'a share above 0 and below 1'
    """

    def rule(value: object) -> str | None:
        fits = (
            isinstance(value, numbers.Real)
            and not isinstance(value, bool)
            and math.isfinite(value)
            and above < float(value) < below
        )
        return None if fits else what

    return rule


def one_of(*choices: str) -> Check:
    """Make a rule that allows some texts.

    Examples
    --------
    >>> one_of("auto", "off")("on")
    "one of 'auto', 'off'"
    """

    def rule(value: object) -> str | None:
        if isinstance(value, str) and value in choices:
            return None
        return f"one of {', '.join(repr(choice) for choice in choices)}"

    return rule


def boolean(value: object) -> str | None:
    """Allow ``True`` and ``False``, but not 0 and 1.

    Examples
    --------
    >>> boolean(True)
    >>> boolean(1)
    'True or False'
    """
    return None if isinstance(value, bool) else "True or False"


def text(value: object) -> str | None:
    """Allow a text with at least one visible character.

    Examples
    --------
    >>> text("name")
    >>> text(" ")
    'a non-empty string'
    """
    return None if isinstance(value, str) and value.strip() else "a non-empty string"


def path(value: object) -> str | None:
    """Allow a path that is not empty; whether it exists is checked where it is used."""
    fits = isinstance(value, str | os.PathLike) and str(value)
    return None if fits else "a path (str or os.PathLike)"


def names(value: object) -> str | None:
    """Allow a list of texts that is not empty.

    Whether the names exist is checked with the task, see `combinations`.

    Examples
    --------
    >>> names(["KNN", "LightGBM"])
    >>> names("KNN")
    'a non-empty list of names'
    """
    fits = (
        isinstance(value, Sequence | set | frozenset)
        and not isinstance(value, str)
        and len(value) > 0
        and all(isinstance(name, str) for name in value)
    )
    return None if fits else "a non-empty list of names"


def weights(value: object) -> str | None:
    """Allow class weights: ``"balanced"``, or a dict that is not empty.

    Examples
    --------
    >>> weights({"yes": 2.0, "no": 1.0})
    >>> weights("heavy")
    "'balanced', or a dict from label to weight"
    """
    if value == "balanced" if isinstance(value, str) else isinstance(value, Mapping) and value:
        return None
    return "'balanced', or a dict from label to weight"


def featurization(value: object) -> str | None:
    """Allow ``"auto"``, ``"off"``, ``False`` and a `FeaturizationConfig`.

    Examples
    --------
    >>> featurization("auto")
    >>> featurization(True)
    "'auto', 'off' or a FeaturizationConfig"
    """
    if value is False or value in ("auto", "off") or isinstance(value, FeaturizationConfig):
        return None
    return "'auto', 'off' or a FeaturizationConfig"


def mapping(value: object) -> str | None:
    """Allow a dict whose keys are texts.

    Examples
    --------
    >>> mapping({"n_neighbors": 5})
    >>> mapping({0: 5})
    'a dict with texts as keys'
    """
    fits = isinstance(value, Mapping) and all(isinstance(key, str) for key in value)
    return None if fits else "a dict with texts as keys"


def compute_target(value: object) -> str | None:
    """Allow the name of a compute target, or an object with ``name`` and ``launch``.

    Examples
    --------
    >>> compute_target("local")
    >>> compute_target(7)
    "'local', a compute target or its name"
    """
    name = value if isinstance(value, str) else getattr(value, "name", None)
    if isinstance(name, str) and name and (name is value or hasattr(value, "launch")):
        return None
    return "'local', a compute target or its name"


def run_configuration(value: object) -> str | None:
    """Allow an object with ``to_runtime_env``, as `RunConfiguration` has."""
    return None if hasattr(value, "to_runtime_env") else "a RunConfiguration"


def label(value: object) -> str | None:
    """Allow a class label: a text, a boolean, or a number other than NaN.

    Examples
    --------
    >>> label("yes")
    >>> label(float("nan"))
    'a label: a text, a number or a boolean'
    """
    fits = isinstance(value, str | bool | np.bool_ | numbers.Real) and value == value
    return None if fits else "a label: a text, a number or a boolean"


def anything(value: object) -> str | None:
    """Allow every value: column names may be of any type."""
    return None
