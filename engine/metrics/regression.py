"""Regression metrics, one function each.

Every function takes a `ScoredValues`: true values, predictions and weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from scipy.stats import rankdata
from sklearn import metrics as sk

from engine.metrics.scored import ScoredValues


def spearman_correlation(scored: ScoredValues) -> float:
    """Return the (weighted) Pearson correlation of the ranks; ties have their mean rank.

    It is 0 for a constant prediction or target, and NaN for fewer than two rows.

    >>> spearman_correlation(ScoredValues(np.array([1.0, 2.0, 9.0]), np.array([0.1, 0.5, 0.6])))
    1.0
    """
    if len(scored.y) < 2:
        return math.nan
    ranks = rankdata(scored.y), rankdata(scored.predicted)
    covariance = np.cov(*ranks, aweights=scored.weight, ddof=0)
    spread = math.sqrt(covariance[0, 0] * covariance[1, 1])
    return float(covariance[0, 1] / spread) if spread > 0 else 0.0


def r2_score(scored: ScoredValues) -> float:
    """Return the coefficient of determination, ``1 - mean squared error / variance``.

    For a constant target it is 1 where every prediction is exact, else 0. NaN for fewer than two
    rows.

    >>> r2_score(ScoredValues(np.array([1.0, 3.0]), np.array([1.0, 2.0])))
    0.5
    """
    if len(scored.y) < 2:
        return math.nan
    variance = scored.variance(scored.y)
    return 1.0 - scored.mean_squared / variance if variance > 0 else float(scored.mean_squared == 0)


def root_mean_squared_error(scored: ScoredValues) -> float:
    """Return the root of the mean squared error, in the units of the target.

    >>> root_mean_squared_error(ScoredValues(np.array([1.0, 3.0]), np.array([1.0, 3.0])))
    0.0
    """
    return math.sqrt(scored.mean_squared)


def mean_absolute_error(scored: ScoredValues) -> float:
    """Return the mean absolute error, in the units of the target.

    >>> mean_absolute_error(ScoredValues(np.array([1.0, 3.0]), np.array([2.0, 6.0])))
    2.0
    """
    return scored.mean_absolute


def normalized_root_mean_squared_error(scored: ScoredValues) -> float:
    """Return the root mean squared error as a share of the target's width.

    >>> y, predicted = np.array([1.0, 3.0]), np.array([2.0, 4.0])
    >>> normalized_root_mean_squared_error(ScoredValues(y, predicted, y_range=10.0))
    0.1
    """
    return scored.normalized(root_mean_squared_error(scored))


def normalized_mean_absolute_error(scored: ScoredValues) -> float:
    """Return the mean absolute error as a share of the target's width.

    >>> y, predicted = np.array([1.0, 3.0]), np.array([2.0, 6.0])
    >>> normalized_mean_absolute_error(ScoredValues(y, predicted, y_range=10.0))
    0.2
    """
    return scored.normalized(scored.mean_absolute)


def median_absolute_error(scored: ScoredValues) -> float:
    """Return the (weighted) median of the absolute errors, in the units of the target.

    >>> y = np.array([0.0, 0.0, 0.0])
    >>> median_absolute_error(ScoredValues(y, np.array([1.0, -2.0, 90.0])))
    2.0
    """
    return float(sk.median_absolute_error(scored.y, scored.predicted, sample_weight=scored.weight))


def root_mean_squared_log_error(scored: ScoredValues) -> float:
    """Return the root of the mean squared difference of ``log(1 + value)``.

    NaN where a true or a predicted value is negative.

    >>> y, predicted = np.array([0.0, np.e - 1]), np.array([0.0, np.e - 1])
    >>> root_mean_squared_log_error(ScoredValues(y, predicted))
    0.0
    """
    if (scored.y < 0).any() or (scored.predicted < 0).any():
        return math.nan
    return float(
        sk.root_mean_squared_log_error(scored.y, scored.predicted, sample_weight=scored.weight)
    )


def mean_absolute_percentage_error(scored: ScoredValues) -> float:
    """Return the mean of ``100 * |error| / |truth|``, in percent.

    Rows whose true value is 0 have no percentage and are left out; NaN where no other is left.

    >>> y, predicted = np.array([0.0, 10.0, -20.0]), np.array([5.0, 11.0, -26.0])
    >>> mean_absolute_percentage_error(ScoredValues(y, predicted))
    20.0
    """
    counted = scored.y != 0
    weight = None if scored.weight is None else scored.weight[counted]
    if not counted.any() or (weight is not None and weight.sum() <= 0):
        return math.nan
    shares = np.abs(scored.errors[counted]) / np.abs(scored.y[counted])
    return 100.0 * float(np.average(shares, weights=weight))


def explained_variance(scored: ScoredValues) -> float:
    """Return ``1 - variance of the errors / variance of the target``.

    Unlike `r2_score` it forgives a constant error. For a constant target it is 1 where the error is
    constant, else 0. NaN for fewer than two rows.

    >>> explained_variance(ScoredValues(np.array([1.0, 3.0]), np.array([2.0, 4.0])))
    1.0
    """
    if len(scored.y) < 2:
        return math.nan
    variance, left = scored.variance(scored.y), scored.variance(scored.errors)
    return 1.0 - left / variance if variance > 0 else float(left == 0)


def normalized_median_absolute_error(scored: ScoredValues) -> float:
    """Return the median absolute error as a share of the target's width.

    >>> y, predicted = np.array([1.0, 3.0]), np.array([2.0, 4.0])
    >>> normalized_median_absolute_error(ScoredValues(y, predicted, y_range=10.0))
    0.1
    """
    return scored.normalized(median_absolute_error(scored))


def normalized_root_mean_squared_log_error(scored: ScoredValues) -> float:
    """Return the root mean squared log error divided by the target's width.

    >>> y, predicted = np.array([0.0, 1.0]), np.array([1.0, 3.0])
    >>> round(normalized_root_mean_squared_log_error(ScoredValues(y, predicted, y_range=2.0)), 4)
    0.3466
    """
    return scored.normalized(root_mean_squared_log_error(scored))


#: Metric name to its formula.
FORMULAS: Mapping[str, Callable[[ScoredValues], float]] = {
    "spearman_correlation": spearman_correlation,
    "r2_score": r2_score,
    "normalized_root_mean_squared_error": normalized_root_mean_squared_error,
    "normalized_mean_absolute_error": normalized_mean_absolute_error,
    "root_mean_squared_error": root_mean_squared_error,
    "mean_absolute_error": mean_absolute_error,
    "median_absolute_error": median_absolute_error,
    "root_mean_squared_log_error": root_mean_squared_log_error,
    "mean_absolute_percentage_error": mean_absolute_percentage_error,
    "explained_variance": explained_variance,
    "normalized_median_absolute_error": normalized_median_absolute_error,
    "normalized_root_mean_squared_log_error": normalized_root_mean_squared_log_error,
}
