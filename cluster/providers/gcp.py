"""Google Compute Engine machines through Ray's cluster launcher."""

from __future__ import annotations

from typing import Any

from cluster.providers.launcher import LaunchedCluster
from cluster.providers.launcher_file import LauncherFile
from cluster.provisioning.configuration import ProvisioningConfiguration

_IMAGE = "projects/deeplearning-platform-release/global/images/family/common-cpu"


class GcpFile(LauncherFile):
    """The launcher's file for Google Cloud."""

    provider = "gcp"
    user = "ubuntu"
    packages = '"ray[default]" google-api-python-client'
    login = "`gcloud auth application-default login`"

    def provider_section(self, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return region and zone; the project is the one of the login."""
        region = config.region or "us-west1"
        return {
            "type": "gcp",
            "region": region,
            "availability_zone": f"{region}-a",
            "project_id": None,
        }

    def machine(self, config: ProvisioningConfiguration, spot: bool) -> dict[str, Any]:
        """Return machine type, boot disk and scheduling."""
        disk = {
            "boot": True,
            "autoDelete": True,
            "type": "PERSISTENT",
            "initializeParams": {"diskSizeGb": 100, "sourceImage": _IMAGE},
        }
        machine: dict[str, Any] = {
            "machineType": config.size.name or config.vm_size,
            "disks": [disk],
        }
        scheduling: dict[str, Any] = {}
        if spot:
            scheduling |= {"provisioningModel": "SPOT", "instanceTerminationAction": "DELETE"}
        if config.size.gpus:
            scheduling["onHostMaintenance"] = "TERMINATE"
        if scheduling:
            machine["scheduling"] = scheduling
        return machine


class GcpCluster(LaunchedCluster):
    """A cluster of Compute Engine machines."""

    template = GcpFile()
