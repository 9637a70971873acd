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
from engine.data.values import valid_text
from engine.plain_values import is_plain

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


def integer(at_least: int, or_exactly: int | None = None, at_most: int | None = None) -> Check:
    """Make a rule that allows integers, numpy's too, but no booleans.

    Parameters
    ----------
    at_least:
        The smallest allowed integer.
    or_exactly:
        One more allowed integer.
    at_most:
        The largest allowed integer; default: no limit.

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
            and (at_most is None or int(value) <= at_most)
        ):
            return None
        extra = "" if or_exactly is None else f", or {or_exactly}"
        extra += "" if at_most is None else f" and at most {at_most}"
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
    return None if isinstance(value, bool | np.bool_) else "True or False"


def text(value: object) -> str | None:
    """Allow a text with at least one visible character.

    Examples
    --------
    >>> text("name")
    >>> text(" ")
    'a non-empty string'
    """
    fits = isinstance(value, str) and value.strip() and valid_text(value) == value
    return None if fits else "a non-empty string"


def path(value: object) -> str | None:
    """Allow a path that is not empty; whether it exists is checked where it is used."""
    fits = isinstance(value, str | os.PathLike) and isinstance(os.fspath(value), str) and str(value)
    return None if fits and "\0" not in str(value) else "a path (str or os.PathLike)"


def names(value: object) -> str | None:
    """Allow a list of texts that is not empty.

    Whether the names exist is checked with the task, see `combinations`.

    Examples
    --------
    >>> names(["KNN", "LightGBM"])
    >>> names("KNN")
    'a non-empty list of names'
    """
    fits = _is_list_of(value, lambda name: isinstance(name, str))
    return None if fits else "a non-empty list of names"


def weights(value: object) -> str | None:
    """Allow class weights: ``"balanced"``, or a dict that is not empty.

    Examples
    --------
    >>> weights({"yes": 2.0, "no": 1.0})
    >>> weights("heavy")
    "'balanced', or a dict from label to weight, a number of at least 0"
    """
    if isinstance(value, Mapping):
        is_weight = number(what="a weight")
        fits = len(value) > 0 and all(
            label(key) is None and is_weight(weight) is None and weight >= 0
            for key, weight in value.items()
        )
    else:
        fits = isinstance(value, str) and value == "balanced"
    return None if fits else "'balanced', or a dict from label to weight, a number of at least 0"


def featurization(value: object) -> str | None:
    """Allow ``"auto"``, ``"off"``, ``False`` and a `FeaturizationConfig`.

    Examples
    --------
    >>> featurization("auto")
    >>> featurization(True)
    "'auto', 'off' or a FeaturizationConfig"
    """
    is_off = isinstance(value, bool | np.bool_) and not value
    if is_off or isinstance(value, FeaturizationConfig):
        return None
    if isinstance(value, str) and value in ("auto", "off"):
        return None
    return "'auto', 'off' or a FeaturizationConfig"


def mapping(value: object) -> str | None:
    """Allow a dict from texts to plain values.

    Examples
    --------
    >>> mapping({"n_neighbors": 5})
    >>> mapping({0: 5})
    'a dict from texts to numbers, texts, lists, tuples or dicts'
    """
    fits = (
        isinstance(value, Mapping)
        and all(isinstance(key, str) for key in value)
        and is_plain(value)
    )
    return None if fits else "a dict from texts to numbers, texts, lists, tuples or dicts"


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


def column(value: object) -> str | None:
    """Allow the name of a column: a text, a number, or a tuple of these.

    Examples
    --------
    >>> column("age")
    >>> column(("a", 1))
    >>> column(["age"])
    "a column's name: a text, a number, or a tuple of these"
    """
    parts = value if isinstance(value, tuple) else (value,)
    if parts and all(part is None or label(part) is None for part in parts) and value is not None:
        return None
    return "a column's name: a text, a number, or a tuple of these"


def columns(value: object) -> str | None:
    """Allow a list of column names that is not empty.

    Examples
    --------
    >>> columns(["age", 0])
    >>> columns("age")
    "a non-empty list of columns' names"
    """
    fits = _is_list_of(value, lambda name: column(name) is None)
    return None if fits else "a non-empty list of columns' names"


def _is_list_of(value: object, fits: Callable[[object], bool]) -> bool:
    return (
        isinstance(value, Sequence | set | frozenset)
        and not isinstance(value, str)
        and len(value) > 0
        and all(fits(item) for item in value)
    )
