"""`AksCompute`: a cluster for services, made as `AmlCompute` makes one."""

from __future__ import annotations

from typing import Any

from cluster.provisioning.configuration import ProvisioningConfiguration
from engine.azureml.core.compute.amlcompute import AmlCompute
from engine.azureml.unavailable import NotAvailable

_AGENTS = 3
_VM_SIZE = "STANDARD_D3_V2"


class AksCompute(AmlCompute):
    """A Ray cluster that services are deployed to, in place of one of the retired service."""

    @staticmethod
    def provisioning_configuration(  # type: ignore[override]
        agent_count: int | None = None,
        vm_size: str | None = None,
        ssl_cname: object = None,
        ssl_cert_pem_file: object = None,
        ssl_key_pem_file: object = None,
        location: str | None = None,
        vnet_resourcegroup_name: str | None = None,
        vnet_name: str | None = None,
        subnet_name: str | None = None,
        *more: object,
        provider: str | None = None,
        region: str | None = None,
        **ignored: object,
    ) -> ProvisioningConfiguration:
        """Return a checked configuration for `ComputeTarget.create`.

        Parameters
        ----------
        agent_count:
            The most nodes; default: 3.
        vm_size:
            Size of a node; default: ``STANDARD_D3_V2``.
        provider, region:
            As in `cluster.AmlCompute.provisioning_configuration`.
        location, vnet_resourcegroup_name, vnet_name, subnet_name:
            Used with a ``provider`` of virtual machines.
        ssl_cname, ssl_cert_pem_file, ssl_key_pem_file, *more, **ignored:
            Without a meaning here: a service is reached at its Ray cluster's address.

        Raises
        ------
        ComputeTargetException
            Lists all problems.

        Examples
        --------
        >>> AksCompute.provisioning_configuration(agent_count=2).max_nodes
        2
        """
        return AmlCompute.provisioning_configuration(
            vm_size=_VM_SIZE if vm_size is None else vm_size,
            max_nodes=_AGENTS if agent_count is None else agent_count,
            vnet_resourcegroup_name=vnet_resourcegroup_name,
            vnet_name=vnet_name,
            subnet_name=subnet_name,
            location=location,
            provider=provider,
            region=region,
        )

    @staticmethod
    def attach_configuration(*arguments: object, **named: object) -> Any:
        """Refuse: there is no cluster of the retired service to attach."""
        raise NotAvailable(
            "AksCompute.attach_configuration of the retired service is not available: name a "
            "running Ray cluster with ComputeTarget.attach(ws, name, address)"
        )
