"""The seam between a run and the machines that it uses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from typing import Any, TypeVar

from engine.config.specification import RunSpecification
from engine.data.dataset import Dataset
from engine.deadline import Deadline
from engine.driver.data_host import DataHost, RunData
from engine.driver.ensemble_step import BeginSecondLevel
from engine.driver.gauges import Gauges
from engine.driver.time_budget import IterationLimits
from engine.driver.trial_backends.backend import TrialBackend
from engine.store.mlflow_store import RunStore
from engine.store.records import IterationRecord

Value = TypeVar("Value")


class Platform(ABC):
    """The machines of one run: where its data is read and its trials are executed.

    The driver calls `connect` first and `close` last, whatever happened in between; when another
    driver has taken the run over, `hand_over` takes the place of `close`.
    """

    @abstractmethod
    def connect(self) -> None:
        """Reach the machines; start them where they belong to this process."""

    @property
    def loss(self) -> str | None:
        """Why all machines are gone for good; ``None`` while they are not."""
        return None

    def call(self, step: Callable[[], Value]) -> Value:
        """Call a function that uses the machines; return also when it hangs because of their loss.

        The function may go on in a thread of its own after a loss.

        Raises
        ------
        ComputeTargetException
            When all machines are lost for good meanwhile.
        BaseException
            Whatever the function raises.
        """
        return step()

    @abstractmethod
    def trial_cores(self) -> int | None:
        """Return the CPU cores of one trial; ``None`` while a machine for it may still come.

        Raises
        ------
        ConfigException
            When no machine is large enough for a trial, and none is to come.
        """

    @abstractmethod
    def concurrency(self, cores: int) -> int:
        """Return how many trials with ``cores`` cores each may run at a time, at least 1."""

    @abstractmethod
    def has_room(self, cores: int, avoid: Collection[str] = ()) -> bool:
        """Whether a machine is up that could hold a trial with ``cores`` cores if it were idle.

        Parameters
        ----------
        avoid:
            Ids of machines that do not count.
        """

    @abstractmethod
    def trial_memory_mb(self, cores: int) -> float:
        """Return the MiB of memory that a trial with ``cores`` cores may have at most, now.

        It is infinite where nobody knows, as while a larger machine may still come.
        """

    @abstractmethod
    def ask_for_nodes(self, cores: int | None = None, avoid: Collection[str] = ()) -> None:
        """Have a growing cluster bring up the nodes for all trials while data is prepared.

        Parameters
        ----------
        cores:
            CPU cores of a trial; ``None`` before they are known, to get the first node.
        avoid:
            Ids of machines that do not count.
        """

    @abstractmethod
    def share(self, given: RunSpecification) -> list[Any]:
        """Hand over the data that the driver has; return a reference to it, in a list."""

    @abstractmethod
    def shared_data(self, reference: list[Any]) -> Dataset:
        """Return the data that `share` has handed over, for a short look at it."""

    @abstractmethod
    def data_host(self, given: RunSpecification, cores: int) -> DataHost:
        """Return where the data is read that the driver does not have.

        Parameters
        ----------
        cores:
            Cores that must be free there.
        """

    @abstractmethod
    def trial_backend(self, data: RunData, cores: int, limits: IterationLimits) -> TrialBackend:
        """Return what executes the trials."""

    @abstractmethod
    def gauges(self) -> Gauges:
        """Return what shows the run's progress to whoever watches the machines."""

    @abstractmethod
    def second_level(self, data: RunData, until: Deadline) -> BeginSecondLevel | None:
        """Return what begins to fit a second level; ``None`` where there can be none.

        The trials are ended earlier when there can be one, to keep time for it.
        """

    @abstractmethod
    def explain(
        self,
        store: RunStore,
        iteration: IterationRecord,
        data: RunData,
        rows: object,
        until: Deadline,
        stop: Callable[[], bool],
    ) -> None:
        """Explain an iteration's model and keep the explanation in the store.

        Parameters
        ----------
        rows:
            The rows to explain; ``None``: the validation part, else a sample of the training rows.
        until:
            When the explanation must be ready, for as many rows as there is time for.
        stop:
            Asked all the time whether to give up.

        Raises
        ------
        Exception
            Whatever goes wrong.
        """

    @abstractmethod
    def close(self) -> None:
        """Let the machines go that only this run needed."""

    @abstractmethod
    def hand_over(self) -> None:
        """Leave the machines to another driver of the run; called in place of `close`."""
