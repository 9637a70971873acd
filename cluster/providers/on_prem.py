"""The user's own hosts, reached over SSH by Ray's cluster launcher."""

from __future__ import annotations

from typing import Any

from cluster.providers.launcher import LaunchedCluster
from cluster.providers.launcher_file import LauncherFile
from cluster.provisioning.configuration import ProvisioningConfiguration


class OnPremFile(LauncherFile):
    """The launcher's file for a list of hosts, the head's first."""

    provider = "on_prem"
    user = "root"
    packages = '"ray[default]"'
    login = "an SSH key that all hosts accept"
    # Version 2 of the autoscaler finds no host to start in a list of hosts.
    autoscaler_version = 0

    def provider_section(self, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return the addresses of head and workers."""
        return {
            "type": "local",
            "head_ip": config.hosts[0],
            "worker_ips": list(config.hosts[1:]),
        }

    def auth(self, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return user and key, ``~/.ssh/id_rsa`` by default."""
        auth = super().auth(config)
        auth.setdefault("ssh_private_key", "~/.ssh/id_rsa")
        return auth

    def scale(self, config: ProvisioningConfiguration) -> dict[str, int]:
        # Node types, which hold the least elsewhere, are not allowed here; without it all start.
        """Return the least and the greatest number of workers."""
        return {"min_workers": config.min_nodes, **super().scale(config)}

    def node_types(self, config: ProvisioningConfiguration) -> None:
        """Return ``None``: the hosts are what they are."""

    def machine(self, config: ProvisioningConfiguration, spot: bool) -> dict[str, Any]:
        """Return nothing: hosts need no description."""
        return {}

    def worker_options(self, config: ProvisioningConfiguration) -> str:
        """Return the number of cores, where one was given; else Ray counts the host's own."""
        if not (config.resources or config.vm_size):
            return ""
        return f" --num-cpus={config.size.vcpus}"


class OnPremCluster(LaunchedCluster):
    """A cluster of the user's own hosts."""

    template = OnPremFile()
