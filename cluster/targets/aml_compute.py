"""`AmlCompute`: a cluster that grows and shrinks with what is asked of it."""

from __future__ import annotations

import json
import shutil
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.errors import ComputeTargetException
from cluster.providers.launcher import LaunchedCluster
from cluster.providers.local_cluster import LocalCluster
from cluster.provisioning.configuration import ProvisioningConfiguration, check_provisioning
from cluster.targets.registry import TARGET_FILE, HasFolder, locked, write_target
from cluster.targets.target import AmlComputeStatus, ComputeTarget


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
            The workers' size: any of ``cluster/provisioning/vm_sizes.csv``, in any case. On another
            cloud than its own it stands for the smallest machine that has as much.
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
            For values that are not allowed, or when the launcher fails.
        """
        given = {
            "min_nodes": min_nodes,
            "max_nodes": max_nodes,
            "idle_seconds_before_scaledown": idle_seconds_before_scaledown,
        }
        with locked(self._folder):
            changed = check_provisioning(
                {
                    **self.provisioning.to_dict(),
                    "resources": self.provisioning.resources or None,
                    **{key: value for key, value in given.items() if value is not None},
                }
            )
            content = self._read()
            if self._is_local:
                self._local().write_config(self.name, changed, content["gcs"])
            else:
                LaunchedCluster(self._folder).up(self.name, changed, keep_running=True)
            write_target(self._folder, {**content, "provisioning": changed.to_dict()})

    def _end(self) -> None:
        if self._is_local:
            self._local().end()
        else:
            LaunchedCluster(self._folder).down()

    def _worker_shape(self) -> dict[str, str]:
        """What a worker will have, for a driver that starts before the first one is there."""
        config = self.provisioning
        shape = {"CPU": config.size.vcpus, "memory": config.memory_bytes}
        return {"RAYSMITH_WORKER": json.dumps(shape)}

    def _least_nodes(self) -> int:
        return self.provisioning.min_nodes

    def _why(self, status: AmlComputeStatus) -> str:
        if status.errors or not self._is_local:
            return super()._why(status)
        return self._local().autoscaler_report(str(self._read()["gcs"]))


def open_target(workspace: HasFolder, name: str) -> ComputeTarget:
    """The target of that name, as what it is."""
    target = ComputeTarget(workspace, name)
    return AmlCompute(workspace, name) if "provisioning" in target._read() else target


def start_cluster(folder: Path, name: str, config: ProvisioningConfiguration) -> None:
    """Bring a target's cluster up and note it in its folder."""
    if config.provider == "kubernetes":
        raise ComputeTargetException(
            "provider='kubernetes': `raysmith cluster render --provider kubernetes` prints the "
            "manifest for kubectl; then ComputeTarget.attach(ws, name, address)"
        )
    folder.mkdir(exist_ok=True)
    content: dict[str, Any] = {"name": name, "type": "AmlCompute", "created": time.time()}
    if config.provider != "local":
        _launch(folder, name, config)
    else:
        cluster_id = uuid.uuid4().hex
        try:
            dashboard, gcs = LocalCluster(folder, cluster_id).start(name, config)
        except BaseException:
            if not (folder / TARGET_FILE).is_file():
                shutil.rmtree(folder, ignore_errors=True)
            raise
        content |= {"cluster_id": cluster_id, "address": dashboard, "gcs": gcs}
    write_target(folder, {**content, "provisioning": config.to_dict()})


def _launch(folder: Path, name: str, config: ProvisioningConfiguration) -> None:
    """``ray up``; what it has started before it failed costs money, so that is ended."""
    cluster = LaunchedCluster(folder)
    try:
        cluster.up(name, config)
        cluster.address()
    except ComputeTargetException as failure:
        try:
            cluster.down()
        except ComputeTargetException as left:
            raise ComputeTargetException(
                f"{failure}\nMachines may be left running: {left}"
            ) from failure
        raise
