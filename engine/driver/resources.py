"""CPU cores and memory of trials on the connected cluster."""

from __future__ import annotations

import json
import os
from typing import Any

import ray

from engine.config.settings import Settings
from engine.errors import ConfigException


def trial_cores(settings: Settings) -> int:
    """CPU cores of one trial on the cluster that is connected.

    Raises
    ------
    ConfigException
        When no node is large enough for a trial.
    """
    nodes = _nodes()
    to_come = json.loads(os.environ.get("RAYSMITH_WORKER", "{}"))
    if to_come:
        # The autoscaler brings nodes up when trials wait for them.
        nodes.append({"CPU": to_come["CPU"], "memory": 0.7 * to_come["memory"]})
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


def _resources(settings: Settings, cpu: str, cores: int) -> dict[str, Any]:
    """What a trial takes of its node; Ray's interfaces differ in what they call a core."""
    resources: dict[str, Any] = {cpu: cores}
    if settings.mem_in_mb is not None:
        resources["memory"] = settings.mem_in_mb * 2**20
    return resources


def _concurrency(settings: Settings, cores: int) -> int:
    if settings.max_concurrent_iterations is not None:
        return settings.max_concurrent_iterations
    if settings.is_remote:
        return 1
    return max(1, int(ray.cluster_resources().get("CPU", 1)) // cores)


def _nodes() -> list[dict[str, Any]]:
    """The resources of each node that is up."""
    return [node["Resources"] for node in ray.nodes() if node["Alive"]]
