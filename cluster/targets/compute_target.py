"""Compute targets as users make them: created or attached, and provisioned."""

from __future__ import annotations

import json
import os
import shutil
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cluster.errors import ComputeTargetException
from cluster.jobs.head import Head
from cluster.private_files import write_private
from cluster.providers.attached import is_loopback
from cluster.providers.kinds import KINDS, provider_class
from cluster.providers.provider import Provider
from cluster.provisioning.configuration import ProvisioningConfiguration, check_provisioning
from cluster.targets.registry import (
    BEING_MADE,
    TARGET_FILE,
    HasFolder,
    check_name,
    folder_of,
    locked,
    read_target,
    write_target,
)
from cluster.targets.status import AmlComputeStatus
from cluster.targets.target import RayTarget


class ComputeTarget(RayTarget):
    """A compute target of a workspace, by its name.

    `create` makes a cluster, `attach` names one that runs already; the constructor opens a target
    that the workspace remembers.

    Parameters
    ----------
    workspace:
        The workspace that remembers the target.
    name:
        The name given to `create` or `attach`.

    Raises
    ------
    ComputeTargetException
        When the workspace has no target of that name.
    """

    @staticmethod
    def create(
        workspace: HasFolder, name: str, provisioning_configuration: ProvisioningConfiguration
    ) -> AmlCompute:
        """Make a target, or return the one that has this name already.

        The cluster's head is up on return; nodes come when trials ask for them. A head on this
        machine that has died since is started again. When it is interrupted, what was started ends
        again. A target whose creation was killed is there under its name, ``Failed``: `create`
        starts it anew, `delete` ends what is left of it.

        Raises
        ------
        ComputeTargetException
            For a name that is not allowed, for anything but a provisioning configuration, and when
            the head does not start.
        """
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
                _bring_up(folder, name, provisioning_configuration, {})
            else:
                existing = AmlCompute(workspace, name)
                if BEING_MADE in existing._read():  # and its maker is dead: the lock was free
                    _take_down(folder, existing._provider())
                    _bring_up(folder, name, provisioning_configuration, {})
                elif existing._provider().problem() is not None:
                    _bring_up(folder, name, existing.provisioning, existing._read())
        return AmlCompute(workspace, name)

    @staticmethod
    def attach(
        workspace: HasFolder, name: str, address: str = "auto", token: str | None = None
    ) -> ComputeTarget:
        """Give a running Ray cluster a name in the workspace.

        Parameters
        ----------
        address:
            The cluster's dashboard, ``http://head:8265``; ``auto``: the one on this machine.
        token:
            The token of Ray's token authentication. By default, for ``auto`` and for addresses of
            this machine's loopback: ``RAY_AUTH_TOKEN``, or the content of ``RAY_AUTH_TOKEN_PATH``
            or ``~/.ray/auth_token``, if any. No other address gets a token that was not given here.

        Raises
        ------
        ComputeTargetException
            Within 10 s when nobody answers there, or the token is wrong.
        """
        check_name(name)
        is_own = address == "auto"
        if is_own:
            address = os.environ.get("RAY_API_SERVER_ADDRESS") or "http://127.0.0.1:8265"
        if not str(address).startswith(("http://", "https://")):
            raise ComputeTargetException(
                f"address={address!r}: allowed is 'auto' or the dashboard's http://host:port"
            )
        is_own = is_own or is_loopback(address)
        if token is None and is_own:
            token = _ambient_token()
        if token is not None and address.startswith("http://") and not is_loopback(address):
            warnings.warn(
                f"the token of compute target {name!r} goes to {address} unencrypted; use "
                "https://, or a tunnel: ssh -L 8265:localhost:8265, then http://127.0.0.1:8265",
                stacklevel=2,
            )
        Head(address, token, name).version()
        folder = folder_of(workspace, name)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder):
            if (folder / TARGET_FILE).is_file():
                raise ComputeTargetException(f"there is a compute target {name!r} already")
            folder.mkdir(exist_ok=True)
            if token is not None:
                write_private(folder / "token", token)
            write_target(folder, {"name": name, "address": address, "type": "attached"})
        return ComputeTarget(workspace, name)


