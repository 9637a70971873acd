"""All iterations of a run as a data frame."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from engine.metrics.metric import Metric, metrics_in
from engine.show.table import first_line, format_seconds
from engine.store.choice import BestSoFar, by_end
from engine.store.records import IterationRecord

#: Columns that a terminal has room for.
TABLE_COLUMNS = ("iteration", "pipeline", "duration", "metric", "best", "status", "reason")
_COLUMNS = (*TABLE_COLUMNS, "node_id", "node_ip", "seconds")


def summary_of(iterations: Iterable[IterationRecord], metric: Metric) -> pd.DataFrame:
    """Return a row for each iteration, by number, with a column for each metric.

    Column ``metric`` has the value of ``metric``, column ``best`` the best of it when the
    iteration ended.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> list(summary_of([], METRICS["accuracy"]).columns[:5])
    ['iteration', 'pipeline', 'duration', 'metric', 'best']
    """
    records = by_end(iterations)
    names = metrics_in(metric.task, [record.metrics for record in records])
    best = BestSoFar(metric)
    rows = []
    for record in records:
        best.add(record)
        rows.append(
            {
                "iteration": record.iteration,
                "pipeline": record.pipeline,
                "duration": format_seconds(record.seconds),
                "metric": metric.of(record.metrics),
                "best": best.score,
                "status": record.status.value,
                "reason": first_line(record.reason),
                "node_id": record.properties.node_id or "",
                "node_ip": record.properties.node_ip or "",
                "seconds": record.seconds,
                **{name: record.metrics.get(name) for name in names},
            }
        )
    frame = pd.DataFrame(rows, columns=[*_COLUMNS, *names])
    return frame.sort_values("iteration", ignore_index=True)
