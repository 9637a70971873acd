"""A registry of container images, as run configurations name it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class ContainerRegistry:
    """Address and user of a registry. Nodes sign in by themselves: the password is not used."""

    address: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
