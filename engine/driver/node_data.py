"""A run's data on one node: ``get_data()`` is called once, its result is shared through Ray."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.targets.connection import NAMESPACE
from engine.driver.data_host import LoadedData
from engine.driver.memory_watch import LastMemory, MemoryWatch
from engine.driver.node_requests import give_back_of_the_dead
from engine.driver.output_capture import capture_output, read_end
from engine.driver.ray_cluster import has_ended
from engine.errors import DataException
from engine.temporary import remove_folder, shared_folder, temporary_root

# pandas and scikit-learn take 100 MB of a process; the one that only reads logs does without.
if TYPE_CHECKING:
    from engine.data.dataset import Dataset
from engine.driver.data_source import DataSource

logger = logging.getLogger("raysmith.trial")


#: The part of a node's object store that features may take.
_FEATURES_SHARE = 0.2


_LARGEST_TAIL = 200_000  # bytes of a log that one look brings
_CLEAN_SECONDS = 2.0
#: How often an actor looks whether its run's driver is still there.
_JOB_SECONDS = 10.0


def log_folder(run_id: str) -> Path:
    """Return the folder where a node keeps the logs of a run until they are in the store.

    Examples
    --------
    >>> log_folder("4f2a").parts[-2:]
    ('run-4f2a', 'logs')
    """
    return temporary_root() / _folder_name(run_id) / "logs"


def _folder_name(run_id: str) -> str:
    return f"run-{run_id}"


class LastWords(NamedTuple):
    """What a node says of a trial that has ended.

    Attributes
    ----------
    log:
        The end of its log.
    reason:
        Why the node ended it, if it did.
    memory:
        What its process had; ``None`` if nobody knows.
    """

    log: str
    reason: str | None
    memory: LastMemory | None = None


class NodeData:
    """The actor of one node and one run: it gets the data for the node's trials.

    It also keeps features that trials share, and reads their log files. Its methods may be called
    at the same time.

    Parameters
    ----------
    run_id:
        The run.
    source:
        Where the data comes from; ``None`` for data that is in Ray's store already, for which
        `load` is not called.
    """

    def __init__(self, run_id: str, source: DataSource | None) -> None:
        self._run_id = run_id
        self._source = source
        self._lock = threading.Lock()
        self._loaded: LoadedData | None = None
        self._features: dict[int, Any] = {}
        self._room: float | None = None
        self._job: str | None = None
        self._memory = MemoryWatch()
        shared_folder(_folder_name(run_id))

    def load(self) -> LoadedData:
        """Return the data; the first call reads it, later calls get the same result."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
            return self._loaded

    def targets(self) -> Dataset:
        """Return the data without its features."""
        dataset: Dataset = ray.get(self.load().reference[0])
        return dataset.without_features()

    def features(self, part: int) -> list[Any]:
        """Return a reference to the features kept for ``part``, in a list; empty without them."""
        return [self._features[part]] if part in self._features else []

    def keep_features(self, part: int, features: Any, size: int) -> None:
        """Hold ``features``, of ``size`` bytes, in this node's store while there is room.

        The actor owns them, as the process that made them may be ended at any time.
        """
        with self._lock:
            if self._room is None:
                self._room = _FEATURES_SHARE * _object_store_bytes()
            if part not in self._features and size <= self._room:
                self._features[part] = ray.put(features)
                self._room -= size

    def describe(self) -> dict[str, Any]:
        """Return the data as a report shows it."""
        from engine.data.description import describe_data

        return describe_data(ray.get(self.load().reference[0]))

    def ready(self) -> None:
        """Return once the actor is up."""

    def tail(self, file: str) -> str:
        """Return the end of a log file of this node; an empty text while there is no file."""
        return read_end(log_folder(self._run_id) / file, _LARGEST_TAIL)

    def last_words(self, file: str) -> LastWords:
        """Return the end of a trial's log file, why `watch_memory` has ended it, what it had."""
        memory = self._memory
        return LastWords(self.tail(file), memory.why_ended(file), memory.last_memory(file))

    def watch_memory(self, file: str, pid: int, turn: int, megabytes: int | None) -> None:
        """Watch the memory of a process of this node until it ends, see `MemoryWatch.watch`.

        This actor looks, because a fit in native code may not let the process look itself.
        """
        self._memory.watch(file, pid, turn, megabytes)

    def memory_use(self, file: str, pid: int, turn: int) -> tuple[float, float] | None:
        """Return what a trial needed so far, and watch it no longer; see `MemoryWatch.end`."""
        return self._memory.end(file, pid, turn)

    def clean(self) -> None:
        """Remove the run's files on this node."""
        remove_folder(_folder_name(self._run_id))

    def end_with(self, job_id: str) -> None:
        """End this actor when a Ray job has ended: a detached actor would outlive its driver.

        Parameters
        ----------
        job_id:
            The job of the run's driver.
        """
        with self._lock:
            if self._job is not None:
                return
            self._job = job_id

        def watch() -> None:
            pause = threading.Event()
            while not has_ended(job_id):
                pause.wait(_JOB_SECONDS)
            self.clean()
            with suppress(Exception):  # Ray's errors of its C++ client have no common type
                give_back_of_the_dead()
            os.kill(os.getpid(), signal.SIGKILL)  # a thread cannot leave an actor otherwise

        threading.Thread(target=watch, name="raysmith-job", daemon=True).start()

    def _load(self) -> LoadedData:
        from engine.data.splits import check_plan
        from engine.data.training_summary import TrainingSummary

        assert self._source is not None
        started = time.perf_counter()
        file = log_folder(self._run_id) / f"get_data-{socket.gethostname()}.log"
        summary, training, error, reference = None, None, None, []
        try:
            with capture_output(file):
                dataset = self._source.read()
            summary = dataset.summary()
            check_plan(summary, self._source.plan)
            training = TrainingSummary.of(dataset)
            reference = [ray.put(dataset)]
        except DataException as refused:
            error = str(refused)
        except Exception as broken:
            error = f"the data cannot be used: {type(broken).__name__}: {broken}"
        seconds = time.perf_counter() - started
        return LoadedData(reference, summary, error, self.tail(file.name), seconds, training)


