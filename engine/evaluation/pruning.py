"""When an iteration's first folds say that the rest is not worth its time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.metrics.metric import Metric


@dataclass(frozen=True)
class Patience:
    """How far behind the best iteration another may be.

    Attributes
    ----------
    errors:
        Part of the best iteration's error (distance from a perfect score).
    deviations:
        Standard deviations of the best iteration's own scores between folds.
    least:
        On metrics whose perfect value is 1: less than this behind is never hopeless.
    """

    errors: float
    deviations: float
    least: float


#: Behind by this, even an ensemble has no use for it.
PATIENT = Patience(errors=1.0, deviations=3.0, least=0.05)
#: Behind by this, other pipelines are a better use for seconds that count.
IMPATIENT = Patience(errors=0.3, deviations=2.0, least=0.005)


def hopeless(
    metric: Metric, scores: Sequence[float], best: Sequence[float], patience: Patience = PATIENT
) -> str | None:
    """Why an iteration with these fold scores cannot matter, or ``None``.

    It is hopeless when it is further behind the best iteration on the same folds than each part of
    ``patience`` allows.

    Parameters
    ----------
    metric:
        The primary metric.
    scores:
        Of the folds that are done.
    best:
        Of all folds of the best iteration so far.
    patience:
        What is allowed; default: twice the best iteration's error.
    """
    if not scores or len(best) < 3 or len(scores) >= len(best):
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
