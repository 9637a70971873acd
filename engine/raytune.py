"""Ray Tune drives the trials: the loop, its searcher and its callback."""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
from ray import tune
from ray.tune.search import Searcher

from engine.data import Dataset, DataSummary
from engine.errors import ConfigException, DataException, RunException
from engine.given import Given
from engine.metrics import METRICS, Metric
from engine.nodedata import DataSource, LoadedData, node_data_somewhere
from engine.pipelines import PipelineSpec
from engine.raymetrics import RunMetrics
from engine.recorder import Recorder
from engine.records import DriverIdentity, IterationEnd, RunRecord
from engine.running import RunningTrials, Watch
from engine.schedule import Next, Schedule
from engine.search.searcher import PipelineSearch
from engine.settings import Settings
from engine.show.quality import describe_data
from engine.store import RunStore
from engine.trial import Announcement, IterationTrial, TrialSettings

logger = logging.getLogger("raysmith.driver")


_DESCRIBE_SECONDS = 60.0
#: Ray's own health checks take so long to tell that a node is gone.
_NOTICE_SECONDS = 20.0
#: An iteration is begun again on other nodes so often when it loses its node.
MAX_RETRIES = 3


class TuneLoop:
    """The part of a run that happens on the cluster.

    Parameters
    ----------
    record:
        The run.
    identity:
        Of this driver; the loop ends when the store names another one.
    started:
        When the run's time began, in seconds since the epoch.
    explains:
        Whether the best model is explained within that time.
    """

    def __init__(
        self,
        store: RunStore,
        record: RunRecord,
        identity: DriverIdentity,
        settings: Settings,
        started: float,
        explains: bool = False,
    ) -> None:
        self._store = store
        self._record = record
        self._settings = settings
        self._metric = METRICS[record.primary_metric]
        limit = settings.experiment_timeout_minutes
        self.until = None if limit is None else started + limit * 60
        # What comes after the trials, ensembles and the best model's files, needs its time too.
        self._trials_until = (
            None
            if limit is None or self.until is None
            else self.until - _reserve(limit * 60, explains)
        )
        iteration_limit = settings.iteration_timeout_minutes
        self._iteration_seconds = None if iteration_limit is None else iteration_limit * 60
        self._targets: Dataset | None = None
        #: In a list, the data in Ray's object store; once it has been prepared.
        self.reference: list[Any] = []
        self._node: Any = None
        self.watch = Watch(
            store,
            record.run_id,
            identity,
            self._iteration_seconds,
            self._trials_until,
        )

    def ask_for_nodes(self, cores: int) -> None:
        """Have a growing cluster bring up at once what all trials need, while data is prepared."""
        if not self._settings.is_remote:
            return
        from ray.autoscaler.sdk import request_resources

        shape = {"CPU": cores}
        if self._settings.mem_in_mb is not None:
            shape["memory"] = self._settings.mem_in_mb * 2**20
        trials = min(_concurrency(self._settings, cores), self._settings.iterations)
        request_resources(bundles=[shape] * trials)

    def give_nodes_back(self) -> None:
        """The cluster may shrink again."""
        if self._settings.is_remote:
            from ray.autoscaler.sdk import request_resources

            request_resources(bundles=[])

    def prepare(self, given: Given, cores: int) -> tuple[DataSource, DataSummary | None]:
        """Have the data where the trials will run, checked.

        Returns
        -------
        tuple
            The source for the trials, and the data's summary; ``None`` when the run was ended
            meanwhile.

        Raises
        ------
        DataException
            With the script's own traceback where it is to blame.
        """
        dataset = given.dataset
        shared = None if dataset is None else ray.put(dataset)
        source = DataSource.of(self._record.run_id, self._metric.task, given, shared)
        if dataset is not None:
            self.reference = list(source.shared or ())
            self._targets = dataset.without_features()
            return source, dataset.summary()
        # Until a node has room, which on a growing cluster takes minutes, no limit applies.
        found = node_data_somewhere.options(**task_resources(self._settings, cores))
        node = self._wait(found.remote(source), None)
        loaded: LoadedData | None = None
        if node is not None:
            loaded = self._wait(node.load.remote(), self._iteration_seconds)
        if loaded is None:
            return source, None
        if loaded.output:
            self._store.write_text(self._record.run_id, "logs/get_data.log", loaded.output)
        if loaded.error is not None:
            raise DataException(loaded.error)
        # At once: the node may be gone when the ensembles want them.
        self._targets = ray.get(node.targets.remote())
        self.reference = loaded.reference
        self._node = node
        logger.info("get_data() took %.1f s", loaded.seconds)
        return source, loaded.summary

    def targets(self) -> Dataset:
        """The data without its features, once it has been prepared."""
        assert self._targets is not None
        return self._targets

    def describe(self, dataset: Dataset | None) -> dict[str, Any]:
        """The data as a report shows it; where it is no argument, its node tells."""
        if dataset is not None:
            return describe_data(dataset)
        told: dict[str, Any] = ray.get(self._node.describe.remote(), timeout=_DESCRIBE_SECONDS)
        return told

    def _wait(self, future: Any, seconds: float | None) -> Any:
        """A result from the node that gets the data; ``None`` when the run was ended meanwhile."""
        started = time.monotonic()
        while not ray.wait([future], timeout=0.25)[0]:
            self.watch.look()
            if self.watch.ended_by is not None:
                ray.cancel(future)
                return None
            if seconds is not None and time.monotonic() - started > seconds:
                raise DataException(
                    f"get_data() did not return within iteration_timeout_minutes={seconds / 60:g}"
                )
        try:
            return ray.get(future)
        except ray.exceptions.RayError as error:
            raise DataException(
                f"the process that ran get_data() died: {_one_line(error)}"
            ) from error

    def run(
        self,
        source: DataSource,
        summary: DataSummary,
        search: PipelineSearch,
        schedule: Schedule,
        recorder: Recorder,
        cores: int,
    ) -> str:
        """Try pipelines until the schedule is over.

        Returns
        -------
        str
            ``Completed``, ``Canceled``, or ``Lost`` when another driver has taken the run over.

        Raises
        ------
        RunException
            When something could not be written to the store.
        """
        settings = self._settings
        trial_settings = TrialSettings(
            source=source,
            fingerprint=summary.fingerprint,
            primary_metric=self._metric.name,
            cores=cores,
            random_state=settings.random_state,
            class_weight=settings.class_weight,
            verbosity=settings.verbosity,
            until=self._trials_until,
        )
        running = RunningTrials()
        callback = _Callback(
            running,
            schedule,
            recorder,
            search,
            self._metric,
            RunMetrics(self._record.run_id, self._metric.name),
        )
        resources = {"cpu": cores}
        if settings.mem_in_mb is not None:
            resources["memory"] = settings.mem_in_mb * 2**20
        folder = tempfile.mkdtemp(prefix="raysmith-tune-")
        prefix = f"trial-{self._record.run_id[:8]}"
        self.watch.start(running, schedule, recorder)
        try:
            with _quiet_tune():
                tune.Tuner(
                    tune.with_resources(
                        tune.with_parameters(IterationTrial, settings=trial_settings), resources
                    ),
                    tune_config=tune.TuneConfig(
                        search_alg=_NextPipeline(
                            search, schedule, self.watch, self._trials_until, callback
                        ),
                        num_samples=-1,
                        max_concurrent_trials=_concurrency(settings, cores),
                        reuse_actors=True,
                        trial_name_creator=lambda t: f"{prefix}-{t.config['iteration']}",
                        trial_dirname_creator=lambda t: str(t.config["iteration"]),
                    ),
                    run_config=tune.RunConfig(
                        name=self._record.run_id,
                        storage_path=folder,
                        verbose=0,
                        progress_reporter=_NoReports(),
                        callbacks=[callback],
                        stop=_StopAtOnce(schedule),
                        failure_config=tune.FailureConfig(max_failures=0),
                        # An iteration leaves its model in the store; there is nothing to restore.
                        checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
                    ),
                ).fit()
        finally:
            self.watch.stop()
            if self.watch.ended_by != "Lost":
                callback.end_unfinished(str(schedule.stopped or "the run ended"))
            recorder.close()
            shutil.rmtree(folder, ignore_errors=True)
        if recorder.error is not None:
            raise RunException(
                f"the store could not be written: {recorder.error}"
            ) from recorder.error
        logger.info("no more iterations: %s", schedule.stopped or "all are done")
        return {"Canceled": "Canceled", "Lost": "Lost"}.get(self.watch.ended_by or "", "Completed")


