"""A cluster that others have brought up and that a workspace only uses."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from cluster.errors import ComputeTargetException
from cluster.providers.provider import Provider
from cluster.provisioning.configuration import ProvisioningConfiguration

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_loopback(address: str) -> bool:
    """Whether a URL names this machine's loopback.

    Examples
    --------
    >>> is_loopback("http://localhost:8265"), is_loopback("http://127.0.0.1.example.org:8265")
    (True, False)
    """
    return urlsplit(address).hostname in LOOPBACK


class AttachedCluster(Provider):
    """A Ray cluster known by its dashboard's address, the fact ``address``."""

    can_start = False

    def up(self, name: str, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Refuse: others start the cluster."""
        raise ComputeTargetException(
            f"compute target {name!r}: a cluster that was attached is started by its owner"
        )

    def resize(self, name: str, config: ProvisioningConfiguration) -> None:
        """Refuse: the cluster's own configuration decides."""
        raise ComputeTargetException(
            f"compute target {name!r} was attached: its cluster's own configuration decides about "
            "its nodes"
        )

    def down(self) -> None:
        """Leave the cluster as it is."""

    def address(self) -> str:
        """Return the address that was given to ``attach``."""
        return str(self.facts["address"])

    def runs_here(self) -> bool:
        """Whether the address is this machine's loopback."""
        return is_loopback(self.address())
