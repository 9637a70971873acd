"""Ranges of hyperparameters: what a search space is made of.

They are plain data, so that a fitted pipeline can be loaded without the library that searches;
`engine.search` turns them into that library's distributions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real

#: A value of `Choices`.
Choice = str | int | float | bool | None


@dataclass(frozen=True)
class FloatRange:
    """Real numbers from ``low`` to ``high``, both included; ``log``: even on a log scale.

    Examples
    --------
    >>> FloatRange(1e-4, 1.0, log=True).contains(0.01)
    True
    >>> FloatRange(0.0, 1.0).contains("many")
    False
    """

    low: float
    high: float
    log: bool = False

    def contains(self, value: object) -> bool:
        """Whether a value is a number within the range."""
        return isinstance(value, Real) and self.low <= float(value) <= self.high


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from ``low`` to ``high``, both included; ``log``: even on a log scale.

    Examples
    --------
    >>> IntRange(1, 50).contains(50)
    True
    >>> IntRange(1, 50).contains(2.5)
    False
    """

    low: int
    high: int
    log: bool = False

    def contains(self, value: object) -> bool:
        """Whether a value is a whole number within the range."""
        if not isinstance(value, Real) or not float(value).is_integer():
            return False
        return self.low <= float(value) <= self.high


@dataclass(frozen=True)
class Choices:
    """A few values without an order: texts, numbers, truth values or ``None``.

    Examples
    --------
    >>> Choices((None, "balanced")).contains("balanced")
    True
    """

    choices: tuple[Choice, ...]

    def contains(self, value: object) -> bool:
        """Whether a value is one of the choices."""
        return value in self.choices


Range = FloatRange | IntRange | Choices
#: Parameter -> its range.
Space = Mapping[str, Range]


def log_uniform(low: float, high: float) -> FloatRange:
    """Return a range of real numbers that is even on a log scale.

    Examples
    --------
    >>> log_uniform(1e-4, 100.0)
    FloatRange(low=0.0001, high=100.0, log=True)
    """
    return FloatRange(low, high, log=True)


def log_integers(low: int, high: int) -> IntRange:
    """Return a range of whole numbers that is even on a log scale.

    Examples
    --------
    >>> log_integers(1, 50)
    IntRange(low=1, high=50, log=True)
    """
    return IntRange(low, high, log=True)


def one_of(*choices: Choice) -> Choices:
    """Return a range of a few values.

    Examples
    --------
    >>> one_of("l1", "l2").choices
    ('l1', 'l2')
    """
    return Choices(choices)
