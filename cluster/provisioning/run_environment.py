"""What a run gets of the environment that its configuration asks for."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from cluster.errors import ComputeTargetException


@dataclass(frozen=True)
class RunEnvironment:
    """The environment of a run at a compute target.

    Attributes
    ----------
    runtime_env:
        Ray's ``runtime_env``.
    notes:
        Warnings for the user about what was left out, one sentence each.
    """

    runtime_env: Mapping[str, Any]
    notes: tuple[str, ...] = ()


def without_satisfied(runtime_env: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``runtime_env`` without the packages that this interpreter has.

    It is for clusters whose nodes run this interpreter. Ray would copy the whole environment for
    each node, minutes and gigabytes, only for pip to find nothing to install.
    """
    result = dict(runtime_env)
    for installer in ("pip", "uv"):
        packages = result.get(installer)
        if packages and all(is_satisfied(package) for package in packages):
            del result[installer]
    return result


def is_satisfied(package: str) -> bool:
    """Whether this interpreter has a package in a version that fits.

    Examples
    --------
    >>> is_satisfied("numpy>=1"), is_satisfied("numpy<1"), is_satisfied("no-such-package")
    (True, False, False)
    """
    try:
        requirement = Requirement(package)
        if requirement.url or requirement.extras:
            return False
        installed = version(requirement.name)
    except (InvalidRequirement, PackageNotFoundError):
        return False
    return requirement.specifier.contains(installed, prereleases=True)


def checked_here(runtime_env: Mapping[str, Any]) -> dict[str, Any]:
    """Return a ``runtime_env`` for nodes of this machine as it is.

    Raises
    ------
    ComputeTargetException
        When it has conda packages and this machine has no conda.
    """
    conda = runtime_env.get("conda")
    if conda and shutil.which("conda") is None:
        packages = conda.get("dependencies", []) if isinstance(conda, Mapping) else [conda]
        named = ", ".join(str(p) for p in packages if isinstance(p, str) and p != "pip")
        raise ComputeTargetException(
            f"conda packages {named}: this machine has no command conda; name them as pip_packages "
            "where pip has them, or install conda"
        )
    return dict(runtime_env)
