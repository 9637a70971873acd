"""`ComputeTarget`: a Ray cluster under a name in the workspace."""

from __future__ import annotations

import dataclasses
import json
import os
import shlex
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cluster.errors import ComputeTargetException
from cluster.jobs.head import Head, NodeInfo
from cluster.providers.launcher import LaunchedCluster
from cluster.providers.local_cluster import LocalCluster
from cluster.provisioning.configuration import LAUNCHED, ProvisioningConfiguration
from cluster.provisioning.run_configuration import without_satisfied
from cluster.targets.launch import Launch
from cluster.targets.registry import (
    TARGET_FILE,
    HasFolder,
    check_name,
    folder_of,
    locked,
    names,
    write_target,
)

if TYPE_CHECKING:
    from cluster.targets.aml_compute import AmlCompute

_POLL_SECONDS = 1.0
#: What the driver of a run that has ended may take to leave.
_LEAVING_SECONDS = 10.0


@dataclass(frozen=True)
class AmlComputeStatus:
    """How a target is.

    Attributes
    ----------
    provisioning_state:
        ``Succeeded``, or ``Failed`` when the head is gone.
    allocation_state:
        ``Steady``, or ``Resizing`` while nodes come or go.
    current_node_count, target_node_count:
        Workers that are there, and that there will be as far as is known.
    errors:
        What went wrong with nodes or head.
    """

    provisioning_state: str
    allocation_state: str
    current_node_count: int
    target_node_count: int
    errors: tuple[str, ...] = ()
    scale_settings: Mapping[str, Any] = field(default_factory=dict)
    vm_size: str = ""
    vm_priority: str = ""

    def serialize(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


class ComputeTarget:
    """A compute target of a workspace, by its name.

    Parameters
    ----------
    workspace:
        Where.
    name:
        As given to `create` or `attach`.

    Raises
    ------
    ComputeTargetException
        When the workspace has none of that name.
    """

    def __init__(self, workspace: HasFolder, name: str) -> None:
        self.workspace = workspace
        self.name = name
        self._folder = folder_of(workspace, name)
        if not (self._folder / TARGET_FILE).is_file():
            known = ", ".join(names(workspace)) or "none"
            raise ComputeTargetException(
                f"there is no compute target {name!r} in the workspace; there is {known}"
            )

    def __repr__(self) -> str:
        where = self._provider or self._read()["address"]
        return f"{type(self).__name__}({self.name!r}, {where!r})"

    @staticmethod
    def create(
        workspace: HasFolder, name: str, provisioning_configuration: ProvisioningConfiguration
    ) -> AmlCompute:
        """Make a target, or return the one that has this name already.

        The cluster's head is up on return; its nodes come when they are wanted.

        Raises
        ------
        ComputeTargetException
            For a name that is not allowed, a configuration that is none, or when the head does not
            start.
        """
        from cluster.targets.aml_compute import AmlCompute, start_cluster

        check_name(name)
        if not isinstance(provisioning_configuration, ProvisioningConfiguration):
            raise ComputeTargetException(
                f"provisioning_configuration={provisioning_configuration!r}: expected what "
                "AmlCompute.provisioning_configuration() returns"
            )
        folder = folder_of(workspace, name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            if not (folder / TARGET_FILE).is_file():
                start_cluster(folder, name, provisioning_configuration)
            else:
                existing = AmlCompute(workspace, name)
                if existing._is_local and not existing._local().is_up():
                    # Its head went with the machine's last restart, say.
                    start_cluster(folder, name, existing.provisioning)
        return AmlCompute(workspace, name)

    @staticmethod
    def attach(
        workspace: HasFolder, name: str, address: str = "auto", token: str | None = None
    ) -> ComputeTarget:
        """Give a Ray cluster that runs already a name in the workspace.

        Parameters
        ----------
        address:
            ``http://head:8265``, the cluster's dashboard; ``auto``: the one on this machine.
        token:
            Of Ray's token authentication; default: what ``RAY_AUTH_TOKEN``, or the file
            ``RAY_AUTH_TOKEN_PATH`` or ``~/.ray/auth_token`` holds, if any.

        Raises
        ------
        ComputeTargetException
            Within 10 s when nobody answers there, or the token is wrong.
        """
        check_name(name)
        if address == "auto":
            address = os.environ.get("RAY_API_SERVER_ADDRESS") or "http://127.0.0.1:8265"
        if not str(address).startswith(("http://", "https://")):
            raise ComputeTargetException(
                f"address={address!r}: allowed is 'auto' or the dashboard's http://host:port"
            )
        token = token or _ambient_token()
        Head(address, token, name).version()
        folder = folder_of(workspace, name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            if (folder / TARGET_FILE).is_file():
                raise ComputeTargetException(f"there is a compute target {name!r} already")
            folder.mkdir(exist_ok=True)
            if token is not None:
                (folder / "token").touch(mode=0o600)
                (folder / "token").write_text(token, encoding="ascii")
            write_target(folder, {"name": name, "address": address, "type": "attached"})
        return ComputeTarget(workspace, name)

    @property
    def provisioning(self) -> ProvisioningConfiguration:
        """As it was created and updated.

        Raises
        ------
        ComputeTargetException
            For an attached cluster, which others have made.
        """
        values = self._read().get("provisioning")
        if values is None:
            raise ComputeTargetException(
                f"compute target {self.name!r} was attached: its cluster's own configuration "
                "decides about its nodes"
            )
        return ProvisioningConfiguration.from_dict(values)

    @property
    def address(self) -> str:
        """Of the cluster's dashboard, ``http://host:port``.

        Of a cluster that Ray's launcher has made it is this machine's end of a tunnel to the head,
        which is opened when there is none.

        Raises
        ------
        ComputeTargetException
            When there is no way to the head.
        """
        if self._is_launched:
            return LaunchedCluster(self._folder).address()
        return str(self._read()["address"])

    @property
    def cluster_file(self) -> str | None:
        """What ``ray submit``, ``ray attach`` and ``ray exec`` take; ``None`` where there is none:
        only Ray's launcher works with a file."""
        return str(LaunchedCluster(self._folder).config_file) if self._is_launched else None

    @property
    def head(self) -> Head:
        """The way to talk to the cluster."""
        file = self._folder / "token"
        token = file.read_text(encoding="ascii").strip() if file.is_file() else None
        return Head(self.address, token, self.name)

    def list_nodes(self) -> list[dict[str, Any]]:
        """The workers that are there: ``nodeId``, ``nodeIp``, ``nodeState`` and ``resources``."""
        return [
            {
                "nodeId": node.node_id,
                "nodeIp": node.node_ip,
                "nodeState": node.state,
                "resources": dict(node.resources),
            }
            for node in self._workers()
        ]

    def get_status(self) -> AmlComputeStatus:
        """How it is now; a head that is gone is a state, not an error."""
        try:
            count = len(self._workers())
        except ComputeTargetException as gone:
            return AmlComputeStatus("Failed", "Steady", 0, 0, (str(gone),))
        return AmlComputeStatus("Succeeded", "Steady", count, count)

    def wait_for_completion(
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
    ) -> AmlComputeStatus:
        """Return once so many workers are alive.

        Parameters
        ----------
        show_output:
            Print how it goes.
        min_node_count:
            Default: ``min_nodes`` of the target.
        timeout_in_minutes:
            Give up after this long.

        Raises
        ------
        ComputeTargetException
            When the head is gone, or the time is over: with what the autoscaler says.
        """
        wanted = self._least_nodes() if min_node_count is None else min_node_count
        until = time.monotonic() + 60 * timeout_in_minutes
        told = ""
        while True:
            status = self.get_status()
            if status.provisioning_state == "Failed":
                raise ComputeTargetException("; ".join(status.errors))
            line = (
                f"{self.name}: {status.provisioning_state}, {status.allocation_state}, "
                f"{status.current_node_count} of {max(wanted, status.target_node_count)} nodes"
            )
            if show_output and line != told:
                print(line, flush=True)
                told = line
            if status.current_node_count >= wanted:
                if show_output:
                    print(f"{self.name}: ready", flush=True)
                return status
            if time.monotonic() > until:
                raise ComputeTargetException(
                    f"compute target {self.name!r} has {status.current_node_count} of {wanted} "
                    f"nodes after {timeout_in_minutes:g} minutes; {self._why(status)}"
                )
            time.sleep(min(_POLL_SECONDS, max(0.0, until - time.monotonic()) + 0.05))

    def serialize(self) -> dict[str, Any]:
        """Plain values: name, address, provisioning, status."""
        values = self._read()
        values.pop("cluster_id", None)
        status = self.get_status()
        if self._is_launched:
            values["address"] = self.address if status.provisioning_state == "Succeeded" else ""
        return {**values, "status": status.serialize()}

    def delete(self, force: bool = False) -> None:
        """Forget the target; a cluster that was made for it ends, with its nodes.

        Raises
        ------
        ComputeTargetException
            While runs go on there, unless ``force``.
        """
        self._refuse_while_busy(force)
        with locked(self._folder):
            self._end()
            shutil.rmtree(self._folder, ignore_errors=True)

    detach = delete

    def launch(self, launch: Launch) -> None:
        """Start a run's driver as a Ray job; it outlives this process.

        Raises
        ------
        ComputeTargetException
            When the cluster does not take it.
        """
        env_vars = {
            **launch.runtime_env.get("env_vars", {}),
            **launch.secrets,
            **self._worker_shape(),
        }
        asked = without_satisfied(launch.runtime_env) if self._is_here else launch.runtime_env
        runtime_env = {**asked, "env_vars": env_vars}
        if launch.project is not None:
            runtime_env["working_dir"] = launch.project
            runtime_env.setdefault("excludes", [".raysmith", ".git", ".venv", "__pycache__"])
        module = [self._python(), "-m", "cluster.jobs.supervisor", launch.module, *launch.arguments]
        self.head.submit(
            " ".join(shlex.quote(word) for word in module),
            f"{self._submission_prefix(launch.run_id)}{uuid.uuid4().hex[:6]}",
            runtime_env,
            launch.metadata,
        )

    def job_state(self, run_id: str) -> tuple[str, str]:
        """Status (``PENDING``, ``RUNNING``, ``SUCCEEDED``, ``FAILED``, ``STOPPED``) and message of
        the run's latest job; empty texts when the cluster knows none."""
        prefix = self._submission_prefix(run_id)
        found = [job for job in self.head.jobs() if job["submission_id"].startswith(prefix)]
        if not found:
            return "", ""
        latest = max(found, key=lambda job: job.get("start_time") or 0)
        return str(latest.get("status") or ""), str(latest.get("message") or "")

    def is_reachable_from(self, tracking_uri: str) -> bool:
        """Whether a driver there can reach a store at that URI."""
        if tracking_uri.startswith(("http://", "https://", "postgresql", "mysql", "mssql")):
            return True
        if self._is_launched:
            return False
        return (urlsplit(self.address).hostname or "") in (
            "127.0.0.1", "localhost", "::1", socket.gethostname(),
        )  # fmt: skip

    @staticmethod
    def _submission_prefix(run_id: str) -> str:
        return f"raysmith-{run_id}-"

    def _refuse_while_busy(self, force: bool) -> None:
        if force:
            return
        try:
            until = time.monotonic() + _LEAVING_SECONDS
            while (busy := self.head.running_jobs()) and time.monotonic() < until:
                time.sleep(0.5)
        except ComputeTargetException:
            return  # its head is gone, and the runs with it
        if busy:
            raise ComputeTargetException(
                f"compute target {self.name!r} is busy with {', '.join(busy)}; cancel what runs "
                "there, or delete(force=True)"
            )

    def _python(self) -> str:
        """The interpreter there; a bare ``python`` would be whatever the PATH says."""
        return sys.executable if self._is_here else "python3"

    def _worker_shape(self) -> dict[str, str]:
        return {}

    def _least_nodes(self) -> int:
        return 0

    def _end(self) -> None:
        """End what was made for the target."""

    def _why(self, status: AmlComputeStatus) -> str:
        return "; ".join(status.errors) or "nothing on the cluster asks for more nodes"

    def _workers(self) -> list[NodeInfo]:
        return [n for n in self.head.nodes() if n.state == "ALIVE" and not n.is_head]

    @property
    def _is_local(self) -> bool:
        return self._provider == "local"

    @property
    def _is_launched(self) -> bool:
        return self._provider in LAUNCHED

    @property
    def _provider(self) -> str | None:
        """``None`` for an attached cluster."""
        return (self._read().get("provisioning") or {}).get("provider")

    @property
    def _is_here(self) -> bool:
        if self._is_launched:
            return False
        return self._is_local or (urlsplit(self.address).hostname in ("127.0.0.1", "localhost"))

    def _local(self) -> LocalCluster:
        return LocalCluster(self._folder, str(self._read()["cluster_id"]))

    def _read(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self._folder / TARGET_FILE).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ComputeTargetException(
                f"compute target {self.name!r} has been deleted"
            ) from error
        return content


def _ambient_token() -> str | None:
    if os.environ.get("RAY_AUTH_TOKEN"):
        return os.environ["RAY_AUTH_TOKEN"]
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    return file.read_text(encoding="ascii").strip() if file.is_file() else None
