"""A cluster on this machine: its head is started, watched and ended from a client."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
import yaml

from cluster.errors import ComputeTargetException
from cluster.providers.common import free_ports, outer_environment, write_token
from cluster.providers.local_processes import (
    CLUSTER_MARK,
    HEAD_ID,
    HEAD_TYPE,
    LOOPBACK,
    NODE_MARK,
    ON_LOOPBACK,
    WORKER_TYPE,
    command_lines,
    end_marked,
    ray_start,
)
from cluster.providers.provider import Provider
from cluster.provisioning.configuration import ProvisioningConfiguration

_START_SECONDS = 120.0
_LISTS = (
    "initialization_commands",
    "setup_commands",
    "head_setup_commands",
    "worker_setup_commands",
    "head_start_ray_commands",
    "worker_start_ray_commands",
    "cluster_synced_files",
    "rsync_exclude",
    "rsync_filter",
)
_MIB = 2**20
_HEAD_ENVIRONMENT = {
    "RAY_enable_autoscaler_v2": "1",
    "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
    "RAY_NODE_TYPE_NAME": HEAD_TYPE,
    "AUTOSCALER_UPDATE_INTERVAL_S": "1",
    # A raylet that was killed is noticed in seconds, as its machine is the head's too.
    "RAY_health_check_initial_delay_ms": "2000",
    "RAY_health_check_period_ms": "1000",
    "RAY_health_check_failure_threshold": "5",
}


class LocalCluster(Provider):
    """Raylets on this machine under Ray's autoscaler (v2).

    Its facts are ``cluster_id``, which marks the cluster's processes, ``address`` of the dashboard
    and ``gcs``, the address of the cluster itself. The folder holds the autoscaler's configuration,
    the token and a file for each node.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        super().__init__(folder, facts)
        self._id = str(facts.get("cluster_id") or uuid.uuid4().hex)
        # Ray's sockets lie below it, and a socket's path has 107 characters at most.
        self._temp = Path(tempfile.gettempdir()) / f"rs-{self._id[:8]}"

    def plan(self) -> dict[str, Any]:
        """Return the mark of the cluster's processes."""
        return {"cluster_id": self._id}

    def up(self, name: str, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Start the head; what an earlier head has left is ended first."""
        self.down()
        shutil.rmtree(self._nodes, ignore_errors=True)
        self._nodes.mkdir(parents=True)
        write_token(self.token_file)
        gcs, *ports = free_ports(5)
        address = f"{LOOPBACK}:{gcs}"
        file = self._write_config(name, config, address)
        try:
            self._start_head(name, _head_command(gcs, ports[:3], file, self._temp), ports[3])
        except BaseException:
            self.down()
            raise
        return {"cluster_id": self._id, "address": f"http://{LOOPBACK}:{ports[0]}", "gcs": address}

    def resize(self, name: str, config: ProvisioningConfiguration) -> None:
        """Rewrite the autoscaler's configuration, which it reads again."""
        self._write_config(name, config, str(self.facts["gcs"]))

    def down(self) -> None:
        """End every process of the cluster, and of no other."""
        end_marked(NODE_MARK, f"{self._id}-head")
        end_marked(CLUSTER_MARK, self._id)
        shutil.rmtree(self._temp, ignore_errors=True)

    def address(self) -> str:
        """Return the dashboard's address on the loopback."""
        if "address" not in self.facts:
            raise ComputeTargetException(
                f"the head of compute target {self.folder.name!r} has not come up"
            )
        return str(self.facts["address"])

    def runs_here(self) -> bool:
        """Return true: the nodes are processes of this machine."""
        return True

    def problem(self) -> str | None:
        """Say so when the head's processes are gone."""
        if {"gcs_server", "raylet"} <= {name for name, _ in self._head_processes()}:
            return None
        return (
            f"the head of compute target {self.folder.name!r} is gone; ComputeTarget.create() with "
            "its name brings it up again"
        )

    def target_node_count(self, alive: int) -> int:
        """Return the number of nodes that are up or coming up."""
        return len(list(self._nodes.glob("node-*.json")))

    def why_no_nodes(self) -> str:
        """The autoscaler's report, as ``ray status`` prints it."""
        script = (
            "import sys; from ray.autoscaler.v2.sdk import get_cluster_status; "
            "from ray.autoscaler.v2.utils import ClusterStatusFormatter; "
            "print(ClusterStatusFormatter.format(get_cluster_status(sys.argv[1])))"
        )
        # In a process of its own: Ray reads the token once and keeps it for good.
        done = subprocess.run(
            [sys.executable, "-c", script, str(self.facts["gcs"])],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **self.environment()},
            check=False,
        )
        report = done.stdout.strip() or done.stderr.strip()[-500:]
        return f"the autoscaler says:\n{report}"

    @property
    def _nodes(self) -> Path:
        return self.folder / "nodes"

    def _write_config(self, name: str, config: ProvisioningConfiguration, gcs: str) -> Path:
        """Write the autoscaler's configuration, which it reads again whenever the file changes."""
        content = autoscaler_config(name, config, self._nodes, self._temp, gcs)
        file = self.folder / "autoscaler.yaml"
        new = file.with_suffix(".new")
        new.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        new.replace(file)
        return file

    def _start_head(self, name: str, command: list[str], metrics_port: int) -> None:
        environment = {
            **outer_environment(),
            **self.environment(),
            CLUSTER_MARK: self._id,
            NODE_MARK: f"{self._id}-head",
            **_HEAD_ENVIRONMENT,
            "AUTOSCALER_METRIC_PORT": str(metrics_port),
        }
        log = self.folder / "head.log"
        with log.open("w", encoding="utf-8") as output:
            try:
                code = subprocess.run(
                    command,
                    env=environment,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    timeout=_START_SECONDS,
                    check=False,
                    start_new_session=True,
                ).returncode
            except subprocess.TimeoutExpired:
                code = -1
        if code or not self._has_autoscaler():
            tail = _last_lines(log)
            for file in self._temp.glob("session_latest/logs/monitor.err"):
                tail += "\n" + _last_lines(file)
            raise ComputeTargetException(f"the head of {name!r} did not start: {tail}")

    def environment(self) -> dict[str, str]:
        """Return the variables that let a process into the cluster."""
        token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token_file)}
        return token | ON_LOOPBACK

    def _head_processes(self) -> list[tuple[str, str]]:
        return command_lines(NODE_MARK, f"{self._id}-head")

    def _has_autoscaler(self) -> bool:
        """Wait until the autoscaler has read its configuration; false when it has died."""
        log = self._temp / "session_latest" / "logs" / "monitor.log"
        until = time.monotonic() + 30.0
        while time.monotonic() < until:
            if not any("v2/monitor.py" in command for _, command in self._head_processes()):
                return False
            if log.is_file() and "session_name" in log.read_text(errors="replace"):
                return True
            time.sleep(0.2)
        return False


