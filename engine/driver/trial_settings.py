"""The settings that all trials of a run share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.driver.time_budget import IterationLimits

if TYPE_CHECKING:
    from engine.driver.data_source import DataSource


@dataclass(frozen=True)
class TrialSettings:
    """The settings that all trials of a run share.

    Attributes
    ----------
    source:
        Where the data comes from.
    fingerprint:
        Fingerprint of the data that the driver saw: a node with other data must not take part.
    primary_metric:
        Name of the metric that is optimised.
    cores:
        Threads that a trial may use.
    random_state:
        Seed of the pipelines.
    class_weight:
        Weights of the classes, as scikit-learn takes them.
    verbosity:
        Level of the log lines.
    limits:
        Limits of an iteration's time.
    load_seconds:
        How long ``get_data()`` may take on a node; ``None`` for no limit of its own.
    megabytes:
        Memory that a trial's process may have, in MiB; ``None`` for no limit.
    prunes:
        Whether iterations end when their first folds are far behind the best iteration.
    """

    source: DataSource
    fingerprint: str
    primary_metric: str
    cores: int
    random_state: int
    class_weight: Any
    verbosity: int
    limits: IterationLimits
    load_seconds: float | None = None
    megabytes: int | None = None
    prunes: bool = True
