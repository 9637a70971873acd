"""The seam between a run and the place where its data is read and kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from engine.errors import DataException

# pandas and scikit-learn take 100 MB of a process; the one that only reads logs does without.
if TYPE_CHECKING:
    from engine.data.dataset import Dataset, DataSummary
    from engine.data.training_summary import TrainingSummary

Value = TypeVar("Value", covariant=True)


class DataLost(DataException):
    """The process that read the data has died, or its node was lost: another may do it."""


@dataclass(frozen=True)
class RunData:
    """The data of a run once it is ready for trials.

    Attributes
    ----------
    summary:
        Summary of the data, for the search.
    targets:
        The data without its features.
    reference:
        In a list, a reference to the whole data, as the platform gives it.
    seconds:
        How long ``get_data()`` took; 0 for data given directly.
    barred:
        Node id -> why it cannot have the data, in one sentence for the user.
    """

    summary: DataSummary
    targets: Dataset
    reference: list[Any]
    seconds: float = 0.0
    barred: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class LoadedData:
    """The data of a node, or the error that came instead.

    Attributes
    ----------
    reference:
        In a list, a reference to the `Dataset`; empty after an error.
    summary:
        The data's summary; ``None`` after an error.
    error:
        Why the data cannot be used; ``None`` when it can.
    output:
        What ``get_data()`` printed.
    seconds:
        How long it took.
    training:
        How the columns are distributed; ``None`` after an error.
    """

    reference: list[Any]
    summary: DataSummary | None
    error: str | None
    output: str
    seconds: float
    training: TrainingSummary | None = None

    def checked(self) -> DataSummary:
        """Return the data's summary.

        Raises
        ------
        DataException
            When the data cannot be used.

        Examples
        --------
        >>> LoadedData([], None, "KeyError: 'my key'", "", 0.1).checked()
        Traceback (most recent call last):
        engine.errors.DataException: KeyError: 'my key'
        """
        if self.error is not None or self.summary is None:
            raise DataException(self.error or "get_data() gave no data")
        return self.summary


def barred_note(node: str, reason: str) -> str:
    """Return the note to the user about a node that cannot have the data.

    Examples
    --------
    >>> barred_note("10.0.0.3", "get_data() failed\\nOSError: /data is not mounted")
    'node 10.0.0.3 takes no part in the run: OSError: /data is not mounted'
    """
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    return f"node {node} takes no part in the run: {lines[-1] if lines else 'no data there'}"


class Pending(ABC, Generic[Value]):
    """A value that another thread or process is making."""

    @abstractmethod
    def wait(self, seconds: float) -> bool:
        """Wait up to ``seconds``; return whether the value, or an error, is there."""

    @abstractmethod
    def result(self) -> Value:
        """Return the value.

        Raises
        ------
        DataLost
            When the process that should give the value has died.
        """

    @abstractmethod
    def cancel(self) -> None:
        """Give the value up."""


class DataHost(ABC):
    """Reads the data of a run where its trials will run, and keeps it.

    `start` is called first, then `load` and, when that has given data, the rest. After a
    `DataLost`, `start` may be called again.

    Attributes
    ----------
    barred:
        Node id -> why it cannot have the data, in one sentence for the user.
    """

    barred: Mapping[str, str]

    @abstractmethod
    def start(self) -> Pending[None]:
        """Find room for the data; on a growing cluster that takes minutes."""

    @abstractmethod
    def has_node_left(self) -> bool:
        """Whether a node that is not barred is up, or may still come.

        A growing cluster is asked for one. The answer may turn to no while a node is waited for:
        an autoscaler takes seconds to refuse.
        """

    @abstractmethod
    def load(self) -> Pending[LoadedData]:
        """Read and check the data where there is room."""

    @abstractmethod
    def load_elsewhere(self, reason: str) -> Pending[LoadedData] | None:
        """Bar the node and read the data on the others.

        Parameters
        ----------
        reason:
            Why the node cannot have the data.

        Returns
        -------
        Pending or None
            The first good data of another node that is up, or the last error when none has any;
            ``None`` when there is no other node.
        """

    @abstractmethod
    def targets(self) -> Pending[Dataset]:
        """Get the loaded data without its features; a host that is busy takes its time."""

    @abstractmethod
    def describe(self) -> Pending[dict[str, Any]]:
        """Get the loaded data as a report shows it."""

    @abstractmethod
    def describe_elsewhere(self) -> Pending[dict[str, Any]] | None:
        """Get it from another place that has read the data meanwhile; ``None`` without one."""
