"""Preference: whether an ensemble is handed over instead of a single pipeline."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.ensembles.compose import EnsembleResult
from engine.ensembles.names import VOTING
from engine.ensembles.out_of_fold import OutOfFold
from engine.metrics.metric import Metric

#: From this many tried pipelines on, the best score is partly luck.
_MANY = 25
#: Standard errors by which an ensemble must be better. A mean of models errs less than one model,
#: so it may be worse by one error. A meta learner that decides alone learns from predictions whose
#: models knew the rows that it is scored on: on new rows it mostly lost what it had gained.
_BY_VOTING, _BY_META_LEARNER_ALONE, _BY_META_LEARNER_IN_A_MEAN = -1.0, 2.0, 0.5


def choose_one(data: OutOfFold, metric: Metric) -> list[float]:
    """Score the choice of the best single candidate, part by part.

    The best of many scores is partly luck on the rows that it was chosen on. Here each part is
    scored by the candidate that is best on the other parts, as an ensemble's parts are, so that
    both can be compared.

    Parameters
    ----------
    data:
        The candidates' predictions.
    metric:
        Decides which candidate is best.

    Returns
    -------
    list of float
        A score for each part.

    Notes
    -----
    Source: Varma & Simon (2006), Bias in error estimation when using cross-validation for model
    selection.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> y = np.arange(4.0)
    >>> views = {0: np.array([0.0, 1.0, 9.0, 9.0]), 1: np.array([9.0, 9.0, 2.0, 3.0])}
    >>> data = OutOfFold(y, None, np.array([0, 0, 1, 1]), views, 3.0, None)
    >>> choose_one(data, METRICS["mean_absolute_error"])  # each is good where it was not chosen
    [8.5, 6.5]
    """
    scores = []
    for others, mine in data.splits():
        best = data.take(others).subsample().ranked(metric)[0]
        part = data.take(mine)
        scores.append(part.score(metric, part.predictions[best]))
    return scores


def mean_improvement(
    metric: Metric, scores: Sequence[float], than: Sequence[float]
) -> tuple[float, float]:
    """Compare scores part by part.

    Parameters
    ----------
    metric:
        Decides whether more is better.
    scores, than:
        A score for each part; parts where one is NaN are left out.

    Returns
    -------
    tuple of float
        By how much ``scores`` are better in the mean, and the standard error of that mean:
        infinite for a single part, NaN where no part is left.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> better, error = mean_improvement(METRICS["accuracy"], [0.8, 0.9], [0.7, 0.7])
    >>> round(better, 3), round(error, 3)
    (0.15, 0.05)
    """
    differences = np.asarray(scores, dtype=np.float64) - np.asarray(than, dtype=np.float64)
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return np.nan, np.nan
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else np.inf
    return -metric.sign * float(differences.mean()), float(error)


class Preference:
    """Decides which ensembles a run prefers to its best single pipeline.

    Parameters
    ----------
    metric:
        The run's primary metric.
    baseline:
        Scores by part to beat, see `choose_one`; ``None``: the best score decides, and no
        ensemble is preferred.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> preference = Preference(METRICS["accuracy"], [0.7, 0.8])
    >>> result = EnsembleResult({}, {}, [{"accuracy": 0.8}, {"accuracy": 0.84}], np.zeros(0))
    >>> preference.reason("VotingEnsemble", result)
    '0.82 against 0.75 of choosing a single pipeline on other rows'
    >>> preference.reason("StackEnsemble", result) is None
    True
    """

    def __init__(self, metric: Metric, baseline: Sequence[float] | None) -> None:
        self._metric = metric
        self._baseline = baseline
        self._whose = "choosing a single pipeline on other rows"

    @classmethod
    def among(cls, data: OutOfFold, metric: Metric, n_tried: int) -> Preference:
        """Make the preference of a run that has tried ``n_tried`` pipelines.

        With fewer than 25 the best score is hardly luck, and no ensemble is preferred.

        Examples
        --------
        >>> from engine.ensembles.names import VOTING
        >>> from engine.metrics.metric import METRICS
        >>> y = np.arange(4.0)
        >>> data = OutOfFold(y, None, np.array([0, 0, 1, 1]), {0: y + 1}, 3.0, None)
        >>> metric = METRICS["mean_absolute_error"]
        >>> perfect = EnsembleResult({0: 1.0}, {}, [{metric.name: 0.0}, {metric.name: 0.0}], y)
        >>> Preference.among(data, metric, n_tried=24).reason(VOTING, perfect) is None
        True
        >>> Preference.among(data, metric, n_tried=25).reason(VOTING, perfect)
        '0 against 1 of choosing a single pipeline on other rows'
        """
        return cls(metric, choose_one(data, metric) if n_tried >= _MANY else None)

    def reason(self, name: str, result: EnsembleResult) -> str | None:
        """Return why the ensemble is preferred to the baseline; ``None`` if it is not.

        An ensemble that is preferred is the baseline of those that follow. A voting ensemble may
        be worse by one standard error, a meta learner must be better by two, or by half of one
        where it is a part of a mean.

        Parameters
        ----------
        name:
            The ensemble's name, one of `engine.ensembles.names.ENSEMBLES`.
        result:
            The ensemble.
        """
        if self._baseline is None:
            return None
        scores = [self._metric.of(fold) for fold in result.fold_metrics]
        if len(scores) != len(self._baseline):
            return None
        better, error = mean_improvement(self._metric, scores, self._baseline)
        margin = _BY_META_LEARNER_ALONE
        if name == VOTING:
            margin = _BY_VOTING
        elif result.own_weight is not None:
            margin = _BY_META_LEARNER_IN_A_MEAN
        is_preferred = better >= margin * error if name == VOTING else better > margin * error
        if not is_preferred:
            return None
        means = f"{np.nanmean(scores):.6g} against {np.nanmean(self._baseline):.6g}"
        reason = f"{means} of {self._whose}"
        self._baseline, self._whose = scores, name
        return reason
