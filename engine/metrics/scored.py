"""Truth and predictions, with what several metrics share computed once."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

#: Rows of probabilities whose sum is off by more than this are divided by their sum. A division
#: of the others would tear ties apart.
_SUM_TOLERANCE = 1e-6


@dataclass(frozen=True, eq=False)
class ScoredClasses:
    """True classes and predicted probabilities, and the tables that metrics are made of.

    Parameters
    ----------
    y:
        Class codes ``0 .. n_classes - 1``, shape (n_rows,).
    probabilities:
        Shape (n_rows, n_classes), one column a class code. Negative values count as 0, rows that
        do not sum to 1 are scaled to do so, rows of zeros are taken as equal probabilities.
    weight:
        Shape (n_rows,), or ``None`` for equal weights.
    positive:
        The code of the positive class of two, for the metrics called ``_binary``.

    Examples
    --------
    >>> scored = ScoredClasses(np.array([0, 0, 1]), np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]]))
    >>> scored.predicted.tolist()
    [0, 1, 1]
    >>> scored.confusion.tolist()
    [[1, 1], [0, 1]]
    """

    y: NDArray[np.int64]
    probabilities: Array
    weight: Array | None = None
    positive: int | None = None

    @property
    def n_classes(self) -> int:
        """Number of classes, present or not."""
        return self.probabilities.shape[1]

    @cached_property
    def rows(self) -> Array:
        """The probabilities, non-negative, each row with sum 1; shape (n_rows, n_classes).

        Examples
        --------
        >>> ScoredClasses(np.array([0, 1]), np.array([[2.0, 2.0], [-1.0, 1.0]])).rows.tolist()
        [[0.5, 0.5], [0.0, 1.0]]
        """
        return self._rows_and_totals[0]

    @cached_property
    def own(self) -> Array:
        """The probability of each row's own class; shape (n_rows,).

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities)
        >>> scored.own.tolist()
        [0.8, 0.4, 0.7]
        """
        rows, totals = self._rows_and_totals
        return rows[np.arange(len(self.y)), self.y] / totals

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The most probable class of each row, the first of equal ones; shape (n_rows,)."""
        return self.probabilities.argmax(axis=1)

    @cached_property
    def confusion(self) -> NDArray[Any]:
        """Rows (or weight) of each true class, down, and predicted class, across."""
        n = self.n_classes
        cells = np.bincount(self.y * n + self.predicted, weights=self.weight, minlength=n * n)
        return cells.reshape(n, n)

    @cached_property
    def support(self) -> NDArray[Any]:
        """Rows (or weight) of each true class; shape (n_classes,).

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities)
        >>> scored.support.tolist()
        [2, 1]
        """
        return np.bincount(self.y, weights=self.weight, minlength=self.n_classes)

    @cached_property
    def present(self) -> NDArray[np.int64]:
        """Codes of the classes that ``y`` holds, sorted.

        Examples
        --------
        >>> ScoredClasses(np.array([0, 2]), np.eye(3)[[0, 2]]).present.tolist()
        [0, 2]
        """
        return np.flatnonzero(np.bincount(self.y, minlength=self.n_classes))

    @cached_property
    def precision(self) -> Array:
        """The share of true rows among those predicted as each class; 0 without predictions.

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities)
        >>> scored.precision.tolist()
        [1.0, 0.5]
        """
        claimed = self.confusion.sum(axis=0)
        zeros = np.zeros(self.n_classes)
        return np.divide(self.confusion.diagonal(), claimed, out=zeros, where=claimed > 0)

    @cached_property
    def recall(self) -> Array:
        """The share of each class's rows that is predicted as it; 0 for absent classes.

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities)
        >>> scored.recall.tolist()
        [0.5, 1.0]
        """
        zeros = np.zeros(self.n_classes)
        hits, real = self.confusion.diagonal(), self.confusion.sum(axis=1)
        return np.divide(hits, real, out=zeros, where=real > 0)

    @cached_property
    def f1(self) -> Array:
        """The harmonic mean of precision and recall of each class; 0 where both are 0.

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities)
        >>> scored.f1.round(3).tolist()
        [0.667, 0.667]
        """
        both = self.confusion.sum(axis=1) + self.confusion.sum(axis=0)
        zeros = np.zeros(self.n_classes)
        return np.divide(2 * self.confusion.diagonal(), both, out=zeros, where=both > 0)

    @cached_property
    def areas(self) -> Array:
        """Area under the ROC curve of each present class against the rest, in their order.

        NaN where one side has no weight.

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities)
        >>> scored.areas.tolist()
        [1.0, 1.0]
        """
        return self._orders[:, 0]

    @cached_property
    def average_precisions(self) -> Array:
        """Average precision of each present class against the rest, in their order.

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities)
        >>> scored.average_precisions.tolist()
        [1.0, 1.0]
        """
        return self._orders[:, 1]

    @cached_property
    def pooled(self) -> tuple[float, float]:
        """Area and average precision of all pairs of a row and a class, as one problem of two.

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> area, precision = ScoredClasses(np.array([0, 0, 1]), probabilities).pooled
        >>> round(area, 4), round(precision, 4)
        (0.8889, 0.9167)
        """
        is_own = self.y[:, None] == np.arange(self.n_classes)
        weight = None if self.weight is None else np.repeat(self.weight, self.n_classes)
        return _area_and_precision(is_own.ravel(), self.rows.ravel(), weight)

    def mean_of_present(self, of_classes: Array, by_support: bool) -> float:
        """Return the mean of a value per class over the classes that have weight.

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities)
        >>> scored.mean_of_present(scored.recall, by_support=False)
        0.75
        >>> round(scored.mean_of_present(scored.recall, by_support=True), 3)
        0.667
        """
        real = self.confusion.sum(axis=1)
        held = real > 0
        return float(np.average(of_classes[held], weights=real[held] if by_support else None))

    def of_positive(self, of_present: Array) -> float:
        """Return the positive class's entry of a value per class; NaN unless both are present.

        Examples
        --------
        >>> probabilities = np.array([[0.8, 0.2], [0.4, 0.6], [0.3, 0.7]])
        >>> scored = ScoredClasses(np.array([0, 0, 1]), probabilities, positive=1)
        >>> scored.of_positive(np.array([0.2, 0.9]))
        0.9
        """
        if len(self.present) < 2:
            return math.nan
        return float(of_present[np.searchsorted(self.present, self.positive_code)])

    @cached_property
    def _orders(self) -> Array:
        """What `areas` and `average_precisions` return, side by side; one sort serves both."""
        return np.array(
            [
                _area_and_precision(self.y == code, self.rows[:, code], self.weight)
                for code in self.present
            ]
        )

    @cached_property
    def _rows_and_totals(self) -> tuple[Array, Array]:
        """The probabilities that `rows` returns, and their sums, which may be off by rounding."""
        rows = np.asarray(self.probabilities, dtype=np.float64)
        if rows.min(initial=0.0) < 0:
            rows = np.clip(rows, 0.0, None)
        totals = rows.sum(axis=1)
        off = np.abs(totals - 1.0) > _SUM_TOLERANCE
        if not off.any():
            return rows, totals
        rows, empty = rows.copy(), totals <= 0
        rows[empty] = 1.0 / self.n_classes
        scaled = off & ~empty
        rows[scaled] /= totals[scaled, None]
        return rows, rows.sum(axis=1)

    @property
    def positive_code(self) -> int:
        """The code of the positive class; ValueError where none is named."""
        if self.positive is None:
            raise ValueError("this metric needs the code of the positive class")
        return self.positive


