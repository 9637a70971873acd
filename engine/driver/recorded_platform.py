"""A run whose trials happened earlier."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from typing import Any

from engine.config.specification import RunSpecification
from engine.data.dataset import Dataset
from engine.data.description import describe_data
from engine.data.training_summary import TrainingSummary
from engine.deadline import Deadline
from engine.driver.data_host import DataHost, LoadedData, Pending, RunData, Value
from engine.driver.ensemble_step import BeginSecondLevel
from engine.driver.gauges import Gauges
from engine.driver.platform import Platform
from engine.driver.time_budget import IterationLimits
from engine.driver.trial_backends.recorded import RecordedBackend
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord


class _Here(Pending[Value]):
    """A value that is available at once."""

    def __init__(self, make: Callable[[], Value]) -> None:
        self._make = make

    def wait(self, seconds: float) -> bool:
        return True

    def result(self) -> Value:
        return self._make()

    def cancel(self) -> None:
        """Do nothing: nothing is under way."""


class DataHere(DataHost):
    """Data that this process reads.

    Parameters
    ----------
    given:
        Where the data is.
    """

    def __init__(self, given: RunSpecification) -> None:
        self._given = given
        self._dataset: Dataset | None = None
        self.barred: dict[str, str] = {}

    def start(self) -> Pending[None]:
        """See `DataHost.start`."""
        return _Here(lambda: None)

    def has_node_left(self) -> bool:
        """See `DataHost.has_node_left`: this process is the only place."""
        return not self.barred

    def load(self) -> Pending[LoadedData]:
        """See `DataHost.load`; what ``get_data()`` raises is raised by `Pending.result`."""
        return _Here(self._load)

    def load_elsewhere(self, reason: str) -> None:
        """Return ``None``: there is no other place."""

    def targets(self) -> Pending[Dataset]:
        """See `DataHost.targets`."""
        return _Here(lambda: self._loaded().without_features())

    def describe(self) -> Pending[dict[str, Any]]:
        """See `DataHost.describe`."""
        return _Here(lambda: describe_data(self._loaded()))

    def describe_elsewhere(self) -> None:
        """Return ``None``: there is no other place."""

    def _load(self) -> LoadedData:
        dataset = self._dataset = self._given.data.read()
        training = TrainingSummary.of(dataset)
        return LoadedData([dataset], dataset.summary(), None, "", 0.0, training)

    def _loaded(self) -> Dataset:
        assert self._dataset is not None, "load() comes first"
        return self._dataset


class RecordedPlatform(Platform):
    """Machines that replay recorded trials, for tests and simulations.

    There is neither a second level nor an explanation: the machines would make them.

    Parameters
    ----------
    backend:
        Replays the trials.
    concurrency:
        How many trials run at a time.
    data_host:
        Where data is read that is not given directly; default: in this process.
    memory_mb:
        Memory of a trial, in MiB; default: no limit.
    """

    def __init__(
        self,
        backend: RecordedBackend,
        concurrency: int = 1,
        data_host: DataHost | None = None,
        memory_mb: float = math.inf,
    ) -> None:
        self._memory_mb = memory_mb
        self._backend = backend
        self._concurrency = concurrency
        self._data_host = data_host

    def connect(self) -> None:
        """Do nothing: there are no machines."""

    def trial_cores(self) -> int | None:
        """See `Platform.trial_cores`."""
        return 1

    def concurrency(self, cores: int) -> int:
        """See `Platform.concurrency`."""
        return self._concurrency

    def has_room(self, cores: int, avoid: Collection[str] = ()) -> bool:
        """See `Platform.has_room`."""
        return True

    def trial_memory_mb(self, cores: int) -> float:
        """See `Platform.trial_memory_mb`."""
        return self._memory_mb

    def ask_for_nodes(self, cores: int | None = None, avoid: Collection[str] = ()) -> None:
        """Do nothing: there are no nodes to come."""

    def share(self, given: RunSpecification) -> list[Any]:
        """See `Platform.share`."""
        return [given.dataset]

    def shared_data(self, reference: list[Any]) -> Dataset:
        """See `Platform.shared_data`."""
        dataset: Dataset = reference[0]
        return dataset

    def data_host(self, given: RunSpecification, cores: int) -> DataHost:
        """See `Platform.data_host`."""
        return DataHere(given) if self._data_host is None else self._data_host

    def trial_backend(self, data: RunData, cores: int, limits: IterationLimits) -> RecordedBackend:
        """See `Platform.trial_backend`."""
        return self._backend

    def gauges(self) -> Gauges:
        """See `Platform.gauges`."""
        return Gauges()

    def second_level(self, data: RunData, until: Deadline) -> BeginSecondLevel | None:
        """See `Platform.second_level`."""
        return None

    def explain(
        self,
        store: RunStore,
        iteration: IterationRecord,
        data: RunData,
        rows: object,
        until: Deadline,
        stop: Callable[[], bool],
    ) -> None:
        """Do nothing: there are no machines that could explain."""

    def close(self) -> None:
        """Do nothing: there are no machines."""

    def hand_over(self) -> None:
        """Do nothing: there are no machines."""
