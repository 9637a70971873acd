"""Nodes on this machine: raylets that Ray's autoscaler starts and ends like machines.

The autoscaler on the head loads `LocalNodeProvider`. It keeps one file a node in the target's
folder, so that a restarted autoscaler finds the nodes that exist.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import threading
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from ray.autoscaler.node_provider import NodeProvider
from ray.autoscaler.tags import (
    NODE_KIND_HEAD,
    NODE_KIND_WORKER,
    STATUS_UP_TO_DATE,
    TAG_RAY_NODE_KIND,
    TAG_RAY_NODE_NAME,
    TAG_RAY_NODE_STATUS,
    TAG_RAY_USER_NODE_TYPE,
)

from cluster.providers.local_processes import (
    HEAD_ID,
    HEAD_TYPE,
    NODE_MARK,
    end_marked,
    marked,
    ray_start,
)

logger = logging.getLogger(__name__)

#: Seconds after which a node that has not come up is abandoned.
_START_SECONDS = 120.0


class LocalNodeProvider(NodeProvider):
    """Answers Ray's requests for machines with raylets on this one.

    ``provider_config`` holds ``folder`` for the nodes' files, the cluster's ``address``, a node's
    ``object_store_bytes``, and ``temp``, a folder in which each node has its own.
    """

    def __init__(self, provider_config: dict[str, Any], cluster_name: str) -> None:
        super().__init__(provider_config, cluster_name)
        self._folder = Path(provider_config["folder"])
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = threading.RLock()

    def non_terminated_nodes(self, tag_filters: dict[str, str]) -> list[str]:
        """Return the ids of nodes with these tags, the head included."""
        found = []
        for node_id in [HEAD_ID, *self._workers()]:
            tags = self.node_tags(node_id)
            if all(tags.get(key) == value for key, value in tag_filters.items()):
                found.append(node_id)
        return found

    def is_running(self, node_id: str) -> bool:
        """Whether the node's raylet runs."""
        return node_id == HEAD_ID or _is_up(self._read(node_id))

    def is_terminated(self, node_id: str) -> bool:
        """Whether the node is gone."""
        return node_id != HEAD_ID and node_id not in self._workers()

    def node_tags(self, node_id: str) -> dict[str, str]:
        """Return the node's tags."""
        if node_id == HEAD_ID:
            return _tags(HEAD_ID, NODE_KIND_HEAD, HEAD_TYPE)
        return dict(self._read(node_id).get("tags", {}))

    def external_ip(self, node_id: str) -> str:
        """Return the loopback address."""
        return "127.0.0.1"

    def internal_ip(self, node_id: str) -> str:
        """Return the loopback address."""
        return "127.0.0.1"

    def set_node_tags(self, node_id: str, tags: dict[str, str]) -> None:
        """Add tags to a node; the head's are fixed."""
        if node_id == HEAD_ID:
            return
        with self._lock:
            node = self._read(node_id)
            self._write(node_id, {**node, "tags": {**node.get("tags", {}), **tags}})

    def create_node_with_resources_and_labels(
        self,
        node_config: dict[str, Any],
        tags: dict[str, str],
        count: int,
        resources: dict[str, float],
        labels: dict[str, str],
    ) -> None:
        """Start ``count`` raylets at once, and raise the first failure after all are tried."""
        failures: list[Exception] = []

        def start() -> None:
            try:
                self._start(tags, resources, labels)
            except Exception as error:
                failures.append(error)

        threads = [threading.Thread(target=start) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def terminate_node(self, node_id: str) -> None:
        """End every process of the node and remove its files."""
        if node_id == HEAD_ID:
            return
        end_marked(NODE_MARK, node_id)
        shutil.rmtree(self._temp(node_id), ignore_errors=True)
        self._file(node_id).unlink(missing_ok=True)

    @staticmethod
    def bootstrap_config(cluster_config: dict[str, Any]) -> dict[str, Any]:
        """Return the configuration as it is."""
        return cluster_config

    def _start(
        self, tags: dict[str, str], resources: Mapping[str, float], labels: Mapping[str, str]
    ) -> None:
        node_id = f"node-{uuid.uuid4().hex[:12]}"
        node_type = tags[TAG_RAY_USER_NODE_TYPE]
        node = {
            "tags": {**_tags(node_id, NODE_KIND_WORKER, node_type), **tags},
            "started": time.time(),
        }
        self._write(node_id, node)
        try:
            pid, created = start_raylet(
                self.provider_config["address"],
                node_id,
                node_type,
                resources,
                labels,
                self.provider_config["object_store_bytes"],
                self._temp(node_id),
            )
        except Exception:
            self.terminate_node(node_id)
            raise
        self._write(node_id, {**node, "pid": pid, "created": created})

    def _workers(self) -> list[str]:
        """Return the nodes that run or are coming up, and remove the files of dead ones."""
        found = []
        for file in sorted(self._folder.glob("node-*.json")):
            node = self._read(file.stem)
            is_coming = "pid" not in node and time.time() - node.get("started", 0) < _START_SECONDS
            if is_coming or _is_up(node):
                found.append(file.stem)
            else:
                logger.warning("node %s is gone", file.stem)
                self.terminate_node(file.stem)
        return found

    def _temp(self, node_id: str) -> Path:
        # Short: Ray's sockets lie below it, and a socket's path has 107 characters at most.
        return Path(self.provider_config["temp"]) / node_id.removeprefix("node-")[:6]

    def _file(self, node_id: str) -> Path:
        return self._folder / f"{node_id}.json"

    def _read(self, node_id: str) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads(self._file(node_id).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content

    def _write(self, node_id: str, node: Mapping[str, Any]) -> None:
        new = self._file(node_id).with_suffix(".new")
        new.write_text(json.dumps(node), encoding="utf-8")
        new.replace(self._file(node_id))


def start_raylet(
    address: str,
    node_id: str,
    node_type: str,
    resources: Mapping[str, float],
    labels: Mapping[str, str],
    object_store_bytes: int,
    temp: Path,
) -> tuple[int, float]:
    """Start a node on this machine and return its raylet's process id and start time.

    Raises
    ------
    RuntimeError
        With Ray's own message when the node does not come up.
    """
    rest = dict(resources)
    cpus, gpus = rest.pop("CPU", 0), rest.pop("GPU", 0)
    command = [
        *ray_start(f"--address={address}"),
        f"--num-cpus={int(cpus)}",
        f"--num-gpus={int(gpus)}",
        f"--object-store-memory={object_store_bytes}",
        # Each node has its own folder: nodes that share one delete each other's copy of the
        # project.
        f"--temp-dir={temp}",
        "--dashboard-agent-listen-port=0",
        "--min-worker-port=0",
        "--max-worker-port=0",
    ]
    if "memory" in rest:
        command.append(f"--memory={int(rest.pop('memory'))}")
    if rest:
        command.append(f"--resources={json.dumps(rest)}")
    if labels:
        command.append("--labels=" + ",".join(f"{k}={v}" for k, v in labels.items()))
    environment = {
        **os.environ,
        NODE_MARK: node_id,
        "RAY_CLOUD_INSTANCE_ID": node_id,
        "RAY_NODE_TYPE_NAME": node_type,
    }
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_START_SECONDS,
        check=False, stdin=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    if done.returncode:
        tail = "\n".join((done.stdout + done.stderr).strip().splitlines()[-8:])
        raise RuntimeError(f"a node did not start: {tail}")
    for process in marked(NODE_MARK, node_id):
        with contextlib.suppress(psutil.Error):  # others end meanwhile
            if process.name() == "raylet":
                return process.pid, process.create_time()
    raise RuntimeError("a node did not start: Ray says it did, but there is no raylet")


def _tags(node_id: str, kind: str, node_type: str) -> dict[str, str]:
    return {
        TAG_RAY_NODE_KIND: kind,
        TAG_RAY_USER_NODE_TYPE: node_type,
        TAG_RAY_NODE_NAME: node_id,
        TAG_RAY_NODE_STATUS: STATUS_UP_TO_DATE,
    }


def _is_up(node: Mapping[str, Any]) -> bool:
    if "pid" not in node:
        return False
    try:
        process = psutil.Process(node["pid"])
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        return abs(process.create_time() - node["created"]) < 2.0
    except psutil.NoSuchProcess:
        return False
