"""The head of a local cluster: started, looked after and ended from a client."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
import yaml

from cluster.errors import ComputeTargetException
from cluster.providers.common import free_ports, outer_environment, write_token
from cluster.providers.local_processes import CLUSTER_MARK, NODE_MARK, command_lines, end_marked
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


class LocalCluster:
    """Raylets on this machine under Ray's autoscaler (v2); all of it in one folder.

    Parameters
    ----------
    folder:
        Of the target: holds the autoscaler's configuration, the token and the nodes' files.
    cluster_id:
        Marks the cluster's processes.
    """

    def __init__(self, folder: Path, cluster_id: str) -> None:
        self._folder = folder
        self._id = cluster_id
        # Ray's sockets lie below it, and a socket's path has 107 characters at most.
        self._temp = Path(tempfile.gettempdir()) / f"rs-{cluster_id[:8]}"

    @property
    def token_file(self) -> Path:
        return self._folder / "token"

    def write_config(self, name: str, config: ProvisioningConfiguration, gcs: str) -> Path:
        """What the autoscaler reads, again and again: a changed file changes the cluster."""
        content = autoscaler_config(name, config, self._folder / "nodes", self._temp, gcs)
        file = self._folder / "autoscaler.yaml"
        new = file.with_suffix(".new")
        new.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        new.replace(file)
        return file

    def start(self, name: str, config: ProvisioningConfiguration) -> tuple[str, str]:
        """Bring the head up; the addresses of its dashboard and of the cluster.

        Raises
        ------
        ComputeTargetException
            With Ray's own words when it does not come up.
        """
        # Imported here: the autoscaler's module imports Ray, a client that only looks need not.
        import ray

        from cluster.providers.local_nodes import HEAD_ID, HEAD_TYPE, ray_start

        self.end()
        shutil.rmtree(self._folder / "nodes", ignore_errors=True)
        (self._folder / "nodes").mkdir(parents=True)
        write_token(self.token_file)
        gcs, dashboard, client, agent, metrics = free_ports(5)
        address = f"{ray.util.get_node_ip_address()}:{gcs}"
        config_file = self.write_config(name, config, address)
        command = [
            *ray_start("--head"),
            f"--port={gcs}",
            "--dashboard-host=127.0.0.1",
            f"--dashboard-port={dashboard}",
            f"--ray-client-server-port={client}",
            f"--dashboard-agent-listen-port={agent}",
            "--min-worker-port=0",
            "--max-worker-port=0",
            "--num-cpus=0",
            "--num-gpus=0",
            f"--object-store-memory={_object_store_bytes(1)}",
            f"--temp-dir={self._temp}",
            f"--autoscaling-config={config_file}",
        ]
        environment = {
            **outer_environment(),
            **self.environment(),
            CLUSTER_MARK: self._id,
            NODE_MARK: f"{self._id}-head",
            "RAY_enable_autoscaler_v2": "1",
            "RAY_CLOUD_INSTANCE_ID": HEAD_ID,
            "RAY_NODE_TYPE_NAME": HEAD_TYPE,
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",
            "AUTOSCALER_METRIC_PORT": str(metrics),
            # A raylet that was killed is noticed in seconds, as its machine is the head's too.
            "RAY_health_check_initial_delay_ms": "2000",
            "RAY_health_check_period_ms": "1000",
            "RAY_health_check_failure_threshold": "5",
        }  # fmt: skip
        log = self._folder / "head.log"
        with log.open("w", encoding="utf-8") as output:
            try:
                code = subprocess.run(
                    command, env=environment, stdout=output, stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL, timeout=_START_SECONDS, check=False,
                    start_new_session=True,
                ).returncode  # fmt: skip
            except subprocess.TimeoutExpired:
                code = -1
        if code or not self._has_autoscaler():
            tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-10:])
            for file in self._temp.glob("session_latest/logs/monitor.err"):
                tail += "\n" + "\n".join(file.read_text(errors="replace").splitlines()[-10:])
            self.end()
            raise ComputeTargetException(f"the head of {name!r} did not start: {tail}")
        return f"http://127.0.0.1:{dashboard}", address

    def environment(self) -> dict[str, str]:
        """What a process needs to be let in."""
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(self.token_file)}

    def is_up(self) -> bool:
        """Whether the head's processes are there."""
        return {"gcs_server", "raylet"} <= {name for name, _ in self._head_processes()}

    def _head_processes(self) -> list[tuple[str, str]]:
        return command_lines(NODE_MARK, f"{self._id}-head")

    def _has_autoscaler(self) -> bool:
        """Whether the autoscaler has read its configuration and goes on."""
        log = self._temp / "session_latest" / "logs" / "monitor.log"
        until = time.monotonic() + 30.0
        while time.monotonic() < until:
            if not any("v2/monitor.py" in command for _, command in self._head_processes()):
                return False
            if log.is_file() and "session_name" in log.read_text(errors="replace"):
                return True
            time.sleep(0.2)
        return False

    def autoscaler_report(self, gcs: str) -> str:
        """What the autoscaler says of its nodes, as ``ray status`` prints it."""
        script = (
            "import sys; from ray.autoscaler.v2.sdk import get_cluster_status; "
            "from ray.autoscaler.v2.utils import ClusterStatusFormatter; "
            "print(ClusterStatusFormatter.format(get_cluster_status(sys.argv[1])))"
        )
        # In a process of its own: Ray reads the token once and keeps it for good.
        done = subprocess.run(
            [sys.executable, "-c", script, gcs], capture_output=True, text=True, timeout=60,
            env={**os.environ, **self.environment()}, check=False,
        )  # fmt: skip
        report = done.stdout.strip() or done.stderr.strip()[-500:]
        return f"the autoscaler says:\n{report}"

    def end(self) -> None:
        """End every process of the cluster, and of no other."""
        end_marked(NODE_MARK, f"{self._id}-head")
        end_marked(CLUSTER_MARK, self._id)
        shutil.rmtree(self._temp, ignore_errors=True)


def autoscaler_config(
    name: str, config: ProvisioningConfiguration, nodes: Path, temp: Path, gcs: str
) -> dict[str, Any]:
    """Ray's cluster configuration for raylets on this machine."""
    from cluster.providers.local_nodes import HEAD_TYPE, WORKER_TYPE

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
    """Of one of so many nodes that share this machine's memory for objects."""
    total = psutil.virtual_memory().total
    with contextlib.suppress(OSError):
        total = min(total, 2 * shutil.disk_usage("/dev/shm").total)
    return int(min(max(100 * _MIB, 0.4 * total / (shares + 1)), 4096 * _MIB))
