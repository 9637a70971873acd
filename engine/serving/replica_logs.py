"""Logs of an endpoint's replicas, from a process that is connected to the cluster."""

from __future__ import annotations

from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.errors import RunException

#: Lines of each replica's log that are returned, the last ones.
_MOST_LINES = 1000
_SECONDS = 60.0


def logs(name: str) -> str:
    """Return what the replicas of an endpoint have logged, node by node.

    Raises
    ------
    RunException
        When a node does not answer.
    """
    read = ray.remote(num_cpus=0, max_retries=0)(_logs_of_node)
    asked = [
        read.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(name)
        for node in ray.nodes()
        if node["Alive"]
    ]
    try:
        return "\n".join(filter(None, ray.get(asked, timeout=_SECONDS)))
    except (ray.exceptions.RayError, TimeoutError) as error:
        raise RunException(f"a node does not give its logs: {error}") from error


def _logs_of_node(name: str) -> str:
    """Return the last lines of the replicas' logs on this node."""
    from ray._private.worker import global_worker

    folder = Path(global_worker.node.get_logs_dir_path()) / "serve"
    parts = []
    for file in sorted(folder.glob(f"replica_{name}_*.log")):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        parts.append("".join(lines[-_MOST_LINES:]))
    return "\n".join(parts)
