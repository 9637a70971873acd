"""Whether an ensemble is preferred to a single pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.ensembles.compose import EnsembleResult
from engine.ensembles.names import VOTING
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


#: With fewer pipelines the best score of them is hardly luck.
_MANY = 25


class _Preference:
    """Whether the run hands an ensemble over, whoever has the best score.

    Parameters
    ----------
    alone:
        From `choose_one`; ``None``: the best score decides.
    """

    def __init__(self, metric: Metric, alone: Sequence[float] | None) -> None:
        self._metric = metric
        self._so_far = alone
        self._what = "choosing a single pipeline on other rows"

    def of(self, name: str, result: EnsembleResult) -> str | None:
        """Why this one is preferred to what was before, or ``None``.

        The mean of models errs less than one, so that it needs only not be worse by more than the
        standard error. A meta learner that decides alone must be better by more than twice that:
        it learns from predictions whose models knew the rows that it is scored on, and on rows of
        its own it mostly gave back what it had gained. One that is a part of a mean: by half of it.
        """
        if self._so_far is None:
            return None
        scores = [fold[self._metric.name] for fold in result.fold_metrics]
        if len(scores) != len(self._so_far):
            return None
        better, error = gain(self._metric, scores, self._so_far)
        if name == VOTING:
            preferred = better >= -error
        else:
            preferred = better > (2.0 if result.own_weight is None else 0.5) * error
        if not preferred:
            return None
        why = f"{np.nanmean(scores):.6g} against {np.nanmean(self._so_far):.6g} of {self._what}"
        self._so_far, self._what = scores, name
        return why
