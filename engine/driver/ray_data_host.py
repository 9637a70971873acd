"""A run's data on the nodes of a Ray cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import ray

from engine.data.dataset import Dataset
from engine.driver.data_host import DataHost, LoadedData, Pending
from engine.driver.data_source import DataSource
from engine.driver.node_data import node_data_somewhere
from engine.errors import DataException

_DESCRIBE_SECONDS = 60.0

Value = TypeVar("Value")


class _Future(Pending[Value]):
    """A Ray object that is being made."""

    def __init__(self, reference: Any) -> None:
        self._reference = reference

    def wait(self, seconds: float) -> bool:
        return bool(ray.wait([self._reference], timeout=seconds)[0])

    def result(self) -> Value:
        try:
            value: Value = ray.get(self._reference)
        except ray.exceptions.RayError as error:
            raise DataException(
                f"the process that ran get_data() died: {_one_line(error)}"
            ) from error
        return value

    def cancel(self) -> None:
        ray.cancel(self._reference)


class _Node(_Future[None]):
    """The handle of the `NodeData` actor that gets the data first."""

    def __init__(self, host: RayDataHost, reference: Any) -> None:
        super().__init__(reference)
        self._host = host

    def result(self) -> None:
        self._host.node = super().result()


class RayDataHost(DataHost):
    """Data on the first node of a Ray cluster that has room for a trial.

    Parameters
    ----------
    source:
        Where the data comes from.
    resources:
        What the node needs to have free, as ``ray.remote`` takes it.

    Attributes
    ----------
    node:
        The handle of the `NodeData` actor on that node, after `start`.
    """

    def __init__(self, source: DataSource, resources: Mapping[str, Any]) -> None:
        self._source = source
        self.resources = dict(resources)
        self.node: Any = None

    def start(self) -> Pending[None]:
        """See `DataHost.start`."""
        task = node_data_somewhere.options(**self.resources)
        return _Node(self, task.remote(self._source))

    def load(self) -> Pending[LoadedData]:
        """See `DataHost.load`."""
        return _Future(self.node.load.remote())

    def targets(self) -> Dataset:
        """See `DataHost.targets`."""
        targets: Dataset = ray.get(self.node.targets.remote())
        return targets

    def describe(self) -> dict[str, Any]:
        """See `DataHost.describe`."""
        description: dict[str, Any] = ray.get(
            self.node.describe.remote(), timeout=_DESCRIBE_SECONDS
        )
        return description


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    deaths = [line for line in lines if "is dead" in line or "died" in line]
    return (deaths or lines or [type(error).__name__])[-1]
