"""Questions about automated training."""

from __future__ import annotations

from engine.metrics.metric import primary_metrics_of


def get_primary_metrics(task: str) -> list[str]:
    """Return the names of the metrics that can be primary for a task.

    Examples
    --------
    >>> "spearman_correlation" in get_primary_metrics("regression")
    True
    """
    return [*primary_metrics_of(task)]
