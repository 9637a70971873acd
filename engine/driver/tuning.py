"""The part of a run that happens on the cluster: its data, and its trials through Ray Tune."""

from __future__ import annotations

import logging
import shutil
import tempfile
import time
from typing import Any

import numpy as np
import ray
from numpy.typing import NDArray
from ray import tune

from engine.config.settings import Settings
from engine.config.specification import RunSpecification
from engine.data.dataset import Dataset, DataSummary
from engine.data.description import describe_data
from engine.data.splits import is_k_fold, make_splits
from engine.driver.data_source import DataSource
from engine.driver.gauges import RunMetrics
from engine.driver.node_data import LoadedData, node_data_somewhere
from engine.driver.resources import _concurrency, _nodes, _resources, trial_cores
from engine.driver.running_trials import RunningTrials
from engine.driver.schedule import Schedule
from engine.driver.second_level_job import FittingHere, FittingThere, fit_on, import_libraries
from engine.driver.time_budget import Limits, _reserve, _reserve_for_second_level
from engine.driver.trial import IterationTrial, TrialSettings
from engine.driver.tune_adapters import (
    NextPipeline,
    NoReports,
    StopAtOnce,
    TrialCallback,
    quiet_tune,
)
from engine.driver.watch import Watch
from engine.ensembles.second_level import Fitting
from engine.errors import DataException, RunException
from engine.metrics.metric import METRICS
from engine.search.pipeline_search import PipelineSearch
from engine.store.driver_identity import DriverIdentity
from engine.store.mlflow_store import RunStore
from engine.store.recorder import Recorder
from engine.store.records import RunRecord

logger = logging.getLogger("raysmith.driver")


_DESCRIBE_SECONDS = 60.0


#: What a second level takes beside its fits: the stack's weights and its row; and on a cluster a
#: process of its own.
_AROUND_SECOND_LEVEL = 3.0


_ITS_PROCESS = 3.0


_LEAST_SECONDS = 1.0


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
        self._has_second_level = False
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

        shape = _resources(self._settings, "CPU", cores)
        trials = min(_concurrency(self._settings, cores), self._settings.iterations)
        request_resources(bundles=[shape] * trials)

    def give_nodes_back(self) -> None:
        """The cluster may shrink again."""
        if self._settings.is_remote:
            from ray.autoscaler.sdk import request_resources

            request_resources(bundles=[])

    def prepare(self, given: RunSpecification, cores: int) -> tuple[DataSource, DataSummary | None]:
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
        source = DataSource.of(self._record.run_id, given, shared)
        if dataset is not None:
            self.reference = list(source.shared or ())
            self._targets = dataset.without_features()
            return source, dataset.summary()
        # Until a node has room, which on a growing cluster takes minutes, no limit applies.
        found = node_data_somewhere.options(**_resources(self._settings, "num_cpus", cores))
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

    def _plan_second_level(self) -> None:
        """Keep time for a second level where there can be one."""
        settings, limit = self._settings, self._settings.experiment_timeout_minutes
        self._has_second_level = settings.second_level and is_k_fold(
            make_splits(self.targets(), settings.split_plan), self.targets().n_rows
        )
        if self._has_second_level and limit is not None and self._trials_until is not None:
            self._trials_until -= _reserve_for_second_level(60 * limit)
            self.watch.deadline = self._trials_until

    def second_level(
        self, outputs: list[NDArray[np.float64]], inputs: list[list[int]]
    ) -> Fitting | None:
        """Begin to fit a second level where the data is.

        ``None`` when it is not possible or not wanted, or there is no time for it.

        Parameters
        ----------
        outputs, inputs:
            Out-of-fold predictions, and which of them are seen; see `fit_second_level`.
        """
        settings, until = self._settings, self.until
        nodes = [int(resources.get("CPU", 0)) for resources in _nodes()]
        is_here = not settings.is_remote and len(nodes) == 1
        around = _AROUND_SECOND_LEVEL + (0.0 if is_here else _ITS_PROCESS)
        seconds = None if until is None else until - time.time() - around
        if not self._has_second_level or (seconds is not None and seconds < _LEAST_SECONDS):
            return None
        cores = trial_cores(settings)
        cores *= max(1, min(_concurrency(settings, cores), max(nodes) // cores))
        reference, plan = self.reference[0], settings.split_plan
        how: dict[str, Any] = {
            "run_id": self._record.run_id,
            "inputs": inputs,
            "cores": cores,
            "random_state": settings.random_state,
            "class_weight": settings.class_weight,
            "seconds": seconds,
        }
        if is_here:
            dataset: Dataset = ray.get(reference)
            import_libraries(dataset.layout)
            return FittingHere(lambda stop: fit_on(dataset, plan, outputs, stop=stop, **how), until)
        task = ray.remote(fit_on).options(max_retries=0, **_resources(settings, "num_cpus", cores))
        return FittingThere(task.remote(reference, plan, outputs, **how), until)

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
        self._plan_second_level()
        trial_settings = TrialSettings(
            source=source,
            fingerprint=summary.fingerprint,
            primary_metric=self._metric.name,
            cores=cores,
            random_state=settings.random_state,
            class_weight=settings.class_weight,
            verbosity=settings.verbosity,
            limits=Limits(self._trials_until, self._iteration_seconds, self.watch.share_seconds),
        )
        running = RunningTrials()
        callback = TrialCallback(
            running,
            schedule,
            recorder,
            search,
            self._metric,
            RunMetrics(self._record.run_id, self._metric.name),
        )
        resources = _resources(settings, "cpu", cores)
        folder = tempfile.mkdtemp(prefix="raysmith-tune-")
        prefix = f"trial-{self._record.run_id[:8]}"
        self.watch.start(running, schedule, recorder)
        try:
            with quiet_tune():
                tune.Tuner(
                    tune.with_resources(
                        tune.with_parameters(IterationTrial, settings=trial_settings), resources
                    ),
                    tune_config=tune.TuneConfig(
                        search_alg=NextPipeline(
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
                        progress_reporter=NoReports(),
                        callbacks=[callback],
                        stop=StopAtOnce(schedule),
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


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "is dead" in line or "died" in line]
    return (told or lines or [type(error).__name__])[-1]
