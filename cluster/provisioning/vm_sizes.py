"""Cores, GPUs and memory of machine sizes, and their counterparts on other clouds.

The table ``vm_sizes.csv`` holds the figures of the clouds' own documentation: Azure "Sizes for
virtual machines" (D, E, F, NC and ND families), AWS "Amazon EC2 instance types" (m5, r5, c5, g4dn,
p3, p4d, p5) and Google Cloud "Machine families resource guide" (N2, G2, A2, A3).
"""

from __future__ import annotations

import csv
import difflib
import functools
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cluster.errors import ComputeTargetException

#: A counterpart may have this share less memory: 8 GiB stand in for 8.5.
_MEMORY_SHARE = 0.9
_CLOUDS = ("azure", "aws", "gcp")


@dataclass(frozen=True)
class VmSize:
    """A size of machine: ``memory_gib`` in GiB, ``gpu`` the model's name or empty."""

    provider: str
    name: str
    vcpus: int
    memory_gib: float
    gpus: int = 0
    gpu: str = ""


@functools.cache
def vm_sizes() -> Mapping[str, VmSize]:
    """Return all known sizes by their name in upper case."""
    with Path(__file__).with_name("vm_sizes.csv").open(encoding="utf-8", newline="") as file:
        sizes = [
            VmSize(
                row["provider"],
                row["name"],
                int(row["vcpus"]),
                float(row["memory_gib"]),
                int(row["gpus"]),
                row["gpu"],
            )
            for row in csv.DictReader(file)
        ]
    return {size.name.upper(): size for size in sizes}


def vm_size(name: str) -> VmSize:
    """Return the size of that name, in any case.

    Examples
    --------
    >>> vm_size("Standard_D2_v2").vcpus
    2

    Raises
    ------
    ComputeTargetException
        For an unknown name, with the closest names and ``resources=`` as the way out.
    """
    known = vm_sizes()
    found = known.get(str(name).upper())
    if found is not None:
        return found
    close = difflib.get_close_matches(str(name).upper(), known, n=4, cutoff=0.6)
    hint = f"did you mean {', '.join(known[c].name for c in close)}? " if close else ""
    raise ComputeTargetException(
        f"vm_size={name!r} is unknown; {hint}For any other machine say what it has: "
        "resources={'CPU': 4, 'memory_gib': 16}"
    )


def counterpart(size: VmSize, provider: str) -> VmSize:
    """Return the smallest machine of ``provider`` with at least what ``size`` has.

    A size of that provider is its own counterpart. Machines with the same model of GPU are
    preferred.

    Raises
    ------
    ComputeTargetException
        When that cloud has none in the table.
    """
    if provider not in _CLOUDS or size.provider == provider:
        return size
    fitting = [
        other
        for other in vm_sizes().values()
        if other.provider == provider
        and other.vcpus >= size.vcpus
        and other.memory_gib >= _MEMORY_SHARE * size.memory_gib
        and (other.gpus >= size.gpus if size.gpus else not other.gpus)
    ]
    if not fitting:
        raise ComputeTargetException(
            f"vm_size={size.name!r}: {provider} has no counterpart of {size.vcpus} vCPUs, "
            f"{size.memory_gib:g} GiB and {size.gpus} GPUs; name one of its own"
        )
    return min(fitting, key=lambda o: (o.gpu != size.gpu, o.gpus, o.vcpus, o.memory_gib, o.name))
