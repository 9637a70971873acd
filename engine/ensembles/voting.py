"""Voting: a weighted mean of pipelines' predictions, the weights found greedily."""

from __future__ import annotations

from collections.abc import Mapping

from engine.deadline import NEVER, Deadline
from engine.ensembles.compose import EnsembleResult, score_parts
from engine.ensembles.greedy_selection import GreedySelection
from engine.ensembles.out_of_fold import OutOfFold
from engine.metrics.metric import Metric

#: An ensemble keeps this many members whatever they cost.
_FEWEST = 2
#: An ensemble that takes longer than this to predict 1,000 rows drops slow members of little weight
#: while it loses no more than this much of a classification metric, this share of a regression one.
_SLOW_MS = 30.0
_LITTLE_WEIGHT = 0.05
_WORTH_SPEED = 1e-4

_SELECTION = GreedySelection()


def voting_ensemble(data: OutOfFold, metric: Metric, deadline: Deadline = NEVER) -> EnsembleResult:
    """Weigh the candidates by `greedy_weights`, and score their mean.

    Parameters
    ----------
    data:
        The candidates' predictions.
    metric:
        Decides which candidates are best and, itself or through the log loss, their weights.
    deadline:
        Steps that are not done by then are left out; default: no limit.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.metrics.metric import METRICS
    >>> y = np.arange(20.0)
    >>> data = OutOfFold(y, None, np.arange(20) % 2, {0: y + 1, 1: y - 1, 2: y + 9}, 19.0, None)
    >>> result = voting_ensemble(data, METRICS["root_mean_squared_error"])
    >>> dict(result.members), result.metrics["root_mean_squared_error"]
    ({0: 0.5, 1: 0.5}, 0.0)
    """
    members = greedy_weights(data, metric, deadline)
    return score_parts(
        data,
        members,
        data.mean(members),
        lambda others, part: part.mean(greedy_weights(data.take(others), metric, deadline)),
    )


def greedy_weights(data: OutOfFold, metric: Metric, deadline: Deadline = NEVER) -> dict[int, float]:
    """Weigh candidates by `GreedySelection` on halves of the rows, without slow ones of no use.

    Parameters
    ----------
    data, metric, deadline:
        As in `voting_ensemble`.

    Returns
    -------
    dict
        Iteration -> weight, the heaviest first; the weights sum to 1.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.metrics.metric import METRICS
    >>> y = np.arange(10.0)
    >>> data = OutOfFold(y, None, np.zeros(10, int), {0: y + 1, 1: y - 1, 2: y + 9}, 9.0, None)
    >>> greedy_weights(data, METRICS["root_mean_squared_error"])
    {0: 0.5, 1: 0.5}
    """
    rows = data.subsample()
    weights = _SELECTION.select_on_halves(rows, metric, deadline)
    return drop_slow_members(rows, metric, weights, _LITTLE_WEIGHT)


def top_members(
    data: OutOfFold, metric: Metric, at_most: int, deadline: Deadline = NEVER
) -> list[int]:
    """The heaviest members by `greedy_weights`, two at least.

    Parameters
    ----------
    data, metric, deadline:
        As in `voting_ensemble`.
    at_most:
        How many members.

    Returns
    -------
    list of int
        The heaviest first. A single member is followed by the best of the other candidates.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.metrics.metric import METRICS
    >>> y = np.arange(10.0)
    >>> data = OutOfFold(y, None, np.zeros(10, int), {0: y, 1: y + 2, 2: y + 1}, 9.0, None)
    >>> top_members(data, METRICS["root_mean_squared_error"], at_most=8)
    [0, 2]
    """
    chosen = list(greedy_weights(data, metric, deadline))[:at_most]
    if len(chosen) < _FEWEST:
        chosen += [n for n in data.subsample().ranked(metric) if n not in chosen]
        return chosen[:_FEWEST]
    return chosen


def drop_slow_members(
    data: OutOfFold, metric: Metric, weights: Mapping[int, float], at_most: float = 1.0
) -> dict[int, float]:
    """Drop slow members whose loss the score does not show.

    Parameters
    ----------
    data:
        The candidates' predictions, and the milliseconds that they take.
    metric:
        The score that must not fall.
    weights:
        Iteration -> weight.
    at_most:
        Only members of this weight or less may be dropped; default: any.

    Returns
    -------
    dict
        Iteration -> weight. Two members stay at least; where some were dropped, the weights of
        the others sum to 1 and keep their proportions.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.metrics.metric import METRICS
    >>> y, cost = np.arange(10.0), {0: 1.0, 1: 1.0, 2: 500.0}
    >>> views = {0: y + 1, 1: y - 1, 2: y + 1e-6}
    >>> data = OutOfFold(y, None, np.zeros(10, int), views, 9.0, None, cost)
    >>> weights = {0: 0.4, 1: 0.4, 2: 0.2}
    >>> drop_slow_members(data, METRICS["r2_score"], weights)
    {0: 0.5, 1: 0.5}
    """
    kept = dict(weights)
    costs = {n: data.prediction_ms.get(n, 0.0) for n in kept}
    if sum(costs.values()) <= _SLOW_MS:
        return kept

    def score_of(chosen: Mapping[int, float]) -> float:
        return data.score(metric, data.mean(chosen) / sum(chosen.values()))

    top = score_of(kept)
    allowed = _WORTH_SPEED * (1.0 if data.n_classes is not None else abs(top))
    light = [n for n in costs if weights[n] <= at_most]
    for slowest in sorted(light, key=lambda n: (-costs[n], n)):
        if len(kept) <= _FEWEST or sum(costs[n] for n in kept) <= _SLOW_MS:
            break
        without = {n: w for n, w in kept.items() if n != slowest}
        if metric.loss(score_of(without)) - metric.loss(top) <= allowed:
            kept = without
    total = sum(kept.values())
    return {n: w / total for n, w in kept.items()}