def _head_command(gcs: int, ports: list[int], config_file: Path, temp: Path) -> list[str]:
    """``ray start --head`` on these ports: the cluster's own, dashboard, Ray client, agent."""
    dashboard, client, agent = ports
    return [
        *ray_start("--head"),
        f"--port={gcs}",
        f"--dashboard-host={LOOPBACK}",
        f"--dashboard-port={dashboard}",
        f"--ray-client-server-port={client}",
        f"--dashboard-agent-listen-port={agent}",
        "--min-worker-port=0",
        "--max-worker-port=0",
        "--num-cpus=0",
        "--num-gpus=0",
        f"--object-store-memory={_object_store_bytes(1)}",
        f"--temp-dir={temp}",
        f"--autoscaling-config={config_file}",
    ]


def _last_lines(file: Path) -> str:
    return "\n".join(file.read_text(errors="replace").strip().splitlines()[-10:])


def autoscaler_config(
    name: str, config: ProvisioningConfiguration, nodes: Path, temp: Path, gcs: str
) -> dict[str, Any]:
    """Return Ray's cluster configuration for raylets on this machine."""
    size = config.size
    resources: dict[str, int] = {"CPU": size.vcpus, "memory": config.memory_bytes}
    if size.gpus:
        resources["GPU"] = size.gpus
    return {
        "cluster_name": name,
        "max_workers": config.max_nodes,
        "idle_timeout_minutes": config.idle_seconds_before_scaledown / 60,
        "upscaling_speed": config.max_nodes,
        "provider": {
            "type": "external",
            "module": "cluster.providers.local_nodes.LocalNodeProvider",
            "folder": str(nodes),
            "temp": str(temp),
            "address": gcs,
            "object_store_bytes": _object_store_bytes(config.max_nodes + 1),
            "disable_node_updaters": True,
            "use_internal_ips": True,
        },
        "auth": {"ssh_user": "nobody"},
        "head_node_type": HEAD_TYPE,
        "available_node_types": {
            HEAD_TYPE: {"resources": {"CPU": 0}, "node_config": {}, "max_workers": 0},
            WORKER_TYPE: {
                "resources": resources,
                "node_config": {},
                "min_workers": config.min_nodes,
                "max_workers": config.max_nodes,
                "labels": {"ray.io/market-type": "spot" if config.is_spot else "on-demand"},
            },
        },
        # Nothing is installed on nodes that are this machine; Ray wants to be told.
        **{key: [] for key in _LISTS},
        "file_mounts": {},
        "docker": {},
        "file_mounts_sync_continuously": False,
    }


def _object_store_bytes(shares: int) -> int:
    """Object-store bytes of a node when ``shares`` nodes share this machine."""
    total = psutil.virtual_memory().total
    with contextlib.suppress(OSError):
        total = min(total, 2 * shutil.disk_usage("/dev/shm").total)
    return int(min(max(100 * _MIB, 0.4 * total / (shares + 1)), 4096 * _MIB))
