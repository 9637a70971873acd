"""`ComputeTarget` and `AmlCompute`: a Ray cluster under a name in the workspace."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import re
import shlex
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from cluster.errors import ComputeTargetException
from cluster.head import Head, NodeInfo
from cluster.launch import Launch
from cluster.providers.local_head import LocalCluster
from cluster.provisioning import ProvisioningConfiguration, check_provisioning

_MAX_NAME = 63
_FORBIDDEN = re.compile(r"[^A-Za-z0-9-]")
_FILE = "target.json"
_POLL_SECONDS = 1.0


class HasFolder(Protocol):
    """What a workspace is to a compute target: a folder to be remembered in."""

    folder: Path


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
        self._folder = _folder(workspace, name)
        if not (self._folder / _FILE).is_file():
            known = ", ".join(names(workspace)) or "none"
            raise ComputeTargetException(
                f"there is no compute target {name!r} in the workspace; there is {known}"
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self._read().get('address')!r})"

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
        check_name(name)
        if not isinstance(provisioning_configuration, ProvisioningConfiguration):
            raise ComputeTargetException(
                f"provisioning_configuration={provisioning_configuration!r}: expected what "
                "AmlCompute.provisioning_configuration() returns"
            )
        folder = _folder(workspace, name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            if not (folder / _FILE).is_file():
                _start(folder, name, provisioning_configuration)
            else:
                existing = AmlCompute(workspace, name)
                if existing._is_local and not existing._local().is_up():
                    # Its head went with the machine's last restart, say.
                    _start(folder, name, existing.provisioning)
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
        folder = _folder(workspace, name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(folder):
            if (folder / _FILE).is_file():
                raise ComputeTargetException(f"there is a compute target {name!r} already")
            folder.mkdir(exist_ok=True)
            if token is not None:
                (folder / "token").touch(mode=0o600)
                (folder / "token").write_text(token, encoding="ascii")
            _write(folder, {"name": name, "address": address, "type": "attached"})
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
        """Of the cluster's dashboard, ``http://host:port``."""
        return str(self._read()["address"])

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
        return {**values, "status": self.get_status().serialize()}

    def delete(self, force: bool = False) -> None:
        """Forget the target.

        Raises
        ------
        ComputeTargetException
            While runs go on there, unless ``force``.
        """
        self._refuse_while_busy(force)
        with _locked(self._folder):
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
            "RAYSMITH_TARGET": self.name,
            **self._worker_shape(),
        }
        runtime_env = {**launch.runtime_env, "env_vars": env_vars}
        if launch.project is not None:
            runtime_env["working_dir"] = launch.project
            runtime_env.setdefault("excludes", [".raysmith", ".git", ".venv", "__pycache__"])
        module = [self._python(), "-m", "cluster.supervisor", launch.module, *launch.arguments]
        self.head.submit(
            " ".join(shlex.quote(word) for word in module),
            f"{self._submission_prefix(launch.run_id)}{uuid.uuid4().hex[:6]}",
            runtime_env,
            launch.metadata,
        )

    def job_state(self, run_id: str) -> tuple[str, str]:
        """Status and message of the run's latest job, see `Head.job`."""
        found = [j for j in self._jobs() if j["submission_id"].startswith(
            self._submission_prefix(run_id))]  # fmt: skip
        if not found:
            return "", ""
        latest = max(found, key=lambda job: job.get("start_time") or 0)
        return str(latest.get("status") or ""), str(latest.get("message") or "")

    def is_reachable_from(self, tracking_uri: str) -> bool:
        """Whether a driver there can reach a store at that URI."""
        if tracking_uri.startswith(("http://", "https://", "postgresql", "mysql", "mssql")):
            return True
        return (urlsplit(self.address).hostname or "") in (
            "127.0.0.1", "localhost", "::1", socket.gethostname(),
        )  # fmt: skip

    @staticmethod
    def _submission_prefix(run_id: str) -> str:
        return f"raysmith-{run_id}-"

    def _jobs(self) -> list[dict[str, Any]]:
        jobs = self.head._get("/api/jobs/")
        return [job for job in jobs if job.get("submission_id")]

    def _refuse_while_busy(self, force: bool) -> None:
        if force:
            return
        try:
            busy = self.head.running_jobs()
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

    def _why(self, status: AmlComputeStatus) -> str:
        return "; ".join(status.errors) or "nothing on the cluster asks for more nodes"

    def _workers(self) -> list[NodeInfo]:
        return [n for n in self.head.nodes() if n.state == "ALIVE" and not n.is_head]

    @property
    def _is_local(self) -> bool:
        return (self._read().get("provisioning") or {}).get("provider") == "local"

    @property
    def _is_here(self) -> bool:
        return self._is_local or (urlsplit(self.address).hostname in ("127.0.0.1", "localhost"))

    def _local(self) -> LocalCluster:
        return LocalCluster(self._folder, str(self._read()["cluster_id"]))

    def _read(self) -> dict[str, Any]:
        try:
            content: dict[str, Any] = json.loads((self._folder / _FILE).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise ComputeTargetException(
                f"compute target {self.name!r} has been deleted"
            ) from error
        return content


class AmlCompute(ComputeTarget):
    """A cluster that grows and shrinks with what is asked of it, made by `ComputeTarget.create`."""

    @staticmethod
    def provisioning_configuration(
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: int = 4,
        idle_seconds_before_scaledown: float = 120,
        admin_username: str | None = None,
        admin_user_password: str | None = None,
        admin_user_ssh_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        provider: str | None = None,
        region: str | None = None,
        resources: Mapping[str, float] | None = None,
        hosts: Any = None,
    ) -> ProvisioningConfiguration:
        """What a target should be.

        Parameters
        ----------
        vm_size:
            Of the workers: any of ``cluster/vm_sizes.csv``, in whatever case; on another cloud
            than its own the smallest machine that has as much.
        vm_priority:
            ``dedicated``, or ``lowpriority`` for spot machines.
        min_nodes, max_nodes:
            Workers that are always there, and that there are at most.
        idle_seconds_before_scaledown:
            After so long without work a worker goes.
        provider:
            ``local`` (default: raylets on this machine), ``azure``, ``aws``, ``gcp``,
            ``kubernetes`` or ``on_prem``.
        region:
            Of the cloud, in its own words.
        resources:
            Instead of what ``vm_size`` says: ``CPU``, ``GPU``, ``memory_gib``.
        hosts:
            With ``on_prem``: their addresses, the head's first.

        Raises
        ------
        ComputeTargetException
            Lists all problems.
        """
        return check_provisioning(dict(locals()))

    def get_status(self) -> AmlComputeStatus:
        config = self.provisioning
        errors: tuple[str, ...] = ()
        state, count, target = "Succeeded", 0, 0
        if self._is_local and not self._local().is_up():
            state = "Failed"
            errors = (
                f"the head of compute target {self.name!r} is gone; ComputeTarget.create() with "
                "its name brings it up again",
            )
        else:
            try:
                count = target = len(self._workers())
            except ComputeTargetException as gone:
                state, errors = "Failed", (str(gone),)
        if self._is_local and state == "Succeeded":
            target = len(list((self._folder / "nodes").glob("node-*.json")))
        return AmlComputeStatus(
            provisioning_state=state,
            allocation_state="Steady" if count == target else "Resizing",
            current_node_count=count,
            target_node_count=target,
            errors=errors,
            scale_settings={
                "minNodes": config.min_nodes,
                "maxNodes": config.max_nodes,
                "idleSecondsBeforeScaledown": config.idle_seconds_before_scaledown,
            },
            vm_size=config.vm_size,
            vm_priority=config.vm_priority,
        )

    def update(
        self,
        min_nodes: int | None = None,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: float | None = None,
    ) -> None:
        """Change how it scales; the cluster goes on meanwhile.

        Raises
        ------
        ComputeTargetException
            For values that are not allowed, or a provider that cannot be changed while it runs.
        """
        given = {
            "min_nodes": min_nodes,
            "max_nodes": max_nodes,
            "idle_seconds_before_scaledown": idle_seconds_before_scaledown,
        }
        with _locked(self._folder):
            changed = check_provisioning(
                {
                    **self.provisioning.to_dict(),
                    "resources": self.provisioning.resources or None,
                    **{key: value for key, value in given.items() if value is not None},
                }
            )
            content = self._read()
            if not self._is_local:
                raise ComputeTargetException(
                    f"provider={changed.provider!r}: change the cluster's file and run "
                    "`ray up` with it"
                )
            self._local().write_config(self.name, changed, content["gcs"])
            _write(self._folder, {**content, "provisioning": changed.to_dict()})

    def delete(self, force: bool = False) -> None:
        """End the cluster, its nodes too, and forget the target.

        Raises
        ------
        ComputeTargetException
            While runs go on there, unless ``force``.
        """
        self._refuse_while_busy(force)
        with _locked(self._folder):
            if self._is_local:
                self._local().end()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _worker_shape(self) -> dict[str, str]:
        """What a worker will have, for a driver that starts before the first one is there."""
        config = self.provisioning
        shape = {"CPU": config.size.vcpus, "memory": config.memory_bytes, "max": config.max_nodes}
        return {"RAYSMITH_WORKER": json.dumps(shape)}

    def _least_nodes(self) -> int:
        return self.provisioning.min_nodes

    def _why(self, status: AmlComputeStatus) -> str:
        if status.errors or not self._is_local:
            return super()._why(status)
        return self._local().autoscaler_report(str(self._read()["gcs"]))


def names(workspace: HasFolder) -> list[str]:
    """The names of a workspace's compute targets, sorted."""
    return sorted(file.parent.name for file in (workspace.folder / "compute").glob(f"*/{_FILE}"))


def open_target(workspace: HasFolder, name: str) -> ComputeTarget:
    """The target of that name, as what it is."""
    target = ComputeTarget(workspace, name)
    return AmlCompute(workspace, name) if "provisioning" in target._read() else target


def check_name(name: Any) -> None:
    """Raise `ComputeTargetException` unless ``name`` may be a target's."""
    if not isinstance(name, str) or not name:
        raise ComputeTargetException(f"name={name!r}: a compute target needs a non-empty name")
    if name == "local":
        raise ComputeTargetException("name='local': that is this machine itself; choose another")
    if len(name) > _MAX_NAME:
        raise ComputeTargetException(
            f"name of {len(name)} characters: allowed are at most {_MAX_NAME}"
        )
    forbidden = _FORBIDDEN.search(name)
    if forbidden:
        raise ComputeTargetException(
            f"name={name!r}: the character {forbidden.group()!r} is not allowed; use letters, "
            "digits and '-'"
        )


def _start(folder: Path, name: str, config: ProvisioningConfiguration) -> None:
    if config.provider != "local":
        raise ComputeTargetException(
            f"provider={config.provider!r}: raysmith cluster render prints the file to start it "
            "with; then ComputeTarget.attach(ws, name, address)"
        )
    folder.mkdir(exist_ok=True)
    cluster_id = uuid.uuid4().hex
    try:
        dashboard, gcs = LocalCluster(folder, cluster_id).start(name, config)
    except BaseException:
        if not (folder / _FILE).is_file():
            shutil.rmtree(folder, ignore_errors=True)
        raise
    _write(
        folder,
        {
            "name": name,
            "type": "AmlCompute",
            "cluster_id": cluster_id,
            "address": dashboard,
            "gcs": gcs,
            "created": time.time(),
            "provisioning": config.to_dict(),
        },
    )


def _folder(workspace: HasFolder, name: str) -> Path:
    check_name(name)
    return Path(workspace.folder) / "compute" / name


def _write(folder: Path, content: Mapping[str, Any]) -> None:
    new = folder / f"{_FILE}.new"
    new.write_text(json.dumps(content, indent=1), encoding="utf-8")
    new.replace(folder / _FILE)


def _ambient_token() -> str | None:
    if os.environ.get("RAY_AUTH_TOKEN"):
        return os.environ["RAY_AUTH_TOKEN"]
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    return file.read_text(encoding="ascii").strip() if file.is_file() else None


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Two processes that make or end one target do it one after the other."""
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
