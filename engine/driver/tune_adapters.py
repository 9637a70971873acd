"""What Ray Tune asks and tells while it drives trials: searcher, callback, stopper."""

from __future__ import annotations

import logging
import math
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray import tune
from ray.tune.search import Searcher

from engine.driver.gauges import RunMetrics
from engine.driver.running_trials import RunningTrials
from engine.driver.schedule import Next, Schedule
from engine.driver.trial import Announcement
from engine.driver.watch import Watch
from engine.metrics.metric import Metric
from engine.pipelines.spec import PipelineSpec
from engine.search.pipeline_search import PipelineSearch
from engine.store.properties import IterationProperties
from engine.store.recorder import Recorder
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

logger = logging.getLogger("raysmith.driver")

#: Ray's own health checks take so long to tell that a node is gone.
_NOTICE_SECONDS = 20.0
#: An iteration is begun again on other nodes so often when it loses its node.
MAX_RETRIES = 3


class _OfThisProcess:
    """Tune writes its parts down to restore a run from them; ours is restored from the store."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


class NextPipeline(_OfThisProcess, Searcher):
    """Tune's way to ask the schedule and the search what comes next."""

    def __init__(
        self,
        search: PipelineSearch,
        schedule: Schedule,
        watch: Watch,
        until: float | None,
        callback: TrialCallback,
    ) -> None:
        super().__init__()
        self._search = search
        self._schedule = schedule
        self._watch = watch
        self._until = until
        self._callback = callback

    def suggest(self, trial_id: str) -> Any:
        while True:
            number = self._schedule.next()
            if number is Next.OVER and self._callback.is_busy and not self._schedule.stopped:
                return None  # what runs may have to be tried again
            if number is Next.OVER:
                return Searcher.FINISHED
            if number is Next.WAIT:
                return None
            assert isinstance(number, int)
            left = math.inf if self._until is None else self._until - time.time()
            spec = self._search.ask(number, left)
            if spec is None:
                self._schedule.stop("no pipeline would end within experiment_timeout_minutes")
                return Searcher.FINISHED
            if number not in self._watch.cancelled:
                return {
                    "iteration": number,
                    "pipeline": spec.to_json(),
                    "best_folds": list(self._callback.best_folds),
                }
            self._callback.never_started(number, spec, "canceled by the user before it started")

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """The callback has told the schedule already."""

    def save(self, checkpoint_path: str) -> None:
        """Nothing to save: the MLflow store is what a resumed run reads."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing to restore, see `save`."""


