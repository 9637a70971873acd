"""Clusters by the constructors, attributes and leniency of SDK v1."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from cluster.errors import ComputeTargetException
from cluster.provisioning.configuration import ProvisioningConfiguration
from cluster.provisioning.run_environment import RunEnvironment
from cluster.provisioning.vm_sizes import vm_sizes
from cluster.targets import compute_target
from cluster.targets.embedded import EmbeddedTarget
from cluster.targets.registry import HasFolder, names
from cluster.targets.status import AmlComputeStatus as Status
from engine.azureml.core.service_packages import without_service_packages

_PRIORITIES = {"dedicated": "Dedicated", "lowpriority": "LowPriority"}


@dataclass(frozen=True)
class ScaleSettings:
    """Numbers of nodes of a cluster, and seconds until an idle one is given back."""

    minimum_node_count: int
    maximum_node_count: int
    idle_seconds_before_scaledown: float

    def serialize(self) -> dict[str, Any]:
        """Return the values by the keys of SDK v1."""
        return {
            "minNodeCount": self.minimum_node_count,
            "maxNodeCount": self.maximum_node_count,
            "nodeIdleTimeBeforeScaleDown": f"PT{self.idle_seconds_before_scaledown:g}S",
        }


@dataclass(frozen=True)
class AmlComputeStatus(Status):
    """The state of a cluster, with `serialize` by the keys of SDK v1."""

    @classmethod
    def of(cls, status: Status) -> AmlComputeStatus:
        """Return the same state."""
        return cls(**{field.name: getattr(status, field.name) for field in fields(Status)})

    @property
    def node_state_counts(self) -> dict[str, int]:
        """Number of nodes in each state; whether a node is busy is not asked."""
        coming = max(0, self.target_node_count - self.current_node_count)
        return {
            "preparingNodeCount": coming,
            "runningNodeCount": 0,
            "idleNodeCount": self.current_node_count,
            "unusableNodeCount": 0,
            "leavingNodeCount": max(0, self.current_node_count - self.target_node_count),
            "preemptedNodeCount": 0,
        }

    def serialize(self) -> dict[str, Any]:
        """Return plain values by the keys of SDK v1."""
        scale = self.scale_settings
        settings = ScaleSettings(
            scale.get("minNodes", 0),
            scale.get("maxNodes", 0),
            scale.get("idleSecondsBeforeScaledown", 0),
        )
        return {
            "currentNodeCount": self.current_node_count,
            "targetNodeCount": self.target_node_count,
            "nodeStateCounts": self.node_state_counts,
            "allocationState": self.allocation_state,
            "errors": [{"error": {"message": error}} for error in self.errors] or None,
            "provisioningState": self.provisioning_state,
            "scaleSettings": settings.serialize() if scale else None,
            "vmPriority": _PRIORITIES.get(self.vm_priority, self.vm_priority),
            "vmSize": self.vm_size.upper(),
        }


class ComputeTarget(compute_target.ComputeTarget):
    """A compute target of a workspace; for a cluster that it has made, an `AmlCompute`."""

    def __new__(cls, workspace: HasFolder, name: str) -> ComputeTarget:
        """Return an object of the class that the target's record asks for."""
        opened = super().__new__(cls)
        if cls is ComputeTarget:
            compute_target.ComputeTarget.__init__(opened, workspace, name)
            if opened.type == "AmlCompute":
                return super().__new__(AmlCompute)
        return opened

    @staticmethod
    def create(
        workspace: HasFolder, name: str, provisioning_configuration: ProvisioningConfiguration
    ) -> AmlCompute:
        """Make a cluster, or return the one that has this name already.

        Raises
        ------
        ComputeTargetException
            As `cluster.ComputeTarget.create` does.
        """
        compute_target.ComputeTarget.create(workspace, name, provisioning_configuration)
        return AmlCompute(workspace, name)

    @staticmethod
    def attach(
        workspace: HasFolder,
        name: str,
        attach_configuration: Any = "auto",
        token: str | None = None,
    ) -> ComputeTarget:
        """Name a running Ray cluster by the address of its dashboard.

        Raises
        ------
        ComputeTargetException
            As `cluster.ComputeTarget.attach` does.
        """
        compute_target.ComputeTarget.attach(workspace, name, attach_configuration, token)
        return ComputeTarget(workspace, name)

    @staticmethod
    def list(workspace: HasFolder) -> list[ComputeTarget]:
        """Return the workspace's compute targets, those with a name of their own."""
        return [ComputeTarget(workspace, name) for name in names(workspace)]

    def get_status(self) -> AmlComputeStatus:
        """Return the present state."""
        return AmlComputeStatus.of(super().get_status())

    @property
    def status(self) -> AmlComputeStatus:
        """The present state."""
        return self.get_status()

    @property
    def provisioning_state(self) -> str:
        """``Succeeded``, ``Creating`` or ``Failed``."""
        return self.get_status().provisioning_state

    @property
    def provisioning_errors(self) -> Sequence[str]:
        """Reasons for ``Failed``."""
        return self.get_status().errors

    @property
    def id(self) -> str:
        """A text that names the target: its folder."""
        return str(self._folder)

    cluster_resource_id = id

    @property
    def location(self) -> str:
        """The region that was asked for, else ``local``."""
        return (self._read().get("provisioning") or {}).get("region") or "local"

    @property
    def tags(self) -> dict[str, str]:
        """Tags of the machines."""
        return dict((self._read().get("provisioning") or {}).get("tags") or {})

    @property
    def description(self) -> str:
        """The text given when the cluster was made."""
        return (self._read().get("provisioning") or {}).get("description") or ""

    def refresh_state(self) -> None:
        """Do nothing: every attribute is read anew."""

    def wait_for_completion(  # type: ignore[override]
        self,
        show_output: bool = False,
        min_node_count: int | None = None,
        timeout_in_minutes: float = 25,
        is_delete_operation: bool = False,
    ) -> Status | None:
        """Ask for nodes and return when they are there, or, with a line, when the time is over.

        Nodes come for a run all the same.

        Parameters
        ----------
        show_output:
            Print the progress.
        min_node_count:
            The number of nodes; default: the least of the scale settings.
        timeout_in_minutes:
            Stop waiting after this long.
        is_delete_operation:
            Return at once: `delete` has waited.

        Raises
        ------
        ComputeTargetException
            When the cluster's head is gone.
        """
        if is_delete_operation:
            return None
        most = (self._read().get("provisioning") or {}).get("max_nodes")
        if isinstance(min_node_count, int) and most is not None and min_node_count > most:
            print(f"{self.name}: min_node_count={min_node_count} is more than max_nodes={most}")
            min_node_count = most
        return super().wait_for_completion(show_output, min_node_count, timeout_in_minutes)

    def timed_out(self, reason: str, status: Status) -> Status:
        """Say that the time is over, and return the state."""
        print(f"Wait timeout has been reached\n{reason}")
        return status

    def serialize(self) -> dict[str, Any]:
        """Return plain values by the keys of SDK v1."""
        status = self.get_status()
        made = (self._read().get("provisioning") or {}) if self.type == "AmlCompute" else {}
        created = self._read().get("created")
        return {
            "id": self.id,
            "name": self.name,
            "location": self.location,
            "tags": self.tags,
            "properties": {
                "computeType": self.type,
                "description": self.description,
                "provisioningState": status.provisioning_state,
                "provisioningErrors": status.serialize()["errors"],
                "createdOn": None
                if created is None
                else datetime.fromtimestamp(created, UTC).isoformat(),
                "properties": {**status.serialize(), "provider": made.get("provider")},
            },
        }

    def environment_for(self, runtime_env: Mapping[str, Any]) -> RunEnvironment:
        """Return what a run gets of the environment, without the retired service's packages."""
        left = without_service_packages(runtime_env, self.runs_here)
        given = super().environment_for(left.runtime_env)
        return RunEnvironment(given.runtime_env, (*left.notes, *given.notes))


