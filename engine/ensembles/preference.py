"""Whether an ensemble is preferred to a single pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.ensembles.out_of_fold import OutOfFold
from engine.metrics.metric import METRICS, Metric


def choose_one(data: OutOfFold, metric_name: str) -> list[float]:
    """What choosing the best single candidate gives, a score for each part of the rows.

    The best of many scores is partly luck: of the rows that it was chosen on. Here each part is
    scored by the candidate that is best on the others, as an ensemble's parts are, so that the two
    can be compared.

    Source: Varma & Simon (2006), Bias in error estimation when using cross-validation for model
    selection.
    """
    metric, scores = METRICS[metric_name], []
    for others, mine in data.splits():
        best = data.rows(others).few().ranked(metric)[0]
        part = data.rows(mine)
        scores.append(part.score(metric_name, part.predictions[best]))
    return scores


def gain(metric: Metric, scores: Sequence[float], than: Sequence[float]) -> tuple[float, float]:
    """By how much ``scores`` are better in the mean of the parts, and the standard error of that.

    Parts that have no score are left out; NaN when none has.
    """
    differences = np.asarray(scores, dtype=np.float64) - np.asarray(than, dtype=np.float64)
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return np.nan, np.nan
    sign = 1.0 if metric.greater_is_better else -1.0
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else np.inf
    return sign * float(differences.mean()), float(error)
