"""CPU cores, memory and nodes of the connected Ray cluster."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterable, Mapping
from typing import Any

import ray

from engine.config.settings import Settings
from engine.driver.node_requests import request_nodes
from engine.driver.ray_cluster import NODE_ID_LABEL, may_grow, refuses
from engine.errors import ConfigException

#: The part of a node's memory that Ray offers to tasks and actors.
_MEMORY_SHARE = 0.7


def trial_cores(settings: Settings) -> int | None:
    """Return the CPU cores of one trial on the connected cluster.

    Returns
    -------
    int or None
        ``None`` while the autoscaler may still bring up a node that is large enough.

    Raises
    ------
    ConfigException
        When no node is large enough for a trial, and none is to come.
    """
    nodes = [*node_resources(), *_node_to_come()]
    try:
        return cores_on(nodes, settings)
    except ConfigException:
        # An autoscaler of Ray's first version does not say what it can bring up.
        has_cores = any(node.get("CPU", 0) >= 1 for node in nodes)
        if refuses(_first_trial(settings)) or (has_cores and not may_grow()):
            raise
        return None


def _node_to_come() -> list[Mapping[str, float]]:
    """Return the resources of a node that the autoscaler brings up when trials wait for it."""
    worker = json.loads(os.environ.get("RAYSMITH_WORKER", "{}"))
    if not worker:
        return []
    return [{"CPU": worker["CPU"], "memory": _MEMORY_SHARE * worker["memory"]}]


def cores_on(nodes: list[Mapping[str, float]], settings: Settings) -> int:
    """Return the CPU cores of one trial on these nodes.

    Parameters
    ----------
    nodes:
        The resources of each node: ``CPU`` in cores, ``memory`` in bytes.

    Raises
    ------
    ConfigException
        When no node is large enough for a trial.

    Examples
    --------
    >>> whole_node = Settings("regression", "r2_score", max_cores_per_iteration=-1)
    >>> cores_on([{"CPU": 4, "memory": 2**33}, {"CPU": 8, "memory": 2**33}], whole_node)
    4
    """
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


def trial_resources(settings: Settings, cpu: str, cores: int) -> dict[str, Any]:
    """Return what a trial takes of its node.

    Parameters
    ----------
    cpu:
        The name of a core, which differs between Ray's interfaces.

    Examples
    --------
    >>> trial_resources(Settings("regression", "r2_score", mem_in_mb=100), "num_cpus", 2)
    {'num_cpus': 2, 'memory': 104857600}
    """
    resources: dict[str, Any] = {cpu: cores}
    if settings.mem_in_mb is not None:
        resources["memory"] = settings.mem_in_mb * 2**20
    return resources


def has_room(
    nodes: list[Mapping[str, float]], settings: Settings, cores: int, memory: int = 0
) -> bool:
    """Whether one of these nodes could hold a trial if it were idle.

    Parameters
    ----------
    memory:
        Bytes of memory that the trial asks for beside what the settings say.

    Examples
    --------
    >>> settings = Settings("regression", "r2_score", mem_in_mb=100)
    >>> has_room([{"CPU": 1, "memory": 2**30}, {"CPU": 4, "memory": 2**20}], settings, cores=2)
    False
    """
    wanted = {"memory": memory} | trial_resources(settings, "CPU", cores)
    return any(all(node.get(key, 0) >= need for key, need in wanted.items()) for node in nodes)


def trial_memory_mb(settings: Settings, cores: int, grows: bool = False) -> float:
    """Return the MiB of memory that a trial may have at most on the connected cluster.

    It is ``mem_in_mb`` where that is given, else the memory of the largest node with enough cores.

    Parameters
    ----------
    grows:
        Whether the autoscaler may bring up other nodes.

    Returns
    -------
    float
        Infinite while the autoscaler may bring up a larger node, and where no node says what it
        has.
    """
    if settings.mem_in_mb is not None:
        return float(settings.mem_in_mb)
    to_come = _node_to_come()
    if grows and not to_come:
        return math.inf
    most = max((node.get("memory", 0.0) for node in [*nodes_for(cores), *to_come]), default=0.0)
    return most / 2**20 if most > 0 else math.inf


def nodes_for(cores: float) -> list[Mapping[str, float]]:
    """Return the resources of each node that is up and has this many CPU cores."""
    return [node for node in node_resources() if node.get("CPU", 0) >= cores]


def concurrency(settings: Settings, cores: int) -> int:
    """Return how many trials with ``cores`` cores each run at a time on the connected cluster."""
    if settings.max_concurrent_iterations is not None:
        return settings.max_concurrent_iterations
    if settings.is_remote:
        return 1
    return max(1, int(ray.cluster_resources().get("CPU", 1)) // cores)


def node_resources(avoid: Collection[str] = ()) -> list[Mapping[str, float]]:
    """Return the resources of each node that is up, but for these nodes."""
    return [
        node["Resources"] for node in ray.nodes() if node["Alive"] and node["NodeID"] not in avoid
    ]


def node_addresses(cores: float = 1) -> dict[str, str]:
    """Return the id and the address of each node that is up and has this many CPU cores."""
    return {
        node["NodeID"]: node["NodeManagerAddress"]
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) >= cores
    }


def outside_of(node_ids: Iterable[str]) -> dict[str, str]:
    """Return the label selector that keeps Ray from placing something on these nodes.

    Examples
    --------
    >>> outside_of(["f00d", "beef"])
    {'ray.io/node-id': '!in(beef,f00d)'}
    >>> outside_of([])
    {}
    """
    ids = ",".join(sorted(node_ids))
    return {NODE_ID_LABEL: f"!in({ids})"} if ids else {}


def ask_for_nodes(
    settings: Settings, driver: str, cores: int | None = None, avoid: Collection[str] = ()
) -> bool:
    """Have a growing cluster bring up at once what all trials need, while data is prepared.

    Parameters
    ----------
    driver:
        Token of the run's driver.
    cores:
        CPU cores of a trial; ``None`` before they are known, to get the first node.
    avoid:
        Ids of nodes that do not count.

    Returns
    -------
    bool
        Whether nodes were asked for: a machine that cannot grow is not asked.
    """
    if cores is None:
        request_nodes(driver, [_first_trial(settings)])
        return True
    if not settings.is_remote and not may_grow():
        return False
    shape = trial_resources(settings, "CPU", cores)
    trials = min(concurrency(settings, cores), settings.iterations)
    request_nodes(driver, [shape] * trials, outside_of(avoid))
    return True


def has_node_besides(
    settings: Settings, driver: str, cores: int, avoid: Collection[str] = ()
) -> bool:
    """Whether a node besides these is up that could hold a trial, or may still come.

    A growing cluster is asked for one.

    Parameters
    ----------
    driver:
        Token of the run's driver.
    cores:
        CPU cores of a trial.
    avoid:
        Ids of the other nodes.
    """
    if has_room(node_resources(avoid), settings, cores):
        return True
    if not may_grow():
        return False
    shape = trial_resources(settings, "CPU", cores)
    # Asked again and again: a head that starts anew has forgotten the request.
    request_nodes(driver, [shape], outside_of(avoid))
    return not refuses(shape, avoid)


def _first_trial(settings: Settings) -> dict[str, Any]:
    """Return the least that a node must have for a trial."""
    return trial_resources(settings, "CPU", max(1, settings.max_cores_per_iteration))
