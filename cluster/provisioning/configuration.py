"""The configuration of a compute target: machine size, priority, numbers of nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cluster.errors import ComputeTargetException
from cluster.provisioning.vm_sizes import VmSize, counterpart, vm_size

PRIORITIES = ("dedicated", "lowpriority")
_GIB = 2**30


@dataclass(frozen=True)
class ProvisioningConfiguration:
    """The checked arguments of `AmlCompute.provisioning_configuration`.

    Attributes
    ----------
    vm_size:
        Name of the workers' size; may be empty with ``resources``.
    resources:
        A worker's ``CPU``, ``GPU`` and ``memory_gib`` (default 4 a core), instead of the figures in
        the table of sizes.
    """

    vm_size: str
    vm_priority: str = "dedicated"
    min_nodes: int = 0
    max_nodes: int = 4
    idle_seconds_before_scaledown: float = 120
    provider: str = "local"
    region: str | None = None
    resources: Mapping[str, float] = field(default_factory=dict)
    hosts: Sequence[str] = ()
    admin_username: str | None = None
    admin_user_ssh_key: str | None = None
    vnet_resourcegroup_name: str | None = None
    vnet_name: str | None = None
    subnet_name: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    description: str | None = None

    @property
    def size(self) -> VmSize:
        """The machine of a worker."""
        if not self.resources:
            return counterpart(vm_size(self.vm_size), self.provider)
        return VmSize(
            self.provider,
            self.vm_size,
            int(self.resources["CPU"]),
            float(self.resources.get("memory_gib", 4 * self.resources["CPU"])),
            int(self.resources.get("GPU", 0)),
        )

    @property
    def memory_bytes(self) -> int:
        """Memory of a worker in bytes."""
        return int(self.size.memory_gib * _GIB)

    @property
    def is_spot(self) -> bool:
        """Whether workers are spot machines."""
        return self.vm_priority == "lowpriority"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ProvisioningConfiguration:
        """Return the configuration that `to_dict` was called on."""
        return cls(**values)


def check_provisioning(
    values: Mapping[str, Any], providers: Sequence[str]
) -> ProvisioningConfiguration:
    """Check the arguments of `AmlCompute.provisioning_configuration` all at once.

    ``providers`` are the names that there are.

    Raises
    ------
    ComputeTargetException
        Lists all problems, each with the parameter's name, the value given and what is allowed.
    """
    problems = []
    provider = values["provider"] or "local"
    if provider not in providers:
        problems.append(f"provider={provider!r}: allowed is one of {', '.join(providers)}")
    if values["vm_priority"] not in PRIORITIES:
        problems.append(
            f"vm_priority={values['vm_priority']!r}: allowed is one of {', '.join(PRIORITIES)}"
        )
    low, high = values["min_nodes"], values["max_nodes"]
    numbers_fit = True
    for name, value, least in (("min_nodes", low, 0), ("max_nodes", high, 1)):
        if not _is_integer(value) or value < least:
            numbers_fit = False
            problems.append(f"{name}={value!r}: allowed is an integer of at least {least}")
    if numbers_fit and high < low:
        problems.append(f"max_nodes={high} is less than min_nodes={low}")
    problems += _wrong_idle(values["idle_seconds_before_scaledown"])
    problems += _wrong_machine(values["vm_size"], values["resources"], provider)
    hosts = values["hosts"]
    if provider == "on_prem" and not (
        isinstance(hosts, Sequence) and not isinstance(hosts, str) and len(hosts) >= 2
    ):
        problems.append(
            f"hosts={hosts!r}: provider='on_prem' needs a list of at least two hosts, the head's "
            "first"
        )
    if provider != "on_prem" and hosts:
        problems.append("hosts: only with provider='on_prem'")
    if values.get("admin_user_password"):
        problems.append("admin_user_password: not used; give admin_user_ssh_key")
    if problems:
        lines = problems[0] if len(problems) == 1 else "\n".join(f"  - {p}" for p in problems)
        head = "" if len(problems) == 1 else f"{len(problems)} problems:\n"
        raise ComputeTargetException(head + lines)
    kept = {k: v for k, v in values.items() if k != "admin_user_password"}
    return ProvisioningConfiguration(
        **kept
        | {
            "provider": provider,
            "vm_size": values["vm_size"] or "",
            "resources": dict(values["resources"] or {}),
            "hosts": tuple(hosts or ()),
            "tags": dict(values["tags"] or {}),
        }
    )


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong_idle(value: object) -> list[str]:
    if (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and math.isfinite(value)
        and value > 0
    ):
        return []
    return [f"idle_seconds_before_scaledown={value!r}: allowed is a number of seconds above 0"]


def _wrong_machine(name: Any, resources: Any, provider: str) -> list[str]:
    if resources is not None:
        fits = (
            isinstance(resources, Mapping)
            and set(resources) <= {"CPU", "GPU", "memory_gib"}
            and _is_integer(resources.get("CPU"))
            and resources["CPU"] >= 1
            and all(isinstance(v, int | float) and v >= 0 for v in resources.values())
        )
        if not fits:
            return [
                f"resources={resources!r}: allowed is a dict with CPU (an integer of at least 1) "
                "and, if wanted, GPU and memory_gib"
            ]
    if not name:
        if resources is None:
            return ["vm_size: missing; for example 'STANDARD_D2_V2'"]
        if provider in ("azure", "aws", "gcp"):
            return [f"vm_size: missing; provider={provider!r} needs the name of a machine"]
        return []
    if resources is not None:
        return []
    try:
        counterpart(vm_size(name), provider)
    except ComputeTargetException as unknown:
        return [str(unknown)]
    return []