class TrialCallback(_OfThisProcess, tune.Callback):
    """Tells schedule and recorder what Tune's trials do."""

    def __init__(
        self,
        running: RunningTrials,
        schedule: Schedule,
        recorder: Recorder,
        search: PipelineSearch,
        metric: Metric,
        told: RunMetrics,
    ) -> None:
        self._told = told
        self._running = running
        self._schedule = schedule
        self._recorder = recorder
        self._search = search
        self._metric = metric
        self._open: dict[int, tuple[PipelineSpec, float]] = {}
        self._retries: dict[int, list[str]] = {}
        self.best_folds: list[float] = []

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        # Tune keeps a trial's last result for good: models must not stay in it.
        for key in ("announcement", "end"):
            trial.last_result.pop(key, None)
        number = int(trial.config["iteration"])
        announcement: Announcement | None = result.pop("announcement", None)
        end: IterationEnd | None = result.pop("end", None)
        if announcement is not None:
            self._begin(number, trial, announcement)
        if end is not None:
            self._running.remove(number)
            self._end(number, end)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        number = int(trial.config["iteration"])
        running = self._running.now().get(number)
        verdict = self._running.remove(number)
        log = None
        if running is not None:
            log = _log_of(running, number)
        if number not in self._open:
            self._begin(number, trial, None)
        lost = None if verdict is not None else _lost_node(trial, running)
        if lost is not None and self._try_again(number, lost):
            return
        if verdict is not None:
            end = IterationEnd(verdict.status, verdict.reason, log=log)
        else:
            end = IterationEnd(
                IterationStatus.FAILED, f"the worker died: {_why_it_died(trial)}", log=log
            )
        self._end(number, end)

    @property
    def is_busy(self) -> bool:
        """Whether an iteration runs."""
        return bool(self._open)

    def _try_again(self, number: int, reason: str) -> bool:
        """Have an iteration whose node was lost begun again, unless that happened too often."""
        reasons = self._retries.setdefault(number, [])
        if len(reasons) >= MAX_RETRIES or self._schedule.stopped_at_once:
            return False
        reasons.append(reason)
        logger.warning("iteration %d is tried again: %s", number, reason)
        self._open.pop(number, None)
        self._told.counted("Retried", len(self._open), self._schedule.to_come)
        self._recorder.retried(number, reasons)
        self._schedule.again(number)
        return True

    def never_started(self, number: int, spec: PipelineSpec, reason: str) -> None:
        self._open[number] = spec, time.time()
        self._recorder.started(number, spec, IterationProperties(), time.time())
        self._end(number, IterationEnd(IterationStatus.CANCELED, reason))

    def end_unfinished(self, reason: str) -> None:
        """Iterations that Tune gave up while they ran."""
        for number in list(self._open):
            self._end(number, IterationEnd(IterationStatus.CANCELED, reason))

    def _begin(self, number: int, trial: Any, announcement: Announcement | None) -> None:
        spec = PipelineSpec.from_json(trial.config["pipeline"])
        where = IterationProperties()
        started = time.time()
        if announcement is not None:
            started = announcement.started
            where = IterationProperties(
                node_id=announcement.node_id,
                node_ip=announcement.node_ip,
                pid=announcement.pid,
            )
            self._running.add(number, announcement)
        self._open[number] = spec, started
        self._told.counted("", len(self._open), self._schedule.to_come)
        self._recorder.started(number, spec, where, started)

    def _end(self, number: int, end: IterationEnd) -> None:
        opened = self._open.pop(number, None)
        name = self._metric.name
        score = float("nan")
        if end.status == "Completed":
            score = end.metrics[name]
        if opened is not None:
            spec, started = opened
            self._search.tell(number, spec, score, end.whole_seconds or time.time() - started)
        is_best = self._schedule.ended(number, score)
        if is_best:
            self.best_folds = [fold[name] for fold in end.fold_metrics]
        logger.info("iteration %d %s%s", number, end.status, " (best so far)" if is_best else "")
        self._told.counted(end.status, len(self._open), self._schedule.to_come)
        if is_best:
            self._told.best(score)
        scores = {}
        if score == score and self._schedule.best is not None:
            scores = {name: score, f"best_{name}": self._schedule.best[1]}
        self._recorder.ended(number, end, scores)


class NoReports(_OfThisProcess, tune.ProgressReporter):
    """In a notebook Tune's own reports would clear the cell's output, and our widget with it."""

    def should_report(self, trials: list[Any], done: bool = False) -> bool:
        return False

    def report(self, trials: list[Any], done: bool, *sys_info: dict[str, Any]) -> None:
        """Never called."""


class StopAtOnce(_OfThisProcess, tune.Stopper):
    """Ends Tune's loop when the run must not even finish what it has started."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._schedule.stopped_at_once


def _log_of(trial: Announcement, number: int) -> str | None:
    try:
        return str(ray.get(trial.node.tail.remote(f"{number}.log"), timeout=1.0)) or None
    except ray.exceptions.RayError:
        return None


def _why_it_died(trial: Any) -> str:
    try:
        with open(trial.error_file, encoding="utf-8", errors="replace") as file:
            lines = file.read().splitlines()
    except (OSError, TypeError):
        return "Ray gave no reason"
    told = [line.strip() for line in lines if "actor is dead" in line or "Error" in line]
    return told[-1] if told else (lines[-1] if lines else "Ray gave no reason")


def _lost_node(trial: Any, running: Announcement | None) -> str | None:
    """How a trial lost its node, or ``None`` when it ended for another reason."""
    why = _why_it_died(trial)
    # A connection breaks before Ray has noticed that the node is gone.
    until = time.monotonic() + (_NOTICE_SECONDS if "unavailable" in why else 0.0)
    while running is not None:
        if running.node_id not in {node["NodeID"] for node in ray.nodes() if node["Alive"]}:
            return f"node {running.node_ip} ({running.node_id[:12]}) was lost"
        if time.monotonic() >= until:
            break
        time.sleep(0.2)
    if re.search(r"node (has )?died|node was (terminated|preempted)|node is dead", why, re.I):
        return f"its node was lost: {why}"
    return None


@contextmanager
def quiet_tune() -> Iterator[None]:
    """Tune writes no tables, no result files and no errors of trials: our table and store do."""
    settings = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
        "TUNE_WARN_THRESHOLD_S": "10",
        "RAY_AIR_NEW_OUTPUT": "0",
    }
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    loggers = [logging.getLogger(name) for name in ("ray.tune", "ray.train", "ray.air")]
    levels = [log.level for log in loggers]
    for log in loggers:
        log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for log, level in zip(loggers, levels, strict=True):
            log.setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
