"""A run whose trials happened earlier."""

from __future__ import annotations

from typing import Any

from engine.config.specification import RunSpecification
from engine.deadline import Deadline
from engine.driver.data_host import DataHost, RunData
from engine.driver.ensemble_step import BeginSecondLevel
from engine.driver.gauges import Gauges
from engine.driver.platform import Platform
from engine.driver.time_budget import IterationLimits
from engine.driver.trial_backends.recorded import RecordedBackend
from engine.errors import DataException


class RecordedPlatform(Platform):
    """Machines that replay recorded trials, for tests and simulations.

    There is no second level, as it would be fitted on the machines.

    Parameters
    ----------
    backend:
        Replays the trials.
    concurrency:
        How many trials run at a time.
    data_host:
        Where data is read that is not given directly; default: nowhere.
    """

    def __init__(
        self,
        backend: RecordedBackend,
        concurrency: int = 1,
        data_host: DataHost | None = None,
    ) -> None:
        self._backend = backend
        self._concurrency = concurrency
        self._data_host = data_host

    def connect(self) -> None:
        """Do nothing: there are no machines."""

    def trial_cores(self) -> int:
        """See `Platform.trial_cores`."""
        return 1

    def concurrency(self, cores: int) -> int:
        """See `Platform.concurrency`."""
        return self._concurrency

    def ask_for_nodes(self, cores: int) -> None:
        """Do nothing: there are no nodes to come."""

    def share(self, given: RunSpecification) -> list[Any]:
        """See `Platform.share`."""
        return [given.dataset]

    def data_host(self, given: RunSpecification, cores: int) -> DataHost:
        """See `Platform.data_host`.

        Raises
        ------
        DataException
            When there is nowhere to read data.
        """
        if self._data_host is None:
            raise DataException("recorded trials need data that is given directly")
        return self._data_host

    def trial_backend(self, data: RunData, cores: int, limits: IterationLimits) -> RecordedBackend:
        """See `Platform.trial_backend`."""
        return self._backend

    def gauges(self) -> Gauges:
        """See `Platform.gauges`."""
        return Gauges()

    def second_level(self, data: RunData, until: Deadline) -> BeginSecondLevel | None:
        """See `Platform.second_level`."""
        return None

    def close(self) -> None:
        """Do nothing: there are no machines."""
