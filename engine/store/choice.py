"""The choice of an iteration: best, preferred, candidates for ensembles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from engine.ensembles.names import ENSEMBLES
from engine.metrics.metric import Metric
from engine.store.records import IterationRecord

#: An ensemble's candidates of one estimator, before others are passed over for more of it: near
#: copies of the best one err as it does.
_OF_A_KIND = 2


def candidates(
    iterations: list[IterationRecord], metric: Metric, number: int
) -> list[IterationRecord]:
    """The iterations that an ensemble is made of, best first: ``number`` at most.

    Two of each estimator come before the others. Those that had to leave folds out have nothing to
    say about the rows of these.
    """
    found = [
        record
        for record in iterations
        if record.status == "Completed"
        and not is_ensemble(record)
        and record.metrics.get(metric.name) is not None
    ]
    most = max((int(r.properties.get("folds", 0)) for r in found), default=0)
    found = [r for r in found if int(r.properties.get("folds", 0)) == most]
    sign = -1 if metric.greater_is_better else 1
    ranked = sorted(found, key=lambda r: (sign * r.metrics[metric.name], r.iteration))
    of_a_kind: Counter[str] = Counter()
    first: list[IterationRecord] = []
    others: list[IterationRecord] = []
    for record in ranked:
        kind = kind_of(record)
        (first if of_a_kind[kind] < _OF_A_KIND else others).append(record)
        of_a_kind[kind] += 1
    chosen = [*first, *others][:number]
    return [record for record in ranked if record in chosen]


def kind_of(record: IterationRecord) -> str:
    """The name of its estimator; one that is not known is of its own kind."""
    return str(record.properties.get("run_algorithm", record.iteration))


def is_ensemble(record: IterationRecord) -> bool:
    return record.properties.get("run_algorithm") in ENSEMBLES


#: Property of an ensemble that is handed over although a single pipeline's score may be ahead.
PREFERRED = "preferred"


def chosen_iteration(
    iterations: Iterable[IterationRecord], metric: Metric
) -> IterationRecord | None:
    """The iteration that a run hands over: the best by ``metric``, or a preferred ensemble.

    See `engine.ensembles.preference.choose_one` for why the best score of many is not always the
    best model. Iterations tried after the ensemble was made void the preference.
    """
    completed = [record for record in iterations if record.status == "Completed"]
    preferred = [record for record in completed if PREFERRED in record.properties]
    singles = [record.iteration for record in completed if not is_ensemble(record)]
    if preferred and preferred[-1].iteration > max(singles, default=-1):
        return preferred[-1]
    return best_iteration(completed, metric)


def best_iteration(iterations: Iterable[IterationRecord], metric: Metric) -> IterationRecord | None:
    """The completed iteration that is best by ``metric``; the first of equals."""
    best: IterationRecord | None = None
    for candidate in iterations:
        score = candidate.metrics.get(metric.name, math.nan)
        if candidate.status == "Completed" and metric.is_better(
            score, None if best is None else best.metrics[metric.name]
        ):
            best = candidate
    return best
