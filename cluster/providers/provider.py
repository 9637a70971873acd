"""The interface of all providers: where the machines of a compute target come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cluster.provisioning.configuration import ProvisioningConfiguration


class Provider(ABC):
    """Brings the cluster of one compute target up, changes it and takes it down.

    A provider is made anew for each call and keeps nothing in memory: all that must be remembered
    is in the target's folder, or in the facts that `up` returns, which the target keeps and hands
    to the next provider. Two processes never call `up`, `resize` or `down` of one target at the
    same time; the target holds a lock. The other methods may be called at any time, from several
    threads, also while the cluster is gone.

    Every implementation passes ``tests/cluster/providers/test_providers.py``.

    Parameters
    ----------
    folder:
        The target's folder. It exists when `up` is called. The file ``token`` in it holds the
        cluster's authentication token, if there is one.
    facts:
        What `up` returned; empty before the first `up`.
    """

    #: Whether ``provisioning_configuration(provider=...)`` can bring such a cluster up.
    can_start: bool = True

    def __init__(self, folder: Path, facts: Mapping[str, Any]) -> None:
        self.folder = folder
        self.facts = facts

    @property
    def token_file(self) -> Path:
        """The file with the cluster's token, readable by its owner only."""
        return self.folder / "token"

    @property
    def cluster_file(self) -> Path | None:
        """The file that ``ray submit`` and ``ray attach`` take; ``None`` where there is none."""
        return None

    def plan(self) -> dict[str, Any]:
        """Facts by which `down` finds what `up` starts, as far as they are known before.

        The target keeps them before it calls `up` of a provider that is made with them. So a start
        that is interrupted, even by SIGKILL, can be ended later.
        """
        return {}

    @abstractmethod
    def up(self, name: str, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Bring the cluster's head up and return the facts to remember.

        Nothing is left running when it fails or is interrupted, or the message says what is.

        Raises
        ------
        ComputeTargetException
            When the head does not come up, with the reason of whoever starts it.
        """

    @abstractmethod
    def resize(self, name: str, config: ProvisioningConfiguration) -> None:
        """Change how many nodes there may be and how long idle ones stay; nothing else.

        Raises
        ------
        ComputeTargetException
            When the cluster cannot be changed.
        """

    @abstractmethod
    def down(self) -> None:
        """End the cluster with its nodes. Does nothing when there is none.

        Raises
        ------
        ComputeTargetException
            When machines may be left running.
        """

    @abstractmethod
    def address(self) -> str:
        """The address of the dashboard as this machine reaches it, ``http://host:port``.

        Raises
        ------
        ComputeTargetException
            When there is no way to the head.
        """

    @abstractmethod
    def runs_here(self) -> bool:
        """Whether the nodes are processes of this machine, with its files and its interpreter."""

    def problem(self) -> str | None:
        """Why the cluster cannot work, as far as is known without asking its head."""
        return None

    def target_node_count(self, alive: int) -> int:
        """How many workers there will be soon, where ``alive`` are there."""
        return alive

    def why_no_nodes(self) -> str:
        """Why there are not more nodes, for a message."""
        return "nothing on the cluster asks for more nodes"