class _OfThisProcess:
    """Tune writes its parts down to restore a run from them; ours is restored from the store."""

    def __reduce__(self) -> tuple[type, tuple[()]]:
        return object, ()


class _NextPipeline(_OfThisProcess, Searcher):
    """Tune's way to ask the schedule and the search what comes next."""

    def __init__(
        self,
        search: PipelineSearch,
        schedule: Schedule,
        watch: Watch,
        until: float | None,
        callback: _Callback,
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
            left = None if self._until is None else self._until - time.time()
            spec = self._search.propose(number, left)
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


class _Callback(_OfThisProcess, tune.Callback):
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
            end = IterationEnd("Failed", f"the worker died: {_why_it_died(trial)}", log=log)
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
        self._recorder.started(number, spec, {}, time.time())
        self._end(number, IterationEnd("Canceled", reason))

    def end_unfinished(self, reason: str) -> None:
        """Iterations that Tune gave up while they ran."""
        for number in list(self._open):
            self._end(number, IterationEnd("Canceled", reason))

    def _begin(self, number: int, trial: Any, announcement: Announcement | None) -> None:
        spec = PipelineSpec.from_json(trial.config["pipeline"])
        where: dict[str, Any] = {}
        started = time.time()
        if announcement is not None:
            started = announcement.started
            where = {
                "node_id": announcement.node_id,
                "node_ip": announcement.node_ip,
                "pid": announcement.pid,
            }
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
            self._search.told(number, spec, score, time.time() - started)
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


class _NoReports(_OfThisProcess, tune.ProgressReporter):
    """In a notebook Tune's own reports would clear the cell's output, and our widget with it."""

    def should_report(self, trials: list[Any], done: bool = False) -> bool:
        return False

    def report(self, trials: list[Any], done: bool, *sys_info: dict[str, Any]) -> None:
        """Never called."""


class _StopAtOnce(_OfThisProcess, tune.Stopper):
    """Ends Tune's loop when the run must not even finish what it has started."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return self._schedule.stopped_at_once


def trial_cores(settings: Settings) -> int:
    """CPU cores of one trial on the cluster that is connected.

    Raises
    ------
    ConfigException
        When no node is large enough for a trial.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    to_come = json.loads(os.environ.get("RAYSMITH_WORKER", "{}"))
    if to_come:
        # The autoscaler brings nodes up when trials wait for them.
        nodes.append({"CPU": to_come["CPU"], "memory": 0.7 * to_come["memory"]})
    cpus = [int(resources.get("CPU", 0)) for resources in nodes if resources.get("CPU", 0) >= 1]
    if not cpus:
        raise ConfigException(["the Ray cluster has no node with a CPU core"])
    wanted = settings.max_cores_per_iteration
    if wanted > max(cpus):
        raise ConfigException(
            [f"max_cores_per_iteration={wanted}: the largest node has {max(cpus)} cores"]
        )
    memory = max(float(resources.get("memory", 0)) for resources in nodes) / 2**20
    if settings.mem_in_mb is not None and settings.mem_in_mb > memory:
        raise ConfigException(
            [f"mem_in_mb={settings.mem_in_mb}: the largest node has {memory:.0f} MB for trials"]
        )
    return min(cpus) if wanted == -1 else wanted


def _reserve(seconds: float, explains: bool) -> float:
    """Of a run's time, what is kept for what comes after its trials."""
    explanation = min(10.0 + 0.1 * seconds, 120.0) if explains else 0.0
    return min(min(3.0 + 0.03 * seconds, 60.0) + explanation, 0.5 * seconds)


def task_resources(settings: Settings, cores: int) -> dict[str, Any]:
    """Of a Ray task that does a trial's kind of work."""
    resources: dict[str, Any] = {"num_cpus": cores}
    if settings.mem_in_mb is not None:
        resources["memory"] = settings.mem_in_mb * 2**20
    return resources


def _concurrency(settings: Settings, cores: int) -> int:
    if settings.max_concurrent_iterations is not None:
        return settings.max_concurrent_iterations
    if settings.is_remote:
        return 1
    return max(1, int(ray.cluster_resources().get("CPU", 1)) // cores)


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


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "is dead" in line or "died" in line]
    return (told or lines or [type(error).__name__])[-1]


@contextmanager
def _quiet_tune() -> Iterator[None]:
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
