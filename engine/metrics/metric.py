"""Names, tasks and directions of the metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Metric:
    """A metric's name, task and direction; `engine.metrics.scores` computes it.

    Attributes
    ----------
    name:
        The name that users give.
    task:
        Classification or regression.
    greater_is_better:
        Whether a larger value is better.
    best:
        The value of a perfect model.
    can_be_primary:
        Whether ``primary_metric`` may name it; the others are recorded, and may be asked for.

    Examples
    --------
    >>> METRICS["log_loss"].greater_is_better, METRICS["log_loss"].best
    (False, 0.0)
    """

    name: str
    task: Task
    greater_is_better: bool
    best: float
    can_be_primary: bool = True

    def is_better(self, score: float, than: float | None) -> bool:
        """Whether ``score`` beats ``than``; NaN beats nothing, a number beats ``None`` and NaN.

        >>> METRICS["log_loss"].is_better(0.1, than=0.2)
        True
        """
        if math.isnan(score):
            return False
        if than is None or math.isnan(than):
            return True
        return score > than if self.greater_is_better else score < than

    @property
    def sign(self) -> int:
        """``1`` when less is better, ``-1`` when more is better."""
        return -1 if self.greater_is_better else 1

    def loss(self, score: float) -> float:
        """Return the score with its sign turned so that less is better.

        >>> METRICS["accuracy"].loss(0.75)
        -0.75
        """
        return self.sign * score

    def of(self, scores: Mapping[str, float]) -> float:
        """Return this metric's value among ``scores``, by name; NaN where it is missing.

        >>> METRICS["accuracy"].of({"accuracy": 0.9, "log_loss": 0.3})
        0.9
        """
        return scores.get(self.name, math.nan)

    def reaches(self, score: float, goal: float) -> bool:
        """Whether ``score`` is as good as ``goal`` or better.

        >>> METRICS["accuracy"].reaches(0.9, goal=0.9)
        True
        """
        return score >= goal if self.greater_is_better else score <= goal


def _table(
    task: Task, greater: Sequence[str], smaller: Sequence[str], can_be_primary: bool = True
) -> dict[str, Metric]:
    up = {name: Metric(name, task, True, 1.0, can_be_primary) for name in greater}
    return up | {name: Metric(name, task, False, 0.0, can_be_primary) for name in smaller}


_PRIMARY_OF_CLASSES = _table(
    "classification",
    [
        "accuracy",
        "AUC_weighted",
        "average_precision_score_weighted",
        "norm_macro_recall",
        "precision_score_weighted",
        "f1_score_weighted",
        "f1_score_macro",
        "balanced_accuracy",
        "AUC_macro",
    ],
    ["log_loss"],
)
_FURTHER_OF_CLASSES = _table(
    "classification",
    [
        "AUC_micro",
        "average_precision_score_macro",
        "average_precision_score_micro",
        "f1_score_micro",
        "matthews_correlation",
        "precision_score_macro",
        "precision_score_micro",
        "recall_score_macro",
        "recall_score_micro",
        "recall_score_weighted",
        "weighted_accuracy",
    ],
    [],
    can_be_primary=False,
)

#: Every metric that a classification records, those that can be primary first.
CLASSIFICATION_METRICS: Mapping[str, Metric] = {**_PRIMARY_OF_CLASSES, **_FURTHER_OF_CLASSES}


_PRIMARY_OF_VALUES = _table(
    "regression",
    ["spearman_correlation", "r2_score"],
    [
        "normalized_root_mean_squared_error",
        "normalized_mean_absolute_error",
        "root_mean_squared_error",
        "mean_absolute_error",
        "median_absolute_error",
        "root_mean_squared_log_error",
        "mean_absolute_percentage_error",
    ],
)
_FURTHER_OF_VALUES = _table(
    "regression",
    ["explained_variance"],
    ["normalized_median_absolute_error", "normalized_root_mean_squared_log_error"],
    can_be_primary=False,
)

#: Every metric that a regression records, those that can be primary first.
REGRESSION_METRICS: Mapping[str, Metric] = {**_PRIMARY_OF_VALUES, **_FURTHER_OF_VALUES}


#: Metrics of the positive class of two; recorded where ``positive_label`` names it.
BINARY_METRICS: Mapping[str, Metric] = _table(
    "classification",
    [
        "AUC_binary",
        "average_precision_score_binary",
        "f1_score_binary",
        "precision_score_binary",
        "recall_score_binary",
    ],
    [],
    can_be_primary=False,
)


#: The metrics that ``primary_metric`` may name.
METRICS: Mapping[str, Metric] = {**_PRIMARY_OF_CLASSES, **_PRIMARY_OF_VALUES}


#: Task to the name of its default primary metric.
DEFAULT_METRIC: Mapping[str, str] = {
    "classification": "accuracy",
    "regression": "spearman_correlation",
}


def primary_metrics_of(task: str) -> Mapping[str, Metric]:
    """Return the metrics of ``task`` that ``primary_metric`` may name.

    >>> "recall_score_macro" in primary_metrics_of("classification")
    False
    """
    return _PRIMARY_OF_CLASSES if task == "classification" else _PRIMARY_OF_VALUES


def metrics_of(task: str) -> Mapping[str, Metric]:
    """Return the metrics that every iteration of ``task`` records, by name.

    >>> "r2_score" in metrics_of("regression")
    True
    """
    return CLASSIFICATION_METRICS if task == "classification" else REGRESSION_METRICS


def metrics_in(task: str, scores: Iterable[Mapping[str, float]]) -> dict[str, Metric]:
    """Return the metrics of ``task``, by name, with those of a positive class that ``scores`` hold.

    >>> list(metrics_in("classification", [{"recall_score_binary": 0.5}]))[-1]
    'recall_score_binary'
    """
    found = set().union(*scores)
    return {
        **metrics_of(task),
        **{name: metric for name, metric in BINARY_METRICS.items() if name in found},
    }
