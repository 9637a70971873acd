"""What the store knows of runs and iterations, as plain frozen values; no MLflow in here."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.metrics.metric import METRICS, Metric
from engine.store.driver_identity import DriverIdentity
from engine.store.status import IterationStatus, RunStatus


@dataclass(frozen=True)
class Requests:
    """What clients ask of the driver, left in the store."""

    cancel: bool = False
    pause: bool = False
    cancel_iterations: frozenset[int] = frozenset()


@dataclass(frozen=True)
class RunRecord:
    """A run as the store has it. Times are seconds since the epoch."""

    run_id: str
    experiment_id: str
    name: str
    status: RunStatus
    error: str | None
    error_type: str | None
    task: str
    primary_metric: str
    started: float
    ended: float | None
    driver: DriverIdentity | None
    requests: Requests
    notes: tuple[str, ...]
    tags: Mapping[str, str]
    target: str = "local"

    @property
    def is_final(self) -> bool:
        return self.status.is_final

    @property
    def metric(self) -> Metric:
        """The primary metric."""
        return METRICS[self.primary_metric]

    @property
    def driver_is_alive(self) -> bool:
        return self.driver is not None and self.driver.is_alive()


@dataclass(frozen=True)
class IterationRecord:
    """An iteration as the store has it.

    ``retries`` are the reasons why it was begun again: lost nodes.
    """

    run_id: str
    iteration: int
    status: IterationStatus
    pipeline: str
    reason: str
    metrics: Mapping[str, float]
    properties: Mapping[str, str]
    started: float
    ended: float | None
    retries: tuple[str, ...] = ()

    @property
    def seconds(self) -> float:
        """How long it took, or has been running."""
        return max(0.0, (self.ended or time.time()) - self.started)


@dataclass(frozen=True)
class IterationEnd:
    """All that is written when an iteration ends.

    ``model`` comes from `engine.store.packing.pack_model`, ``predictions`` are an ``.npy`` file's
    bytes, ``log`` is the text of its log, ``whole_seconds`` the time that a pruned iteration would
    have taken.
    """

    status: IterationStatus
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    fold_metrics: tuple[Mapping[str, float], ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    model: bytes | None = None
    predictions: bytes | None = None
    log: str | None = None
    whole_seconds: float | None = None
