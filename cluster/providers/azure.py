"""Azure virtual machines through Ray's cluster launcher."""

from __future__ import annotations

from typing import Any

from cluster.providers.launcher import LaunchedCluster
from cluster.providers.launcher_file import LauncherFile
from cluster.provisioning.configuration import ProvisioningConfiguration

_KEY = "~/.ssh/id_rsa"


class AzureFile(LauncherFile):
    """The launcher's file for Azure."""

    provider = "azure"
    user = "ubuntu"
    packages = '"ray[default]" azure-cli azure-mgmt-compute azure-mgmt-network azure-identity'
    login = "`az login`"
    key_comment = "Made by `ssh-keygen`; both halves must exist."

    def provider_section(self, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return location, resource group and tags."""
        section: dict[str, Any] = {
            "type": "azure",
            "location": config.region or "westeurope",
            "resource_group": config.vnet_resourcegroup_name or "raysmith",
        }
        if config.tags:
            section["tags"] = dict(config.tags)
        return section

    def auth(self, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return user and key; Azure wants both halves of the key."""
        key = config.admin_user_ssh_key or _KEY
        return super().auth(config) | {"ssh_private_key": key, "ssh_public_key": f"{key}.pub"}

    def machine(self, config: ProvisioningConfiguration, spot: bool) -> dict[str, Any]:
        """Return the parameters of Azure's template for a virtual machine."""
        arm: dict[str, Any] = {
            "vmSize": _azure_case(config.size.name or config.vm_size),
            "imagePublisher": "microsoft-dsvm",
            "imageOffer": "ubuntu-2204",
            "imageSku": "2204-gen2",
            "imageVersion": "latest",
        }
        if spot:
            # -1: up to the price of a dedicated machine.
            arm |= {"priority": "Spot", "billingProfile": {"maxPrice": -1}}
        return {"azure_arm_parameters": arm}


class AzureCluster(LaunchedCluster):
    """A cluster of Azure virtual machines."""

    template = AzureFile()


def _azure_case(name: str) -> str:
    """Return ``STANDARD_D2_V2`` in Azure's own spelling, ``Standard_D2_v2``."""
    family, *rest = name.split("_")
    spelled = [family.capitalize(), *(part.lower() if part[:1] == "V" else part for part in rest)]
    return "_".join(spelled)