class AmlCompute(ComputeTarget, compute_target.AmlCompute):
    """A cluster that grows and shrinks with its trials, made by `ComputeTarget.create`."""

    @staticmethod
    def provisioning_configuration(  # type: ignore[override]
        vm_size: str = "",
        vm_priority: str = "dedicated",
        min_nodes: int = 0,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: float | str | None = None,
        admin_username: str | None = None,
        admin_user_password: str | None = None,
        admin_user_ssh_key: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        tags: Mapping[str, str] | None = None,
        description: str | None = None,
        remote_login_port_public_access: str = "NotSpecified",
        identity_type: str | None = None,
        identity_id: Sequence[str] | None = None,
        location: str | None = None,
        enable_node_public_ip: bool = True,
        *,
        provider: str | None = None,
        region: str | None = None,
        resources: Mapping[str, float] | None = None,
        hosts: Sequence[str] | None = None,
    ) -> ProvisioningConfiguration:
        """Return a checked configuration for `ComputeTarget.create`.

        The first parameters are those of SDK v1, in their order; the last four those of
        `cluster.AmlCompute`. What only the service knew is left out, a password with a warning.

        Raises
        ------
        ComputeTargetException
            Lists all problems.

        Examples
        --------
        >>> AmlCompute.provisioning_configuration("STANDARD_D2_V2", "lowpriority").max_nodes
        4
        """
        if admin_user_password:
            warnings.warn("admin_user_password is not used; give admin_user_ssh_key", stacklevel=2)
        return compute_target.AmlCompute.provisioning_configuration(
            vm_size=vm_size,
            vm_priority=str(vm_priority).lower(),
            min_nodes=min_nodes,
            max_nodes=4 if max_nodes is None else max_nodes,
            idle_seconds_before_scaledown=_seconds(idle_seconds_before_scaledown),
            admin_username=admin_username,
            admin_user_ssh_key=admin_user_ssh_key,
            vnet_resourcegroup_name=vnet_resourcegroup_name,
            vnet_name=vnet_name,
            subnet_name=subnet_name,
            tags=tags,
            description=description,
            provider=provider,
            region=region or (location if provider not in (None, "local") else None),
            resources=resources,
            hosts=hosts,
        )

    @staticmethod
    def supported_vmsizes(workspace: object, location: str | None = None) -> list[dict[str, Any]]:
        """Return the known sizes of machines: name, cores, GPUs and memory in GB."""
        return [
            {
                "name": size.name,
                "vCPUs": size.vcpus,
                "gpus": size.gpus,
                "memoryGB": size.memory_gib,
            }
            for size in vm_sizes().values()
            if size.provider == "azure"
        ]

    @property
    def vm_size(self) -> str:
        """The size of a node."""
        return self.provisioning.vm_size.upper()

    @property
    def vm_priority(self) -> str:
        """``dedicated`` or ``lowpriority``."""
        return self.provisioning.vm_priority

    @property
    def scale_settings(self) -> ScaleSettings:
        """Numbers of nodes, and seconds until an idle one is given back."""
        made = self.provisioning
        return ScaleSettings(made.min_nodes, made.max_nodes, made.idle_seconds_before_scaledown)

    @property
    def admin_username(self) -> str | None:
        """SSH user of the machines."""
        return self.provisioning.admin_username

    def get(self) -> AmlComputeStatus:
        """Return the present state."""
        return self.get_status()


class LocalTarget(EmbeddedTarget):
    """This machine, with the attributes that scripts print of compute targets."""

    provisioning_state = "Succeeded"
    location = "local"

    def get_status(self) -> AmlComputeStatus:
        """Return the state of this machine: one node, there."""
        return AmlComputeStatus("Succeeded", "Steady", 1, 1)

    @property
    def status(self) -> AmlComputeStatus:
        """The state of this machine."""
        return self.get_status()

    def wait_for_completion(self, *arguments: object, **named: object) -> AmlComputeStatus:
        """Return at once: this machine is there."""
        return self.get_status()

    def serialize(self) -> dict[str, Any]:
        """Return plain values by the keys of SDK v1."""
        return {"name": self.name, "properties": {"computeType": self.type}}


def _seconds(value: float | str | None) -> float:
    """Return the idle time, which some scripts give as text."""
    try:
        return 120 if value is None else float(value) if isinstance(value, str) else value
    except ValueError:
        raise ComputeTargetException(
            f"idle_seconds_before_scaledown={value!r}: allowed is a number of seconds"
        ) from None
