"""A run's data on the nodes of a Ray cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

import ray

from engine.data.dataset import Dataset
from engine.driver.data_host import DataHost, DataLost, LoadedData, Pending, barred_note
from engine.driver.data_source import DataSource
from engine.driver.node_data import node_data, node_data_of, node_data_somewhere
from engine.driver.resources import node_addresses, outside_of

Value = TypeVar("Value")


class _Future(Pending[Value]):
    """A Ray object that is being made."""

    def __init__(self, reference: Any) -> None:
        self._reference = reference

    def wait(self, seconds: float) -> bool:
        return bool(ray.wait([self._reference], timeout=seconds)[0])

    def result(self) -> Value:
        value: Value = _get(self._reference)
        return value

    def cancel(self) -> None:
        ray.cancel(self._reference)


class _Node(_Future[None]):
    """The handle of the `NodeData` actor that gets the data first."""

    def __init__(self, host: RayDataHost, reference: Any) -> None:
        super().__init__(reference)
        self._host = host

    def result(self) -> None:
        node: tuple[Any, str] = _get(self._reference)
        self._host.node, self._host.node_id = node


class _FirstGood(Pending[LoadedData]):
    """The data of several nodes, of which the first that has any is the host's from then on."""

    def __init__(self, host: RayDataHost, nodes: Mapping[str, Any]) -> None:
        self._host = host
        self._nodes = nodes
        self._loading = {node_id: node.load.remote() for node_id, node in nodes.items()}
        self._result: LoadedData | None = None

    def wait(self, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while self._result is None or self._result.error is not None:
            if not self._loading:
                return True
            left = max(0.0, until - time.monotonic())
            ready, _ = ray.wait(list(self._loading.values()), timeout=left)
            if not ready:
                return False
            self._take(ready[0])
        return True

    def _take(self, ready: Any) -> None:
        node_id = next(n for n, loading in self._loading.items() if loading is ready)
        del self._loading[node_id]
        try:
            loaded: LoadedData = _get(ready)
        except DataLost as lost:
            loaded = LoadedData([], None, str(lost), "", 0.0)
        self._result = loaded
        if loaded.error is None:
            self._host.node, self._host.node_id = self._nodes[node_id], node_id
        else:
            self._host.bar(node_id, loaded.error)

    def result(self) -> LoadedData:
        assert self._result is not None, "wait() comes first"
        return self._result

    def cancel(self) -> None:
        for node_id, loading in self._loading.items():
            ray.cancel(loading)
            self._host.bar(node_id, "get_data() did not return in time")


class RayDataHost(DataHost):
    """Data on the first node of a Ray cluster that has room for a trial.

    Parameters
    ----------
    source:
        Where the data comes from.
    resources:
        What the node needs to have free, as ``ray.remote`` takes it.
    has_node_besides:
        Whether a node besides the given ones is up or may still come; default: never.

    Attributes
    ----------
    node, node_id:
        The handle of the `NodeData` actor that has the data, and its node, after `start`.
    barred:
        See `DataHost`.
    """

    def __init__(
        self,
        source: DataSource,
        resources: Mapping[str, Any],
        has_node_besides: Callable[[Collection[str]], bool] = lambda barred: False,
    ) -> None:
        self._source = source
        self._has_node_besides = has_node_besides
        self.resources = dict(resources)
        self.node: Any = None
        self.node_id = ""
        self.barred: dict[str, str] = {}

    def start(self) -> Pending[None]:
        """See `DataHost.start`."""
        options = {**self.resources}
        if self.barred:
            options["label_selector"] = outside_of(self.barred)
        return _Node(self, node_data_somewhere.options(**options).remote(self._source))

    def has_node_left(self) -> bool:
        """See `DataHost.has_node_left`."""
        return self._has_node_besides(self.barred.keys())

    def load(self) -> Pending[LoadedData]:
        """See `DataHost.load`."""
        return _Future(self.node.load.remote())

    def load_elsewhere(self, reason: str) -> Pending[LoadedData] | None:
        """See `DataHost.load_elsewhere`."""
        self.bar(self.node_id, reason)
        ray.kill(self.node)  # it may be stuck in get_data()
        cores = self.resources.get("num_cpus", 1)
        others = [node_id for node_id in node_addresses(cores) if node_id not in self.barred]
        if not others:
            return None
        return _FirstGood(self, {n: node_data(self._source, n) for n in others})

    def bar(self, node_id: str, reason: str) -> None:
        """Take note that a node cannot have the data."""
        self.barred[node_id] = barred_note(node_addresses().get(node_id, node_id[:12]), reason)

    def targets(self) -> Pending[Dataset]:
        """See `DataHost.targets`."""
        return _Future(self.node.targets.remote())

    def describe(self) -> Pending[dict[str, Any]]:
        """See `DataHost.describe`."""
        return _Future(self.node.describe.remote())

    def describe_elsewhere(self) -> Pending[dict[str, Any]] | None:
        """See `DataHost.describe_elsewhere`."""
        for node_id, node in node_data_of(self._source).items():
            if node_id not in self.barred and node_id in node_addresses():
                self.node, self.node_id = node, node_id
                return self.describe()
        return None


def _get(reference: Any) -> Any:
    """Return the value; a node that is slow is waited for, and Ray says when it is lost."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        raise DataLost(f"the process that ran get_data() died: {_one_line(error)}") from error


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    deaths = [line for line in lines if "is dead" in line or "died" in line]
    return (deaths or lines or [type(error).__name__])[-1]
