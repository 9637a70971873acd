"""The search and the schedule of a run that an earlier driver may have begun."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.config.settings import Settings
from engine.data.dataset import DataSummary
from engine.data.fingerprint import is_other_data
from engine.driver.schedule import Goals, Schedule
from engine.driver.trial_backends.backend import OUT_OF_MEMORY
from engine.driver.trial_memory import memory_use
from engine.errors import DataException
from engine.metrics.metric import Metric
from engine.search.pipeline_search import PipelineSearch
from engine.search.searcher import Searcher
from engine.search.usable import Restrictions
from engine.store.records import IterationRecord
from engine.store.status import IterationStatus


def check_same_data(
    seen: str | None, fingerprint: str, iterations: Sequence[IterationRecord]
) -> None:
    """Check that a run goes on with the data of its earlier iterations.

    Parameters
    ----------
    seen:
        Fingerprint of the data that the iterations have seen; ``None`` when nobody knows.
    fingerprint:
        That of the data now.
    iterations:
        The iterations so far.

    Raises
    ------
    DataException
        When it is other data, and there are iterations that have ended.

    Examples
    --------
    >>> check_same_data("x1-a1b2", "x1-c3d4", [])  # nothing was learned from the other data yet
    """
    ended = sum(record.status.is_final for record in iterations)
    if seen is None or not ended or not is_other_data(seen, fingerprint):
        return
    raise DataException(
        f"the data is not what the run's {ended} iterations have seen: its rows, their order, "
        "columns or values differ, so that scores and predictions could not be compared. Have "
        "get_data() or the files give the same rows in the same order, or submit a new run"
    )


def search_for(
    settings: Settings,
    summary: DataSummary,
    metric: Metric,
    memory_mb: Callable[[], float] = lambda: math.inf,
) -> PipelineSearch:
    """Return the search of a run, without any history.

    Parameters
    ----------
    memory_mb:
        See `PipelineSearch`.

    Raises
    ------
    ConfigException
        When no estimator is left to try.
    """
    # A benchmark measures a data set with a portfolio that was learned without it.
    portfolio = os.environ.get("RAYSMITH_PORTFOLIO")
    restrictions = Restrictions(
        settings.allowed,
        settings.blocked or (),
        weighted=settings.class_weight is not None,
        onnx=settings.enable_onnx_compatible_models,
    )
    return PipelineSearch(
        summary,
        metric,
        restrictions,
        settings.random_state,
        None if portfolio is None else Path(portfolio),
        memory_mb,
    )


def tell_earlier(search: Searcher, iterations: Sequence[IterationRecord], metric: Metric) -> None:
    """Give a search the history of the iterations that earlier drivers have ended or begun."""
    for record in iterations:
        if record.is_ensemble:
            continue
        if record.status.is_final:
            score, use = metric.of(record.metrics), memory_use(record.properties)
            search.tell(record.iteration, record.spec, score, record.seconds, use)
            if record.reason.startswith(OUT_OF_MEMORY):
                search.avoid(record.spec)
        else:
            search.replay(record.iteration, record.spec)


def schedule_after(
    settings: Settings, iterations: Sequence[IterationRecord], metric: Metric
) -> Schedule:
    """Return the schedule of the iterations that are still to come.

    Iterations that have ended are not repeated; those that were interrupted come first, under
    their own numbers. Ensembles keep their numbers and do not count as iterations.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> settings = Settings("regression", "r2_score", iterations=10)
    >>> schedule_after(settings, [], METRICS["r2_score"]).to_come
    10
    """
    ensembles = [r.iteration for r in iterations if r.is_ensemble]
    pipelines = [r for r in iterations if not r.is_ensemble]
    done = {r.iteration: _score(r, metric) for r in pipelines if r.status.is_final}
    patience = settings.early_stopping_n_iters if settings.enable_early_stopping else None
    return Schedule(
        Goals(
            number_to_stop_before(settings.iterations, ensembles),
            settings.experiment_exit_score,
            patience,
        ),
        metric,
        done=done | dict.fromkeys(ensembles, math.nan),
        interrupted=[r.iteration for r in pipelines if not r.status.is_final],
    )


def number_to_stop_before(iterations: int, ensembles: Sequence[int]) -> int:
    """Return the first number that no pipeline gets.

    Parameters
    ----------
    iterations:
        How many pipelines the run tries.
    ensembles:
        Numbers of the ensembles that earlier drivers have made. They lie between the pipelines'
        numbers when iterations were added later.

    Examples
    --------
    >>> number_to_stop_before(4, [])
    4
    >>> number_to_stop_before(5, [3, 4])  # pipelines are 0, 1, 2, 5, 6
    7
    """
    goal = iterations
    for number in sorted(ensembles):
        goal += number < goal
    return goal


def _score(record: IterationRecord, metric: Metric) -> float:
    return metric.of(record.metrics) if record.status is IterationStatus.COMPLETED else math.nan
