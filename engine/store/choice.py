"""The choice of an iteration: best so far, handed over, candidates for ensembles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from engine.errors import ConfigException, RunException
from engine.metrics.metric import Metric, metrics_in
from engine.store.records import IterationRecord

#: Candidates of one estimator that come before all candidates of others: models of the same kind
#: make much the same errors.
_OF_A_KIND = 2


class BestSoFar:
    """The best score by a metric among the iterations that were added; the first of equals.

    Only completed iterations count, and only those with a score.

    Parameters
    ----------
    metric:
        The metric to compare.

    Attributes
    ----------
    score:
        The best score; ``None`` until there is one.
    record:
        The iteration with that score.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> from engine.store.status import IterationStatus
    >>> iterations = [
    ...     IterationRecord(
    ...         str(n), n, IterationStatus.COMPLETED, "KNN", metrics={"accuracy": score}
    ...     )
    ...     for n, score in enumerate([0.7, 0.9, 0.8])
    ... ]
    >>> best = BestSoFar(METRICS["accuracy"])
    >>> [best.add(record) for record in iterations]
    [True, True, False]
    >>> best.score, best.record.iteration
    (0.9, 1)
    """

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.score: float | None = None
        self.record: IterationRecord | None = None

    def add(self, record: IterationRecord) -> bool:
        """Add an iteration; return whether it is the best now."""
        score = self._metric.of(record.metrics)
        if not record.is_completed or not self._metric.is_better(score, self.score):
            return False
        self.score, self.record = score, record
        return True


def best_iteration(iterations: Iterable[IterationRecord], metric: Metric) -> IterationRecord | None:
    """Return the completed iteration that is best by ``metric``; the first of equals.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> from engine.store.status import IterationStatus
    >>> iterations = [
    ...     IterationRecord(
    ...         str(n), n, IterationStatus.COMPLETED, "KNN", metrics={"accuracy": score}
    ...     )
    ...     for n, score in enumerate([0.7, 0.9, 0.8])
    ... ]
    >>> best_iteration(iterations, METRICS["accuracy"]).iteration
    1
    """
    best = BestSoFar(metric)
    for record in iterations:
        best.add(record)
    return best.record


def chosen_iteration(
    iterations: Iterable[IterationRecord], metric: Metric
) -> IterationRecord | None:
    """Return the iteration that a run hands over: the best by ``metric``, or a preferred ensemble.

    See `engine.ensembles.preference.choose_one` for why the best score of many is not always the
    best model. Iterations tried after the ensemble was made void the preference.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> from engine.store.status import IterationStatus
    >>> iterations = [
    ...     IterationRecord(
    ...         str(n), n, IterationStatus.COMPLETED, "KNN", metrics={"accuracy": score}
    ...     )
    ...     for n, score in enumerate([0.7, 0.9, 0.8])
    ... ]
    >>> chosen_iteration(iterations, METRICS["accuracy"]).iteration
    1
    >>> from engine.store.properties import IterationProperties
    >>> preferred = IterationProperties(
    ...     run_algorithm="VotingEnsemble", preferred="0.89 against 0.88"
    ... )
    >>> voting = IterationRecord(
    ...     "3", 3, IterationStatus.COMPLETED, "VotingEnsemble", properties=preferred
    ... )
    >>> chosen_iteration([*iterations, voting], METRICS["accuracy"]).iteration
    3
    """
    completed = [record for record in iterations if record.is_completed]
    preferred = [record for record in completed if record.properties.preferred is not None]
    singles = [record.iteration for record in completed if not record.is_ensemble]
    if preferred and preferred[-1].iteration > max(singles, default=-1):
        return preferred[-1]
    return best_iteration(completed, metric)


def candidates(
    iterations: Iterable[IterationRecord], metric: Metric, number: int
) -> list[IterationRecord]:
    """Return the iterations that an ensemble may combine, best first: ``number`` at most.

    Two of each estimator come before the others. Iterations that left folds out are passed over,
    because they have no predictions for the rows of these folds.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> from engine.store.status import IterationStatus
    >>> iterations = [
    ...     IterationRecord(
    ...         str(n), n, IterationStatus.COMPLETED, "KNN", metrics={"accuracy": score}
    ...     )
    ...     for n, score in enumerate([0.7, 0.9, 0.8])
    ... ]
    >>> [record.iteration for record in candidates(iterations, METRICS["accuracy"], 2)]
    [1, 2]
    """
    found = [
        record
        for record in iterations
        if record.is_completed and not record.is_ensemble and metric.name in record.metrics
    ]
    most = max((record.properties.folds or 0 for record in found), default=0)
    complete = [record for record in found if (record.properties.folds or 0) == most]
    ranked = sorted(complete, key=lambda r: (metric.loss(metric.of(r.metrics)), r.iteration))
    of_a_kind: Counter[str] = Counter()
    first: list[IterationRecord] = []
    others: list[IterationRecord] = []
    for record in ranked:
        (first if of_a_kind[record.kind] < _OF_A_KIND else others).append(record)
        of_a_kind[record.kind] += 1
    chosen = [*first, *others][:number]
    return [record for record in ranked if record in chosen]


def by_end(iterations: Iterable[IterationRecord]) -> list[IterationRecord]:
    """Sort iterations by the time at which they ended; those that go on come last.

    Examples
    --------
    >>> from engine.store.status import IterationStatus
    >>> iterations = [
    ...     IterationRecord(str(n), n, IterationStatus.COMPLETED, "KNN", ended=ended)
    ...     for n, ended in enumerate([50.0, None, 30.0])
    ... ]
    >>> [record.iteration for record in by_end(iterations)]
    [2, 0, 1]
    """
    return sorted(iterations, key=lambda r: math.inf if r.ended is None else r.ended)


def iteration_of_number(iterations: Sequence[IterationRecord], number: int) -> IterationRecord:
    """Return the completed iteration of a number.

    Raises
    ------
    RunException
        When there is no such iteration, or it has no model.

    Examples
    --------
    >>> from engine.store.status import IterationStatus
    >>> failed = IterationRecord("id", 0, IterationStatus.FAILED, "KNN", reason="out of memory")
    >>> iteration_of_number([failed], 0)
    Traceback (most recent call last):
    ...
    engine.errors.RunException: iteration 0 has no model: Failed, out of memory
    """
    for record in iterations:
        if record.iteration == number:
            if record.is_completed:
                return record
            reason = record.reason.strip().partition("\n")[0]
            raise RunException(
                f"iteration {number} has no model: {record.status}"
                + (f", {reason}" if reason else "")
            )
    raise RunException(
        f"there is no iteration {number}; there are {[r.iteration for r in iterations]}"
    )


def pick(
    iterations: Sequence[IterationRecord],
    metric: Metric,
    number: int | None = None,
    by: str | None = None,
) -> IterationRecord | None:
    """Return the iteration that a user asks for; ``None`` while none has completed.

    Parameters
    ----------
    metric:
        The run's primary metric.
    number:
        Return the iteration of this number.
    by:
        Return the best by the metric of this name. By default the iteration that the run hands
        over is returned, see `chosen_iteration`.

    Raises
    ------
    ConfigException
        For ``number`` and ``by`` together, or a metric that no iteration has.
    RunException
        When there is no iteration of that number, or it has no model.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> from engine.store.status import IterationStatus
    >>> iterations = [
    ...     IterationRecord(
    ...         str(n), n, IterationStatus.COMPLETED, "KNN", metrics={"accuracy": score}
    ...     )
    ...     for n, score in enumerate([0.7, 0.9, 0.8])
    ... ]
    >>> pick(iterations, METRICS["accuracy"], number=2).iteration
    2
    >>> pick(iterations, METRICS["accuracy"], by="r2_score")
    Traceback (most recent call last):
    ...
    engine.errors.ConfigException: metric='r2_score': allowed is one of ...
    """
    if number is not None and by is not None:
        raise ConfigException(["give iteration or metric, not both"])
    if number is not None:
        return iteration_of_number(iterations, number)
    if by is None:
        return chosen_iteration(iterations, metric)
    known = metrics_in(metric.task, [record.metrics for record in iterations])
    if by not in known:
        raise ConfigException([f"metric={by!r}: allowed is one of {', '.join(known)}"])
    return best_iteration(iterations, known[by])