def node_data(source: DataSource, node_id: str | None = None) -> Any:
    """Return the handle of a node's `NodeData` actor; start the actor if it is not there yet.

    The actor is detached: it must outlive the trial that happened to come first. The driver ends
    it by `end_node_data`.

    Parameters
    ----------
    source:
        Where the data comes from.
    node_id:
        The node; default: this process's.
    """
    node_id = node_id or ray.get_runtime_context().get_node_id()
    remote = ray.remote(NodeData).options(
        name=_name(source.run_id, source.driver, node_id),
        namespace=NAMESPACE,
        lifetime="detached",
        get_if_exists=True,
        num_cpus=0,
        # Trials wait in load(), and nobody may wait for them: each has a few calls under way.
        max_concurrency=32,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node_id, soft=False),
    )
    node = remote.remote(source.run_id, None if source.shared else source)
    node.end_with.remote(ray.get_runtime_context().get_job_id())
    return node


class NodeFeatures:
    """Features that a node's trials share: the first trial makes them, the others get them.

    Parameters
    ----------
    node:
        The node's `NodeData` actor.
    """

    def __init__(self, node: Any) -> None:
        self._node = node

    def __call__(self, part: int, make: Callable[[], Any]) -> Any:
        """Return the features of a part of the rows; make them when no trial has made them yet.

        Parameters
        ----------
        part:
            A fold's number, or `engine.evaluation.fit_options.ALL_ROWS`.
        make:
            Returns the fitted transformer, the features of the training rows, and those of the
            validation rows or ``None``.
        """
        try:
            found = ray.get(self._node.features.remote(part))
            if found:
                return ray.get(found[0])
        except ray.exceptions.RayError as error:  # lost with the actor, or with the store
            logger.info("features are made again: %s", error)
            return make()
        features = make()
        size = sum(block.nbytes for block in features[1:] if block is not None)
        self._node.keep_features.remote(part, features, size)
        return features


def node_features(run_id: str, driver: str = "") -> NodeFeatures | None:
    """Return the features that a driver's trials share on this node; ``None`` without trials."""
    node_id = ray.get_runtime_context().get_node_id()
    try:
        return NodeFeatures(ray.get_actor(_name(run_id, driver, node_id), namespace=NAMESPACE))
    except ValueError:
        return None


def _name(run_id: str, driver: str, node_id: str) -> str:
    return f"{actor_prefix(run_id, driver)}{node_id}"


def _object_store_bytes() -> float:
    here = ray.get_runtime_context().get_node_id()
    for node in ray.nodes():
        if node["NodeID"] == here:
            return float(node["Resources"].get("object_store_memory", 0))
    return 0.0


def actor_prefix(run_id: str, driver: str | None = None) -> str:
    """Return how the names of a run's `NodeData` actors begin, of all drivers or of one.

    Examples
    --------
    >>> actor_prefix("4f2a"), actor_prefix("4f2a", driver="77b0")
    ('data-4f2a:', 'data-4f2a:77b0-')
    """
    return f"data-{run_id}:" if driver is None else f"data-{run_id}:{driver}-"


def node_data_of(source: DataSource) -> dict[str, Any]:
    """Return node id -> handle of the `NodeData` actors that a run's driver has now."""
    prefix = actor_prefix(source.run_id, source.driver)
    return {name.removeprefix(prefix): node for name, node in _named(prefix).items()}


def _named(prefix: str) -> dict[str, Any]:
    """Return name -> handle of the actors whose names begin so."""
    found = {}
    for actor in ray.util.list_named_actors(all_namespaces=True):
        name = actor["name"]
        if actor["namespace"] == NAMESPACE and name.startswith(prefix):
            with suppress(ValueError):  # it is gone already
                found[name] = ray.get_actor(name, namespace=NAMESPACE)
    return found


def end_node_data(run_id: str, driver: str | None = None, but: str | None = None) -> None:
    """End the `NodeData` actors of a run on all nodes.

    Parameters
    ----------
    driver:
        End the actors of this driver alone; default: of all drivers.
    but:
        Leave the actors of this driver.
    """
    others = actor_prefix(run_id, but)
    named = _named(actor_prefix(run_id, driver))
    nodes = [node for name, node in named.items() if but is None or not name.startswith(others)]
    if nodes:
        cleaned = [node.clean.remote() for node in nodes]
        ray.wait(cleaned, num_returns=len(cleaned), timeout=_CLEAN_SECONDS)
    for node in nodes:
        ray.kill(node)


@ray.remote(max_retries=0)
def node_data_somewhere(source: DataSource) -> tuple[Any, str]:
    """Return the `NodeData` of the node where this task lands, and the node's id.

    The task asks for what a trial needs, so that the node has room for one.
    """
    node = node_data(source)
    ray.get(node.ready.remote())
    return node, ray.get_runtime_context().get_node_id()
