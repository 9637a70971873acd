"""Pruning: ends iterations whose first folds are far behind the best iteration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.metrics.metric import Metric

#: Folds of the best iteration that a comparison needs: two do not show how far folds differ.
_LEAST_FOLDS = 3


@dataclass(frozen=True)
class Patience:
    """The distance to the best iteration that is still tolerated: the largest of three.

    Attributes
    ----------
    errors:
        Share of the best iteration's error (distance from a perfect score).
    deviations:
        Standard deviations of the best iteration's own scores between folds.
    least:
        Absolute distance, for metrics whose perfect value is 1.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> metric, best = METRICS["accuracy"], [0.95, 0.96, 0.94]
    >>> [pruning_reason(metric, [0.92], best, kind) is None for kind in (PATIENT, IMPATIENT)]
    [True, False]
    """

    errors: float
    deviations: float
    least: float


#: A pipeline further behind is of no use even to an ensemble.
PATIENT = Patience(errors=1.0, deviations=3.0, least=0.05)
#: With a pipeline further behind, other pipelines are a better use of scarce time.
IMPATIENT = Patience(errors=0.3, deviations=2.0, least=0.005)


def pruning_reason(
    metric: Metric, scores: Sequence[float], best: Sequence[float], patience: Patience = PATIENT
) -> str | None:
    """Return why an iteration with these fold scores should end, or ``None`` to go on.

    The errors of both iterations on the same folds are compared.

    Parameters
    ----------
    metric:
        The primary metric.
    scores:
        Scores of the folds that are done, in the order of the folds.
    best:
        Scores of all folds of the best iteration so far; empty when there is none.
    patience:
        The tolerated distance; default: twice the best iteration's error.

    Returns
    -------
    str or None
        ``None`` also where a comparison is not possible: no fold or all folds done, fewer than
        three folds of the best iteration, NaN among the scores.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> pruning_reason(METRICS["accuracy"], [0.5], [0.95, 0.96, 0.94])
    'hopeless after 1 of 3 folds: 0.5 against 0.95 of the best iteration'
    >>> pruning_reason(METRICS["accuracy"], [0.94], [0.95, 0.96, 0.94]) is None
    True
    """
    if not scores or len(best) < _LEAST_FOLDS or len(scores) >= len(best):
        return None
    mine, its = np.asarray(scores), np.asarray(best[: len(scores)])
    if not (np.isfinite(mine).all() and np.isfinite(best).all()):
        return None
    my_error, its_error = np.abs(metric.best - mine).mean(), np.abs(metric.best - its).mean()
    allowed = max(patience.errors * its_error, patience.deviations * float(np.std(best)))
    if metric.best == 1.0:
        allowed = max(allowed, patience.least)
    if my_error - its_error <= allowed:
        return None
    return (
        f"hopeless after {len(scores)} of {len(best)} folds: {mine.mean():.4g} against "
        f"{its.mean():.4g} of the best iteration"
    )
