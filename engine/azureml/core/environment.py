"""`Environment`: packages, image and variables under a name."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from cluster.provisioning import run_configuration
from engine.azureml.core.conda_dependencies import CondaDependencies
from engine.azureml.core.container_registry import ContainerRegistry
from engine.azureml.unavailable import NotAvailable
from engine.client.datasets import HasFolder
from engine.errors import WorkspaceException

_FILE = "azureml_environment.json"
#: Environments that the retired service had made ready.
_CURATED = "AzureML-"

#: Attributes that were of use on the service only: with another value than this they warn.
_DOCKER_WITHOUT_EFFECT: Mapping[str, Any] = {
    "arguments": [],
    "gpu_support": None,
    "platform": None,
    "shared_volumes": True,
    "shm_size": None,
    "use_docker": None,
}
_PYTHON_WITHOUT_EFFECT: Mapping[str, Any] = {
    "base_conda_environment": None,
    "conda_dependencies_file": None,
    "interpreter_path": "python",
}


@dataclass
class DockerSection(run_configuration.DockerSection):
    """The container of a run.

    Without effect, with a warning: ``arguments``, ``gpu_support``, ``platform``,
    ``shared_volumes``, ``shm_size``, ``use_docker``. ``base_dockerfile`` is refused.
    """

    arguments: list[str] = field(default_factory=list)
    gpu_support: bool | None = None
    platform: Any = None
    shared_volumes: bool = True
    shm_size: str | None = None
    use_docker: bool | None = None
    base_image_registry: ContainerRegistry = field(default_factory=ContainerRegistry)
    base_dockerfile: str | None = None

    def __setattr__(self, name: str, value: object) -> None:
        if name == "base_dockerfile" and value is not None:
            raise NotAvailable(
                "base_dockerfile is not available: build the image and name it as base_image"
            )
        warn_without_effect(self, name, value, _DOCKER_WITHOUT_EFFECT)
        super().__setattr__(name, value)


@dataclass
class PythonSection(run_configuration.PythonSection):
    """The packages of a run.

    ``user_managed_dependencies``: nothing is installed. Without effect, with a warning:
    ``interpreter_path``, ``conda_dependencies_file``, ``base_conda_environment``.
    """

    user_managed_dependencies: bool = False
    interpreter_path: str = "python"
    conda_dependencies_file: str | None = None
    base_conda_environment: str | None = None

    def __setattr__(self, name: str, value: object) -> None:
        warn_without_effect(self, name, value, _PYTHON_WITHOUT_EFFECT)
        super().__setattr__(name, value)


@dataclass
class Environment(run_configuration.Environment):
    """Packages, image and variables of a run or a service, under a name.

    Examples
    --------
    >>> env = Environment("mine")
    >>> env.python.conda_dependencies = CondaDependencies.create(pip_packages=["numpy"])
    >>> env.clone("other").python.conda_dependencies.pip_packages
    ['numpy']
    """

    name: str | None = None
    version: str | None = None
    docker: DockerSection = field(default_factory=DockerSection)
    python: PythonSection = field(default_factory=PythonSection)
    inferencing_stack_version: str | None = None

    def __init__(self, name: str | None = None, **more: object) -> None:
        self.name = name
        self.version = None
        self.docker = DockerSection()
        self.python = PythonSection(conda_dependencies=CondaDependencies())
        self.environment_variables = {}
        self.inferencing_stack_version = None

    def clone(self, new_name: str) -> Environment:
        """Return a copy under another name."""
        copy = deepcopy(self)
        copy.name, copy.version = new_name, None
        return copy

    def register(self, workspace: HasFolder) -> Environment:
        """Let the workspace remember the environment, as a new version when it has changed.

        Values of environment variables, which may be secrets, are not kept.

        Raises
        ------
        WorkspaceException
            When it has no name.
        """
        if not self.name:
            raise WorkspaceException("an environment needs a name before it is registered")
        folder = _folder(workspace, self.name)
        known = _versions(folder)
        content = self._content()
        if known and json.loads((folder / f"{known[-1]}.json").read_text("utf-8")) == content:
            return Environment.get(workspace, self.name)
        folder.mkdir(parents=True, exist_ok=True)
        version = (known[-1] if known else 0) + 1
        (folder / f"{version}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
        return Environment.get(workspace, self.name)

    @staticmethod
    def get(workspace: HasFolder, name: str, version: str | int | None = None) -> Environment:
        """Open a registered environment, the last version by default.

        An environment that the retired service had made ready is empty: raysmith's own packages
        are there.

        Raises
        ------
        WorkspaceException
            When there is no such environment or version.
        """
        folder = _folder(workspace, name)
        known = _versions(folder)
        if not known and name.startswith(_CURATED):
            return Environment(name)
        number = known[-1] if known and version is None else version
        if str(number) not in map(str, known):
            there = ", ".join(Environment.list(workspace)) or "none"
            raise WorkspaceException(
                f"there is no environment {name!r}, version {version}; there is {there}"
            )
        content = json.loads((folder / f"{number}.json").read_text(encoding="utf-8"))
        return Environment._of(content, str(number))

    @staticmethod
    def list(workspace: HasFolder) -> dict[str, Environment]:
        """Return name -> latest version of each registered environment."""
        found = (workspace.folder / "environments").glob("*/1.json")
        names = sorted(unquote(file.parent.name) for file in found)
        return {name: Environment.get(workspace, name) for name in names}

    @staticmethod
    def from_conda_specification(name: str, file_path: str | Path) -> Environment:
        """Return an environment of a conda environment file.

        Raises
        ------
        ComputeTargetException
            When the file cannot be read or is not an environment file.
        """
        made = Environment(name)
        made.python.conda_dependencies = CondaDependencies(file_path)
        return made

    @staticmethod
    def from_pip_requirements(name: str, file_path: str | Path) -> Environment:
        """Return an environment of pip's file of requirements."""
        lines = Path(file_path).read_text(encoding="utf-8").splitlines()
        wanted = [line.partition(" #")[0].strip() for line in lines]
        packages = [line for line in wanted if line and not line.startswith("#")]
        made = Environment(name)
        made.python.conda_dependencies = CondaDependencies.create(pip_packages=packages)
        return made

    @staticmethod
    def from_docker_image(name: str, image: str, **more: object) -> Environment:
        """Return an environment of a container image."""
        made = Environment(name)
        made.docker.enabled, made.docker.base_image = True, image
        return made

    def save_to_directory(self, path: str | Path, overwrite: bool = False) -> None:
        """Write the environment into a folder.

        Raises
        ------
        WorkspaceException
            When the folder is there already, unless ``overwrite``.
        """
        folder = Path(path)
        if folder.exists() and not overwrite:
            raise WorkspaceException(f"{folder} exists; give overwrite=True or another path")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _FILE).write_text(json.dumps(self._content(), indent=1), encoding="utf-8")

    @staticmethod
    def load_from_directory(path: str | Path) -> Environment:
        """Read the environment that `save_to_directory` has written.

        Raises
        ------
        WorkspaceException
            When there is none.
        """
        file = Path(path) / _FILE
        if not file.is_file():
            raise WorkspaceException(f"there is no {file}")
        return Environment._of(json.loads(file.read_text(encoding="utf-8")), None)

    def _content(self) -> dict[str, Any]:
        packages = self.python.conda_dependencies
        return {
            "name": self.name,
            "conda": None if packages is None else packages.to_dict(),
            "docker": {"enabled": self.docker.enabled, "base_image": self.docker.base_image},
            "environment_variables": sorted(self.environment_variables),
        }

    @staticmethod
    def _of(content: Mapping[str, Any], version: str | None) -> Environment:
        made = Environment(content["name"])
        made.version = version
        conda = content["conda"] or {}
        packages = CondaDependencies()
        for entry in conda.get("dependencies", ()):
            if isinstance(entry, Mapping):
                packages.set_pip_requirements(entry["pip"])
            elif entry.startswith("python="):
                packages.set_python_version(entry.partition("=")[2])
            elif entry != "pip":
                packages.add_conda_package(entry)
        made.python.conda_dependencies = packages
        made.docker.enabled = content["docker"]["enabled"]
        made.docker.base_image = content["docker"]["base_image"]
        return made


def warn_without_effect(
    owner: object, name: str, value: object, without_effect: Mapping[str, Any]
) -> None:
    """Warn when an attribute that has no effect here is given another value than it has."""
    if name in without_effect and hasattr(owner, name) and value != without_effect[name]:
        warnings.warn(f"{type(owner).__name__}.{name}={value!r} has no effect here", stacklevel=3)


def _folder(workspace: HasFolder, name: str) -> Path:
    folder = quote(name, safe=" ").replace(".", "%2E")
    return workspace.folder / "environments" / folder


def _versions(folder: Path) -> list[int]:
    return sorted(int(file.stem) for file in folder.glob("*.json") if file.stem.isdigit())