class AmlCompute(ComputeTarget):
    """A cluster that grows and shrinks with its trials, made by `ComputeTarget.create`."""

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
        hosts: Sequence[str] | None = None,
    ) -> ProvisioningConfiguration:
        """Return a checked configuration for `ComputeTarget.create`.

        Parameters
        ----------
        vm_size:
            The workers' size: any of ``cluster/provisioning/vm_sizes.csv``, in any case. On another
            cloud than its own it stands for the smallest machine that has as much.
        vm_priority:
            ``dedicated``, or ``lowpriority`` for spot machines.
        min_nodes, max_nodes:
            The least and the greatest number of workers.
        idle_seconds_before_scaledown:
            Seconds without work after which a worker is given back.
        admin_username, admin_user_ssh_key:
            SSH user and private key file for the machines.
        vnet_resourcegroup_name:
            Azure's resource group.
        tags:
            Tags of the machines, where the cloud has tags.
        provider:
            ``local`` (default: raylets on this machine), ``azure``, ``aws``, ``gcp``,
            ``kubernetes`` or ``on_prem``.
        region:
            The cloud's name of a region.
        resources:
            A worker's ``CPU``, ``GPU`` and ``memory_gib``, instead of what ``vm_size`` says.
        hosts:
            With ``on_prem``: addresses of at least two hosts, the head's first.

        Raises
        ------
        ComputeTargetException
            Lists all problems.

        Examples
        --------
        >>> config = AmlCompute.provisioning_configuration("STANDARD_D2_V2", max_nodes=6)
        >>> config.size.vcpus, config.provider
        (2, 'local')
        """
        return check_provisioning(dict(locals()), tuple(KINDS))

    def get_status(self) -> AmlComputeStatus:
        """Return the present state, with what the target was provisioned as."""
        return super().get_status().provisioned(self.provisioning)

    def update(
        self,
        min_nodes: int | None = None,
        max_nodes: int | None = None,
        idle_seconds_before_scaledown: float | None = None,
    ) -> None:
        """Change how the cluster scales, while it goes on; ``None`` leaves a value as it is.

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
            if BEING_MADE in self._read():
                raise ComputeTargetException(self._interrupted())
            changed = check_provisioning(
                {
                    **self.provisioning.to_dict(),
                    "resources": self.provisioning.resources or None,
                    **{key: value for key, value in given.items() if value is not None},
                },
                tuple(KINDS),
            )
            self._provider().resize(self.name, changed)
            write_target(self._folder, {**self._read(), "provisioning": changed.to_dict()})

    def _worker_shape(self) -> dict[str, str]:
        """Describe a worker to a driver that starts before the first one is there."""
        config = self.provisioning
        shape = {"CPU": config.size.vcpus, "memory": config.memory_bytes}
        return {"RAYSMITH_WORKER": json.dumps(shape)}

    def _least_nodes(self) -> int:
        return self.provisioning.min_nodes

    def _check_count(self, count: object) -> None:
        super()._check_count(count)
        most = self.provisioning.max_nodes
        if isinstance(count, int) and count > most:
            raise ComputeTargetException(
                f"min_node_count={count}: the compute target {self.name!r} has at most {most} "
                "nodes; update(max_nodes=...) changes that"
            )


def open_target(workspace: HasFolder, name: str) -> ComputeTarget:
    """Return the target of that name, as `AmlCompute` when the workspace has made it."""
    target = ComputeTarget(workspace, name)
    made = "provisioning" in read_target(folder_of(workspace, name))
    return AmlCompute(workspace, name) if made else target


def _bring_up(
    folder: Path, name: str, config: ProvisioningConfiguration, earlier: Mapping[str, Any]
) -> None:
    """Bring a target's cluster up and record it; a new target goes when that fails.

    The record is written first: machines cost money, and `delete` must be able to name what a
    process that was killed has started.
    """
    record = {"name": name, "type": "AmlCompute", "created": time.time()}
    provider = provider_class(config.provider)(folder, earlier)
    is_new = not folder.exists()
    if is_new:
        folder.mkdir()
        facts = provider.plan()
        provider = provider_class(config.provider)(folder, facts)
        write_target(
            folder, {**record, **facts, "provisioning": config.to_dict(), BEING_MADE: True}
        )
    try:
        facts = provider.up(name, config)
    except BaseException:
        if is_new:
            # When that fails too, the record stays, for `delete`.
            _take_down(folder, provider)
        raise
    write_target(folder, {**record, **facts, "provisioning": config.to_dict()})


def _take_down(folder: Path, provider: Provider) -> None:
    provider.down()
    shutil.rmtree(folder, ignore_errors=True)


def _ambient_token() -> str | None:
    if os.environ.get("RAY_AUTH_TOKEN"):
        return os.environ["RAY_AUTH_TOKEN"]
    file = Path(os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token")
    return file.read_text(encoding="ascii").strip() if file.is_file() else None
