"""What the store knows of runs and iterations, as plain frozen values; no MLflow in here."""

from __future__ import annotations

import json
import math
import os
import socket
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import psutil

from engine.ensembles.names import ENSEMBLES
from engine.metrics.metric import Metric

#: States a run goes through; the last three are final.
RUN_STATES = (
    "NotStarted",
    "Preparing",
    "Running",
    "Finalizing",
    "Completed",
    "Canceled",
    "Failed",
)
FINAL_STATES = frozenset({"Completed", "Canceled", "Failed"})
#: Final states of an iteration.
ITERATION_ENDS = frozenset({"Completed", "Canceled", "Failed", "Timeout", "Pruned"})

#: A driver on another machine that has not been heard of for this long is taken for dead.
HEARTBEAT_LIMIT_SECONDS = 30.0
HEARTBEAT_SECONDS = 5.0


@dataclass(frozen=True)
class DriverIdentity:
    """The process that drives a run; kept with the run so that others can tell whether it lives."""

    token: str
    host: str
    pid: int
    process_started: float
    heartbeat: float

    @classmethod
    def of_this_process(cls) -> DriverIdentity:
        started = psutil.Process().create_time()
        return cls(uuid.uuid4().hex, _host(), os.getpid(), started, time.time())

    @classmethod
    def from_json(cls, text: str) -> DriverIdentity:
        return cls(**json.loads(text))

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    def beat(self) -> DriverIdentity:
        return DriverIdentity(self.token, self.host, self.pid, self.process_started, time.time())

    def is_alive(self) -> bool:
        """Known at once for a process of this machine, else judged by its last heartbeat."""
        if self.host == _host():
            try:
                return abs(psutil.Process(self.pid).create_time() - self.process_started) < 2.0
            except psutil.NoSuchProcess:
                return False
        return time.time() - self.heartbeat < HEARTBEAT_LIMIT_SECONDS


def _host() -> str:
    """Tells machines apart, and restarts of one machine: process ids are only good within one."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
    except OSError:
        boot = str(int(psutil.boot_time()))
    return f"{socket.gethostname()}/{boot}"


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
    status: str
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
        return self.status in FINAL_STATES

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
    status: str
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

    ``model`` comes from `engine.packing.pack_model`, ``predictions`` are an ``.npy`` file's bytes,
    ``log`` is the text of its log, ``whole_seconds`` what one that was pruned would have taken.
    """

    status: str
    reason: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)
    fold_metrics: tuple[Mapping[str, float], ...] = ()
    properties: Mapping[str, Any] = field(default_factory=dict)
    model: bytes | None = None
    predictions: bytes | None = None
    log: str | None = None
    whole_seconds: float | None = None


def is_ensemble(record: IterationRecord) -> bool:
    return record.properties.get("run_algorithm") in ENSEMBLES


#: Property of an ensemble that is handed over although a single pipeline's score may be ahead.
PREFERRED = "preferred"


def chosen_iteration(
    iterations: Iterable[IterationRecord], metric: Metric
) -> IterationRecord | None:
    """The iteration that a run hands over: the best by ``metric``, or a preferred ensemble.

    See `engine.search.out_of_fold.choose_one` for why the best score of many is not always the best
    model. What was tried after the ensemble was made makes the preference void.
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
