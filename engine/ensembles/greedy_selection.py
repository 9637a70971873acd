"""Greedy selection of the ensemble members whose mean scores best."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.deadline import NEVER, Deadline
from engine.ensembles.meta_features import Array
from engine.ensembles.out_of_fold import OutOfFold
from engine.metrics.classification import log_loss_of_own
from engine.metrics.metric import METRICS, Metric

#: A selection ends after this many additions in a row that improve nothing.
_PATIENCE = 8
#: Bags, each half of the rows: about 10,000 rows in all, between two and eight bags. With few rows
#: a single selection mostly picks what was lucky on them. Under 20 rows one bag holds all.
_BAGGED_ROWS = 10_000
_FEWEST_BAGS, _MOST_BAGS = 2, 8
_LEAST_ROWS = 20


@dataclass(frozen=True)
class GreedySelection:
    """A greedy selection with replacement of candidates whose mean scores best.

    Attributes
    ----------
    start:
        The selection starts with the best of this many estimators, or of a third of the
        candidates if that is less: near copies of the best would only repeat it.
    additions:
        How many candidates are added at most.
    pool:
        All of them come from this many of the best candidates.
    by_log_loss:
        Metrics whose additions are decided by the log loss. It sees by how much a prediction is
        off; these metrics see orders and sides only, and pick up more noise.

    Notes
    -----
    Source: Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble selection from libraries of
    models, with its guards against overfitting: the sorted initialization, the selection with
    replacement, and bagging, here of rows instead of models.

    Examples
    --------
    >>> y = np.array([1.0, 2.0, 3.0, 4.0])
    >>> views = {0: y + 1, 1: y - 1, 2: y + 5}
    >>> data = OutOfFold(y, None, np.zeros(4, int), views, 3.0, None)
    >>> GreedySelection().select(data, METRICS["mean_absolute_error"])
    {0: 0.5, 1: 0.5}
    """

    start: int = 4
    additions: int = 20
    pool: int = 20
    by_log_loss: tuple[str, ...] = (
        "AUC_weighted",
        "AUC_macro",
        "average_precision_score_weighted",
        "accuracy",
    )

    def select_on_halves(
        self, data: OutOfFold, metric: Metric, deadline: Deadline = NEVER
    ) -> dict[int, float]:
        """Average the weights of selections on random halves of the rows, always the same halves.

        Parameters
        ----------
        data, metric, deadline:
            As in `select`.

        Returns
        -------
        dict
            Iteration -> weight, the heaviest first; the weights sum to 1.
        """
        total: dict[int, float] = {}
        for rows in _halves(data.y):
            for n, weight in self.select(data.take(rows), metric, deadline).items():
                total[n] = total.get(n, 0.0) + weight
            if deadline.is_over:
                break
        everything = sum(total.values())
        means = {n: weight / everything for n, weight in total.items()}
        return dict(sorted(means.items(), key=lambda item: (-item[1], item[0])))

    def select(
        self, data: OutOfFold, metric: Metric, deadline: Deadline = NEVER
    ) -> dict[int, float]:
        """Select candidates one by one.

        Parameters
        ----------
        data:
            The candidates' predictions.
        metric:
            Decides who is among the best, and which addition is best.
        deadline:
            Nothing is added after it; the best candidate alone is always selected.

        Returns
        -------
        dict
            Iteration -> the share of the selection that it makes up, the heaviest first.

        Examples
        --------
        >>> y = np.array([1.0, 2.0, 3.0, 4.0])
        >>> data = OutOfFold(y, None, np.zeros(4, int), {0: y, 1: y + 5}, 3.0, None)
        >>> GreedySelection().select(data, METRICS["mean_absolute_error"])
        {0: 1.0}
        """
        ranked = data.ranked(metric)
        if deadline.is_over:
            return {ranked[0]: 1.0}
        pool = ranked[: self.pool]
        guide = METRICS["log_loss"] if metric.name in self.by_log_loss else metric
        views, scores_of = _scored(data, guide, pool, deadline)
        start = _first_of_each_kind(pool, data.kinds)[: min(self.start, max(1, len(ranked) // 3))]
        bag = [pool.index(n) for n in start]
        total = views[bag].sum(axis=0)
        top, best_bag = scores_of(total[None] / len(bag))[0], list(bag)
        for _ in range(self.additions):
            scores = scores_of((total + views) / (len(bag) + 1))
            if deadline.is_over or np.isnan(scores).all():
                break
            added = int(np.nanargmax(scores if guide.greater_is_better else -scores))
            bag.append(added)
            total += views[added]
            if guide.is_better(scores[added], top):
                top, best_bag = scores[added], list(bag)
            elif len(bag) - len(best_bag) >= _PATIENCE:
                break
        counts = {pool[n]: best_bag.count(n) / len(best_bag) for n in dict.fromkeys(best_bag)}
        return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _halves(y: NDArray[Any]) -> Iterator[NDArray[np.int64]]:
    """Yield the rows of random halves that hold each class, or small and large values, alike."""
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


def _scored(
    data: OutOfFold, guide: Metric, pool: Sequence[int], deadline: Deadline
) -> tuple[Array, Callable[[Array], Array]]:
    """Return the numbers to average for each candidate, and a function that scores several means.

    The log loss needs the probability of each row's own class alone.
    """
    if guide.name == "log_loss":
        rows = np.arange(len(data.y))
        views = np.stack([data.predictions[n][rows, data.y] for n in pool])
        return views, lambda means: log_loss_of_own(means, data.weight)

    def scores_of(means: Array) -> Array:
        return np.array([np.nan if deadline.is_over else data.score(guide, m) for m in means])

    return np.stack([data.predictions[n] for n in pool]), scores_of


def _first_of_each_kind(ranked: Sequence[int], kinds: Mapping[int, str]) -> list[int]:
    """Return each estimator's first candidate, and every candidate of unknown kind."""
    first: dict[int | str, int] = {}
    for number in ranked:
        first.setdefault(kinds.get(number, number), number)
    return list(first.values())
