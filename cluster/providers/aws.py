"""AWS EC2 machines through Ray's cluster launcher."""

from __future__ import annotations

from typing import Any

from cluster.providers.launcher import LaunchedCluster
from cluster.providers.launcher_file import LauncherFile
from cluster.provisioning.configuration import ProvisioningConfiguration


class AwsFile(LauncherFile):
    """The launcher's file for AWS."""

    provider = "aws"
    user = "ubuntu"
    packages = '"ray[default]" boto3'
    login = "credentials that boto3 finds"

    def provider_section(self, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return the region; machines are ended, not stopped."""
        region = config.region or "us-west-2"
        return {"type": "aws", "region": region, "cache_stopped_nodes": False}

    def machine(self, config: ProvisioningConfiguration, spot: bool) -> dict[str, Any]:
        """Return instance type, disk and, for spot machines, the market."""
        disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 140, "VolumeType": "gp3"}}
        machine: dict[str, Any] = {
            "InstanceType": config.size.name or config.vm_size,
            "BlockDeviceMappings": [disk],
        }
        if spot:
            machine["InstanceMarketOptions"] = {
                "MarketType": "spot",
                "SpotOptions": {"SpotInstanceType": "one-time"},
            }
        return machine


class AwsCluster(LaunchedCluster):
    """A cluster of EC2 machines."""

    template = AwsFile()
