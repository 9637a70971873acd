"""A run on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import ray

from cluster.errors import ComputeTargetException
from cluster.targets.connection import Connection, connect
from engine.config.settings import Settings
from engine.config.specification import RunSpecification
from engine.data.dataset import Dataset
from engine.deadline import Deadline
from engine.driver import resources
from engine.driver.data_host import RunData
from engine.driver.data_source import DataSource
from engine.driver.ensemble_step import BeginSecondLevel
from engine.driver.explain_step import ExplainRequest, ExplainStep
from engine.driver.node_data import end_node_data
from engine.driver.node_requests import request_nodes
from engine.driver.platform import Platform
from engine.driver.ray_cluster import may_grow
from engine.driver.ray_data_host import RayDataHost
from engine.driver.ray_gauges import RunMetrics
from engine.driver.second_level_job import SecondLevelJob
from engine.driver.time_budget import IterationLimits
from engine.driver.trial_backends.tune import TuneBackend
from engine.driver.trial_settings import TrialSettings
from engine.metrics.metric import Metric
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord

Value = TypeVar("Value")

#: How long ``get_data()`` may take on a node: this long, or so many times as on the first one.
_LEAST_LOAD_SECONDS = 600.0
_LOAD_RATIO = 10.0


class RayPlatform(Platform):
    """The Ray cluster that this process is part of, or one that is started on this machine.

    Parameters
    ----------
    run_id:
        The run.
    settings:
        Its settings.
    metric:
        Its primary metric.
    driver:
        Token of the driver, which the names of its actors carry.
    """

    def __init__(self, run_id: str, settings: Settings, metric: Metric, driver: str = "") -> None:
        self._run_id = run_id
        self._driver = driver
        self._settings = settings
        self._metric = metric
        self._source: DataSource | None = None
        self._has_asked = False
        self._backend: TuneBackend | None = None
        #: Whether the cluster may grow; ``None`` before it was asked, which takes milliseconds.
        self._grows: bool | None = None
        self._connection: Connection | None = None

    def connect(self) -> None:
        """See `Platform.connect`."""
        # The driver of a cluster's job is started again with the cluster; others are notebooks.
        self._connection = connect(is_of_cluster=self._settings.is_remote)
        # Left by a driver that has died: they hold its data.
        self.call(partial(end_node_data, self._run_id, but=self._driver))

    @property
    def loss(self) -> str | None:
        """See `Platform.loss`."""
        return None if self._connection is None else self._connection.loss

    def call(self, step: Callable[[], Value]) -> Value:
        """See `Platform.call`; a job's driver calls it in its own thread and ends with Ray."""
        if self._connection is None or self._settings.is_remote:
            return step()
        return self._connection.call(step)

    def trial_cores(self) -> int | None:
        """See `Platform.trial_cores`."""
        return resources.trial_cores(self._settings)

    def concurrency(self, cores: int) -> int:
        """See `Platform.concurrency`."""
        return resources.concurrency(self._settings, cores)

    def has_room(self, cores: int, avoid: Collection[str] = ()) -> bool:
        """See `Platform.has_room`; nobody waits for room on machines that are lost."""
        if self.loss is not None:
            return True
        memory = 0 if self._backend is None else self._backend.waited_for
        return resources.has_room(resources.node_resources(avoid), self._settings, cores, memory)

    def trial_memory_mb(self, cores: int) -> float:
        """See `Platform.trial_memory_mb`."""
        if self._grows is None:
            self._grows = may_grow()
        return resources.trial_memory_mb(self._settings, cores, self._grows)

    def ask_for_nodes(self, cores: int | None = None, avoid: Collection[str] = ()) -> None:
        """See `Platform.ask_for_nodes`."""
        has_asked = resources.ask_for_nodes(self._settings, self._driver, cores, avoid)
        self._has_asked = has_asked or self._has_asked

    def share(self, given: RunSpecification) -> list[Any]:
        """See `Platform.share`."""
        shared = ray.put(given.dataset)
        self._source = DataSource.of(self._run_id, given, shared, self._driver)
        return [shared]

    def shared_data(self, reference: list[Any]) -> Dataset:
        """See `Platform.shared_data`; its arrays are those of Ray's store."""
        dataset: Dataset = ray.get(reference[0])
        return dataset

    def data_host(self, given: RunSpecification, cores: int) -> RayDataHost:
        """See `Platform.data_host`."""
        self._source = DataSource.of(self._run_id, given, driver=self._driver)
        room = resources.trial_resources(self._settings, "num_cpus", cores)
        return RayDataHost(self._source, room, partial(self._has_node_besides, cores))

    def _has_node_besides(self, cores: int, barred: Collection[str]) -> bool:
        self._has_asked = self._has_asked or may_grow()
        return resources.has_node_besides(self._settings, self._driver, cores, barred)

    def trial_backend(self, data: RunData, cores: int, limits: IterationLimits) -> TuneBackend:
        """See `Platform.trial_backend`."""
        assert self._source is not None, "data comes before trials"
        trial_settings = TrialSettings(
            source=self._source,
            fingerprint=data.summary.fingerprint,
            primary_metric=self._metric.name,
            cores=cores,
            random_state=self._settings.random_state,
            class_weight=self._settings.class_weight,
            verbosity=self._settings.verbosity,
            limits=limits,
            megabytes=self._settings.mem_in_mb,
            prunes=self._settings.enable_pruning,
            load_seconds=max(_LEAST_LOAD_SECONDS, _LOAD_RATIO * data.seconds),
        )
        room = resources.trial_resources(self._settings, "cpu", cores)
        self._backend = TuneBackend(self._run_id, trial_settings, room)
        return self._backend

    def gauges(self) -> RunMetrics:
        """See `Platform.gauges`."""
        return RunMetrics(self._run_id, self._metric.name)

    def second_level(self, data: RunData, until: Deadline) -> BeginSecondLevel | None:
        """See `Platform.second_level`."""
        if not SecondLevelJob.plan(self._settings, data.targets):
            return None
        job = SecondLevelJob(self._run_id, self._settings, data.reference, until, self._driver)
        return job.begin

    def explain(
        self,
        store: RunStore,
        iteration: IterationRecord,
        data: RunData,
        rows: object,
        until: Deadline,
        stop: Callable[[], bool],
    ) -> None:
        """See `Platform.explain`."""
        request = ExplainRequest(rows, seconds=until.left() if until.is_set else None, stop=stop)
        step = ExplainStep(
            store,
            self._run_id,
            data.reference,
            self._settings.random_state,
            self._settings.keep_data,
        )
        step.explain(iteration, request)

    def close(self) -> None:
        """See `Platform.close`."""
        if self._has_asked and self.loss is None:
            self._has_asked = False
            request_nodes(self._driver, [])
        if self.loss is None:
            # With the machines their processes have ended.
            with suppress(ComputeTargetException):
                self.call(partial(end_node_data, self._run_id, self._driver))

    def hand_over(self) -> None:
        """See `Platform.hand_over`; the other driver has asked for nodes of its own."""
        self.close()
