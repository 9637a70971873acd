"""A weighted mean of pipelines' predictions, the weights found greedily."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.ensembles.compose import EnsembleResult, score_parts
from engine.ensembles.meta_features import Array
from engine.ensembles.out_of_fold import OutOfFold
from engine.metrics.classification import log_loss_of_own
from engine.metrics.metric import METRICS, Metric

if TYPE_CHECKING:
    from engine.ensembles.second_level import SecondLevel

#: The second level among iterations.
_OWN = -1
#: The greedy selection starts with the best of so many estimators, no more than a third of the
#: candidates: near copies of the best would only repeat it. Then come so many additions at most.
_START = 4
_ADDITIONS = 20
#: All of them come from this many of the best candidates.
_POOL = 20
#: Metrics whose greedy selection picks up less noise when the log loss decides: it sees by how much
#: a prediction is off, they only see orders and sides (`benchmarks/ensembles.py` compares).
_BY_LOG_LOSS = ("AUC_weighted", "AUC_macro", "average_precision_score_weighted", "accuracy")
#: The weights are the mean of selections on random halves of the rows: as many as make up so many
#: rows, within limits. With few rows a single selection mostly picks what was lucky on them.
_BAGGED_ROWS = 10_000
_FEWEST_BAGS, _MOST_BAGS = 2, 8
_LEAST_ROWS = 20
#: An ensemble of more than the fewest that takes longer to predict 1,000 rows gives members of
#: little weight up while it loses no more than this much of the metric (of a regression metric,
#: this share).
_FEWEST = 2
_SLOW_MS = 30.0
_LITTLE_WEIGHT = 0.05
_WORTH_SPEED = 1e-4


def vote(data: OutOfFold, metric_name: str, seconds: float | None = None) -> EnsembleResult:
    """Weights for the candidates, greedily.

    From the mean of the best of a few estimators on, add again and again the candidate (any of the
    better ones, also one that is in) that makes the mean best; the weights are how often each was
    added, in the mean of several such selections on halves of the rows.

    Parameters
    ----------
    data:
        The candidates' predictions.
    metric_name:
        What decides who is among the best. The additions are decided by it too, or by the log
        loss where that is the safer guide.
    seconds:
        Time for it all; what is not done by then is left out.

    Notes
    -----
    Source: Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble selection from libraries of
    models, with its guards against overfitting: the sorted initialization, the selection with
    replacement, and bagging, here of rows instead of models.
    """
    until = None if seconds is None else time.monotonic() + seconds
    members = _weights(data, metric_name, until)
    return score_parts(
        data,
        members,
        data.mean(members),
        lambda others, part: part.mean(_weights(data.rows(others), metric_name, until)),
    )


def voters(
    data: OutOfFold, metric_name: str, at_most: int, until: float | None = None
) -> list[int]:
    """The members of `vote`, the heaviest first; two at least, with the best of the others.

    ``until`` is when there is no more time, on the monotonic clock; default: no limit.
    """
    chosen = list(_weights(data, metric_name, until))[:at_most]
    if len(chosen) < _FEWEST:
        chosen += [n for n in data.few().ranked(METRICS[metric_name]) if n not in chosen]
        return chosen[:_FEWEST]
    return chosen


def vote_with(
    data: OutOfFold,
    metric_name: str,
    own: SecondLevel,
    inputs: Sequence[int],
    seconds: float | None = None,
) -> EnsembleResult | None:
    """Weights for the candidates and a second level, as `vote` gives them.

    Parameters
    ----------
    data, metric_name, seconds:
        As in `vote`.
    own:
        The second level.
    inputs:
        The iterations whose predictions it has seen, in that order; all are members, some perhaps
        of weight 0.

    Returns
    -------
    EnsembleResult or None
        ``None`` when the second level has no weight in the best mean.
    """
    known = slice(None) if data.known is None else data.known
    cost = sum(data.prediction_ms.get(n, 0.0) for n in inputs)
    voted = vote(
        replace(
            data,
            predictions={**data.predictions, _OWN: own.predictions[known]},
            prediction_ms={**data.prediction_ms, _OWN: cost},
            kinds={**data.kinds, _OWN: "second level"},
        ),
        metric_name,
        seconds,
    )
    members = dict(voted.members)
    own_weight = members.pop(_OWN, None)
    if own_weight is None:
        return None
    return replace(
        voted,
        members={n: members.pop(n, 0.0) for n in inputs} | members,
        meta_learner=own.model,
        features=own.features,
        own_weight=own_weight,
        n_inputs=len(inputs),
    )


def lighter(
    data: OutOfFold, metric: Metric, weights: Mapping[int, float], at_most: float = 1.0
) -> dict[int, float]:
    """Without slow members whose loss would not show; the others keep their proportions.

    Only those of a weight of ``at_most`` may go.
    """
    kept = dict(weights)
    costs = {n: data.prediction_ms.get(n, 0.0) for n in kept}
    if sum(costs.values()) <= _SLOW_MS:
        return kept

    def score_of(chosen: Mapping[int, float]) -> float:
        return data.score(metric.name, data.mean(chosen) / sum(chosen.values()))

    sign = 1 if metric.greater_is_better else -1
    top = score_of(kept)
    allowed = _WORTH_SPEED * (1.0 if data.n_classes is not None else abs(top))
    light = [n for n in costs if weights[n] <= at_most]
    for slowest in sorted(light, key=lambda n: (-costs[n], n)):
        if len(kept) <= _FEWEST or sum(costs[n] for n in kept) <= _SLOW_MS:
            break
        without = {n: w for n, w in kept.items() if n != slowest}
        if sign * (top - score_of(without)) <= allowed:
            kept = without
    total = sum(kept.values())
    return {n: w / total for n, w in kept.items()}


def _weights(data: OutOfFold, metric_name: str, until: float | None) -> dict[int, float]:
    few, metric = data.few(), METRICS[metric_name]
    return lighter(few, metric, _bagged(few, metric, until), _LITTLE_WEIGHT)


def _bagged(data: OutOfFold, metric: Metric, until: float | None) -> dict[int, float]:
    """Iteration -> mean weight over the selections, the heaviest first."""
    total: dict[int, float] = {}
    for rows in _halves(data.y):
        for n, weight in _select(data.rows(rows), metric, until).items():
            total[n] = total.get(n, 0.0) + weight
        if until is not None and time.monotonic() > until:
            break
    everything = sum(total.values())
    means = {n: weight / everything for n, weight in total.items()}
    return dict(sorted(means.items(), key=lambda item: (-item[1], item[0])))


def _halves(y: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    """Rows of random halves that hold each class, or small and large values, alike."""
    n_rows = len(y)
    if n_rows < _LEAST_ROWS:
        yield np.arange(n_rows)
        return
    generator = np.random.default_rng(0)
    for number in range(int(np.clip(_BAGGED_ROWS // n_rows, _FEWEST_BAGS, _MOST_BAGS))):
        if number % 2 == 0:
            shuffled = generator.permutation(n_rows)
            alike = shuffled[np.argsort(y[shuffled], kind="stable")]
        yield np.sort(alike[number % 2 :: 2])


def _select(data: OutOfFold, metric: Metric, until: float | None) -> dict[int, float]:
    """Iteration -> weight, the heaviest first."""

    def is_late() -> bool:
        return until is not None and time.monotonic() > until

    ranked = data.ranked(metric)
    if is_late():
        return {ranked[0]: 1.0}
    pool = ranked[:_POOL]
    guide = METRICS["log_loss"] if metric.name in _BY_LOG_LOSS else metric
    views, scores_of = _scored(data, guide, pool, is_late)
    start = _first_of_each_kind(pool, data.kinds)[: min(_START, max(1, len(ranked) // 3))]
    bag = [pool.index(n) for n in start]
    total = views[bag].sum(axis=0)
    top, best_bag = scores_of(total[None] / len(bag))[0], list(bag)
    for _ in range(_ADDITIONS):
        scores = scores_of((total + views) / (len(bag) + 1))
        if is_late() or np.isnan(scores).all():
            break
        added = int(np.nanargmax(scores if guide.greater_is_better else -scores))
        bag.append(added)
        total += views[added]
        if guide.is_better(scores[added], top):
            top, best_bag = scores[added], list(bag)
        elif len(bag) - len(best_bag) >= 8:
            break
    counts = {pool[n]: best_bag.count(n) / len(best_bag) for n in dict.fromkeys(best_bag)}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _scored(
    data: OutOfFold, guide: Metric, pool: Sequence[int], is_late: Callable[[], bool]
) -> tuple[Array, Callable[[Array], Array]]:
    """What is to be averaged of each of ``pool``, and what gives the scores of several means.

    For the log loss that is the probability of each row's own class, all there is to know.
    """
    if guide.name == "log_loss":
        rows = np.arange(len(data.y))
        views = np.stack([data.predictions[n][rows, data.y] for n in pool])
        return views, lambda means: log_loss_of_own(means, data.weight)

    def scores_of(means: Array) -> Array:
        return np.array([np.nan if is_late() else data.score(guide.name, m) for m in means])

    return np.stack([data.predictions[n] for n in pool]), scores_of


def _first_of_each_kind(ranked: Sequence[int], kinds: Mapping[int, str]) -> list[int]:
    """What is of no known kind is of its own."""
    first: dict[Any, int] = {}
    for number in ranked:
        first.setdefault(kinds.get(number, number), number)
    return list(first.values())
