"""The environment of a remote run: packages, a container image, environment variables."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import yaml

from cluster.errors import ComputeTargetException

#: The image that Ray publishes; scripts of the retired service name one of its own.
DEFAULT_CPU_IMAGE = "rayproject/ray:latest"
DEFAULT_GPU_IMAGE = "rayproject/ray:latest-gpu"

_IMAGES_OF_NO_USE = re.compile(r"^mcr\.microsoft\.com/azureml|^azureml/")
_PACKAGE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._-]*")


class CondaDependencies:
    """Packages from pip and conda, made by `create` or `load`.

    Pip packages are requirement specifiers (``numpy>=2``).

    Examples
    --------
    >>> packages = CondaDependencies.create(pip_packages=["numpy>=2"], conda_packages=["git"])
    >>> packages.add_pip_package("pandas")
    >>> packages.pip_packages, packages.conda_packages
    (['numpy>=2', 'pandas'], ['git'])

    """

    def __init__(self) -> None:
        self._pip: list[str] = []
        self._conda: list[str] = []
        self._channels = ["conda-forge"]

    def __repr__(self) -> str:
        return f"CondaDependencies(pip={self._pip}, conda={self._conda})"

    @classmethod
    def create(
        cls,
        pip_packages: Sequence[str] | None = None,
        conda_packages: Sequence[str] | None = None,
    ) -> Self:
        """Return dependencies with these packages.

        Raises
        ------
        ComputeTargetException
            For a text that is not a package's name.
        """
        dependencies = cls()
        for package in _listed("pip_packages", pip_packages):
            dependencies.add_pip_package(package)
        for package in _listed("conda_packages", conda_packages):
            dependencies.add_conda_package(package)
        return dependencies

    @property
    def pip_packages(self) -> list[str]:
        """The pip requirements, in the order in which they were added."""
        return list(self._pip)

    @property
    def conda_packages(self) -> list[str]:
        """The conda packages, in the order in which they were added."""
        return list(self._conda)

    def add_pip_package(self, pip_package: str) -> None:
        """Add a pip package, or replace its version."""
        self._pip = _added(self._pip, pip_package)

    def add_conda_package(self, conda_package: str) -> None:
        """Add a conda package, or replace its version."""
        self._conda = _added(self._conda, conda_package)

    def add_channel(self, channel: str) -> None:
        """Add a conda channel, once."""
        if channel not in self._channels:
            self._channels.append(channel)

    def to_dict(self) -> dict[str, Any]:
        """Return the content of conda's environment file."""
        packages: list[Any] = list(self._conda)
        if self._pip:
            packages += [*([] if _has(packages, "pip") else ["pip"]), {"pip": list(self._pip)}]
        return {"channels": list(self._channels), "dependencies": packages}

    def save(self, path: str | Path = "environment.yml") -> str:
        """Write conda's environment file and return its path."""
        Path(path).write_text(yaml.safe_dump(self.to_dict(), sort_keys=False), encoding="utf-8")
        return str(path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read conda's environment file.

        Raises
        ------
        ComputeTargetException
            When the file cannot be read or is not an environment file.
        """
        try:
            content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
            dependencies = cls()
            dependencies._channels = [str(c) for c in content.get("channels") or ["conda-forge"]]
            for entry in content.get("dependencies") or []:
                if isinstance(entry, Mapping):
                    for package in entry.get("pip") or []:
                        dependencies.add_pip_package(package)
                elif entry != "pip":
                    dependencies.add_conda_package(entry)
        except (OSError, yaml.YAMLError, AttributeError, TypeError) as error:
            raise ComputeTargetException(
                f"{path} is no conda environment file: {type(error).__name__}: {error}"
            ) from error
        return dependencies


class KnownAttributes:
    """Refuses to be given attributes that it does not have: they would be without effect."""

    def known_attributes(self) -> list[str]:
        """Return the names of the attributes that may be set."""
        names = {name for kind in type(self).__mro__ for name in inspect.get_annotations(kind)}
        return sorted(name for name in names if not name.startswith("_"))

    def __setattr__(self, name: str, value: object) -> None:
        if not name.startswith("_") and name not in self.known_attributes():
            raise ComputeTargetException(
                f"{type(self).__name__} has no attribute {name!r}; it has "
                f"{', '.join(self.known_attributes())}"
            )
        super().__setattr__(name, value)


@dataclass
class DockerSection(KnownAttributes):
    """With ``enabled``, runs happen in ``base_image``, a container image with Ray and raysmith."""

    enabled: bool = False
    base_image: str | None = None


@dataclass
class PythonSection(KnownAttributes):
    """Packages, and the ``installer`` of those from pip: ``pip`` or ``uv``."""

    conda_dependencies: CondaDependencies | None = None
    installer: str = "pip"


@dataclass
class Environment(KnownAttributes):
    """The parts of a `RunConfiguration`'s environment."""

    docker: DockerSection = field(default_factory=DockerSection)
    python: PythonSection = field(default_factory=PythonSection)
    environment_variables: dict[str, str] = field(default_factory=dict, repr=False)


class RunConfiguration(KnownAttributes):
    """The target of a run and the environment of its driver and trials.

    Attributes
    ----------
    target:
        A compute target or its name; ``AutoMLConfig(compute_target=...)`` has precedence.
    environment:
        ``.docker``, ``.python.conda_dependencies``, ``.environment_variables``. What it names
        becomes Ray's ``runtime_env``, installed on each node once and kept there.

    Raises
    ------
    ComputeTargetException
        For another framework than Python, and for any other attribute that is set.
    """

    framework: str
    target: object
    environment: Environment

    def __init__(self, framework: str = "python") -> None:
        if framework not in ("python", "Python"):
            raise ComputeTargetException(f"framework={framework!r}: allowed is 'python'")
        self.framework = "python"
        self.target = None
        self.environment = Environment()

    def __repr__(self) -> str:
        try:
            shown = self.to_runtime_env()
        except ComputeTargetException as error:
            return f"RunConfiguration(target={self.target!r}, {error})"
        if "env_vars" in shown:
            shown["env_vars"] = dict.fromkeys(shown["env_vars"], "***")
        return f"RunConfiguration(target={self.target!r}, runtime_env={shown!r})"

    def to_runtime_env(self) -> dict[str, Any]:
        """Return Ray's ``runtime_env``: pip or uv, conda, ``image_uri``, ``env_vars``.

        Raises
        ------
        ComputeTargetException
            For parts of the wrong type, and for a container image together with packages, which
            Ray cannot combine.
        """
        result: dict[str, Any] = {}
        variables = self.environment.environment_variables
        if not isinstance(variables, Mapping):
            raise ComputeTargetException(
                f"environment_variables of type {type(variables).__name__}: allowed is a dict of "
                "texts"
            )
        if variables:
            result["env_vars"] = {str(key): str(value) for key, value in variables.items()}
        dependencies = self.environment.python.conda_dependencies
        if dependencies is not None and not isinstance(dependencies, CondaDependencies):
            raise ComputeTargetException(
                f"conda_dependencies={dependencies!r}: expected a CondaDependencies"
            )
        if dependencies is not None and dependencies.conda_packages:
            result["conda"] = dependencies.to_dict()
        elif dependencies is not None and dependencies.pip_packages:
            installer = self.environment.python.installer
            if installer not in ("pip", "uv"):
                raise ComputeTargetException(f"installer={installer!r}: allowed is 'pip' or 'uv'")
            result[installer] = dependencies.pip_packages
        image = self.environment.docker.base_image
        if self.environment.docker.enabled and self._is_own(image):
            if set(result) & {"pip", "uv", "conda"}:
                raise ComputeTargetException(
                    f"base_image={image!r} and packages: Ray takes one of them; put the packages "
                    "into the image"
                )
            result["image_uri"] = image
        return result

    @staticmethod
    def _is_own(image: str | None) -> bool:
        """Whether the image was chosen by the user, not a default or the retired service's own."""
        defaults = (None, "", DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE)
        return image not in defaults and not _IMAGES_OF_NO_USE.match(str(image))


def _listed(name: str, value: object) -> Sequence[str]:
    if value is None:
        return ()
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise ComputeTargetException(f"{name}={value!r}: allowed is a list of packages")
    return value


def _added(packages: list[str], package: object) -> list[str]:
    if not isinstance(package, str) or _PACKAGE.match(package) is None:
        raise ComputeTargetException(
            f"package {package!r}: expected a requirement such as 'numpy>=2'"
        )
    name = _plain(package)
    return [*(p for p in packages if _plain(p) != name), package]


def _plain(package: str) -> str:
    match = _PACKAGE.match(package)
    return re.sub(r"[-_.]+", "-", match.group() if match else package).lower()


def _has(packages: Sequence[str], name: str) -> bool:
    return any(_plain(package) == name for package in packages)
