"""The state of a compute target at one moment."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cluster.provisioning.configuration import ProvisioningConfiguration


@dataclass(frozen=True)
class AmlComputeStatus:
    """The state of a compute target.

    Attributes
    ----------
    provisioning_state:
        ``Succeeded``; ``Creating`` while a process makes the target; ``Failed`` when the head is
        gone, or the creation was interrupted.
    allocation_state:
        ``Steady``, or ``Resizing`` while nodes come or go.
    current_node_count, target_node_count:
        Workers that are alive now, and that will be as far as is known.
    errors:
        Reasons for ``Failed``.
    scale_settings, vm_size, vm_priority:
        As provisioned; empty for a cluster that was attached.
    """

    provisioning_state: str
    allocation_state: str
    current_node_count: int
    target_node_count: int
    errors: tuple[str, ...] = ()
    scale_settings: Mapping[str, Any] = field(default_factory=dict)
    vm_size: str = ""
    vm_priority: str = ""

    @classmethod
    def gone(cls, reason: str) -> AmlComputeStatus:
        """Return the state of a target whose head is gone."""
        return cls("Failed", "Steady", 0, 0, (reason,))

    def provisioned(self, config: ProvisioningConfiguration) -> AmlComputeStatus:
        """Return the same with what the target was provisioned as."""
        return dataclasses.replace(
            self,
            scale_settings={
                "minNodes": config.min_nodes,
                "maxNodes": config.max_nodes,
                "idleSecondsBeforeScaledown": config.idle_seconds_before_scaledown,
            },
            vm_size=config.vm_size,
            vm_priority=config.vm_priority,
        )

    def serialize(self) -> dict[str, Any]:
        """Return plain values, by the names of the attributes."""
        return dataclasses.asdict(self)
