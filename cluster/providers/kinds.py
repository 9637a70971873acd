"""The providers by the names that ``provisioning_configuration(provider=...)`` takes."""

from __future__ import annotations

from collections.abc import Mapping

from cluster.errors import ComputeTargetException
from cluster.providers.attached import AttachedCluster
from cluster.providers.aws import AwsCluster
from cluster.providers.azure import AzureCluster
from cluster.providers.gcp import GcpCluster
from cluster.providers.kubernetes import KubernetesCluster
from cluster.providers.launcher import LaunchedCluster
from cluster.providers.launcher_file import LauncherFile
from cluster.providers.local_cluster import LocalCluster
from cluster.providers.on_prem import OnPremCluster
from cluster.providers.provider import Provider

#: Name -> class, in the order in which the names are listed for users.
KINDS: Mapping[str, type[Provider]] = {
    "local": LocalCluster,
    "azure": AzureCluster,
    "aws": AwsCluster,
    "gcp": GcpCluster,
    "kubernetes": KubernetesCluster,
    "on_prem": OnPremCluster,
}


def provider_class(name: str | None) -> type[Provider]:
    """Return the class of a provider; ``None`` stands for a cluster that was attached."""
    return AttachedCluster if name is None else KINDS[name]


def launcher_file(name: str) -> LauncherFile:
    """Return what renders the cluster launcher's file of a provider.

    Raises
    ------
    ComputeTargetException
        For a provider that works without the launcher.
    """
    kind = KINDS[name]
    if not issubclass(kind, LaunchedCluster):
        launched = [k for k, v in KINDS.items() if issubclass(v, LaunchedCluster)]
        raise ComputeTargetException(
            f"provider={name!r} has no cluster launcher file; allowed is one of "
            f"{', '.join(launched)}"
        )
    return kind.template
