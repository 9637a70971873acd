"""When an iteration's first folds say that the rest is not worth its time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.metrics import Metric

#: On metrics whose perfect value is 1: less than this behind the best is never hopeless.
_FLOOR = 0.05


def hopeless(metric: Metric, scores: Sequence[float], best: Sequence[float]) -> str | None:
    """Why an iteration with these fold scores cannot matter, or ``None``.

    It is hopeless when its error (distance from a perfect score) is more than twice that of the
    best iteration on the same folds, and the difference is three times what the best iteration's
    own scores differ between folds. Even an ensemble has no use for it then.

    Parameters
    ----------
    metric:
        The primary metric.
    scores:
        Of the folds that are done.
    best:
        Of all folds of the best iteration so far.
    """
    if not scores or len(best) < 3 or len(scores) >= len(best):
        return None
    mine, its = np.asarray(scores), np.asarray(best[: len(scores)])
    if not (np.isfinite(mine).all() and np.isfinite(best).all()):
        return None
    my_error, its_error = np.abs(metric.best - mine).mean(), np.abs(metric.best - its).mean()
    floor = _FLOOR if metric.best == 1.0 else 0.0
    behind = my_error - its_error
    if behind <= max(its_error, floor, 3.0 * float(np.std(best))):
        return None
    return (
        f"hopeless after {len(scores)} of {len(best)} folds: {mine.mean():.4g} against "
        f"{its.mean():.4g} of the best iteration"
    )