def _area_and_precision(
    is_of: NDArray[np.bool_], scores: Array, weight: Array | None
) -> tuple[float, float]:
    """Return the area under the ROC curve, and the average precision, of one class.

    The area is how probably a case of the class ranks above another; ties count half.
    """
    order = np.argsort(scores)
    mine, ranked = is_of[order], scores[order]
    weights = 1 if weight is None else weight[order]
    # One entry for each level of the score, rising: what lies on it or below.
    ends = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    of_class = np.cumsum(mine * weights)[ends]
    others = np.cumsum(~mine * weights)[ends]
    up, down = np.diff(of_class, prepend=0), np.diff(others, prepend=0)
    pairs = float(of_class[-1]) * float(others[-1])
    area = float((up * (others - down / 2)).sum() / pairs) if pairs > 0 else math.nan
    hits = of_class[-1] - of_class + up
    claimed = hits + others[-1] - others + down
    precision = np.divide(hits, claimed, out=np.zeros(len(ends)), where=claimed > 0)
    return area, float((up * precision).sum() / of_class[-1]) if of_class[-1] > 0 else 0.0


@dataclass(frozen=True, eq=False)
class ScoredValues:
    """True and predicted values, and the errors that metrics are made of.

    Parameters
    ----------
    y, predicted:
        Shape (n_rows,).
    weight:
        Shape (n_rows,), or ``None`` for equal weights.
    y_range:
        Width of the whole target, ``max - min``, by which the ``normalized_`` metrics are divided;
        default: that of ``y``.

    Examples
    --------
    >>> scored = ScoredValues(np.array([1.0, 5.0]), np.array([2.0, 8.0]))
    >>> scored.mean_absolute, scored.mean_squared, scored.width
    (2.0, 5.0, 4.0)
    """

    y: Array
    predicted: Array
    weight: Array | None = None
    y_range: float | None = None

    @cached_property
    def errors(self) -> Array:
        """Prediction minus truth; shape (n_rows,)."""
        return self.predicted - self.y

    @cached_property
    def mean_absolute(self) -> float:
        """The (weighted) mean of the absolute errors."""
        return self.mean(np.abs(self.errors))

    @cached_property
    def mean_squared(self) -> float:
        """The (weighted) mean of the squared errors."""
        return self.mean(self.errors * self.errors)

    @cached_property
    def width(self) -> float:
        """The width by which the ``normalized_`` metrics are divided."""
        return float(np.ptp(self.y)) if self.y_range is None else self.y_range

    def mean(self, values: Array) -> float:
        """Return the (weighted) mean of a value per row.

        Examples
        --------
        >>> y = np.array([1.0, 5.0])
        >>> ScoredValues(y, y, weight=np.array([3.0, 1.0])).mean(y)
        2.0
        """
        return float(np.average(values, weights=self.weight))

    def variance(self, values: Array) -> float:
        """Return the (weighted) mean squared distance of a value per row from its mean.

        Examples
        --------
        >>> y = np.array([1.0, 5.0])
        >>> ScoredValues(y, y).variance(y)
        4.0
        """
        return self.mean((values - self.mean(values)) ** 2)

    def normalized(self, value: float) -> float:
        """Return ``value`` as a share of `width`; NaN where the target is constant.

        Examples
        --------
        >>> y = np.array([1.0, 5.0])
        >>> ScoredValues(y, y).normalized(2.0), ScoredValues(y, y, y_range=20.0).normalized(2.0)
        (0.5, 0.1)
        """
        return value / self.width if self.width > 0 else math.nan
