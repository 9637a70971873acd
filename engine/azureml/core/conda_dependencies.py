"""`CondaDependencies` by the argument order and methods of SDK v1."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import yaml

from cluster.provisioning import run_configuration

#: Requirements that name a place instead of a package.
_PLACES = re.compile(r"^(git\+|https?://|\.{0,2}/)")


class CondaDependencies(run_configuration.CondaDependencies):
    """Packages from pip and conda.

    Parameters
    ----------
    conda_dependencies_file_path:
        A conda environment file to read.

    Examples
    --------
    >>> packages = CondaDependencies.create(
    ...     pip_packages=["azureml-sdk[automl]"], conda_packages=["numpy"], pin_sdk_version=False
    ... )
    >>> packages.pip_packages, packages.conda_packages
    (['azureml-sdk[automl]'], ['numpy'])
    """

    def __init__(
        self, conda_dependencies_file_path: str | Path | None = None, **more: object
    ) -> None:
        super().__init__()
        self._options: list[str] = []
        self._python = ""
        if conda_dependencies_file_path is not None:
            self.__dict__.update(self.load(conda_dependencies_file_path).__dict__)

    @classmethod
    def create(  # type: ignore[override]
        cls,
        pip_indexurl: str | None = None,
        pip_packages: Sequence[str] | None = None,
        conda_packages: Sequence[str] | None = None,
        python_version: str | None = None,
        pin_sdk_version: bool = True,
    ) -> Self:
        """Return dependencies with these packages.

        Parameters
        ----------
        pip_indexurl:
            Not used, with a warning: pip's own configuration names its index.
        python_version:
            Written to files; the nodes' interpreter is the one that there is.
        pin_sdk_version:
            Without effect: the retired service's packages are left out.

        Raises
        ------
        ComputeTargetException
            For a text that is not a package's name.
        """
        made = cls()
        for package in _as_list(pip_packages):
            made.add_pip_package(package)
        for package in _as_list(conda_packages):
            made.add_conda_package(package)
        if pip_indexurl is not None:
            made.set_pip_index_url(pip_indexurl)
        if python_version is not None:
            made.set_python_version(python_version)
        return made

    @property
    def conda_channels(self) -> list[str]:
        """The conda channels."""
        return list(self._channels)

    @property
    def pip_options(self) -> list[str]:
        """The options of pip that were given; they are not used."""
        return list(self._options)

    def add_pip_package(self, pip_package: str, pin_sdk_version: bool = True) -> None:
        """Add a pip package, or replace its version."""
        if isinstance(pip_package, str) and pip_package.strip().startswith("-"):
            self.set_pip_option(pip_package)
        elif isinstance(pip_package, str) and _PLACES.match(pip_package):
            self._pip = [*(p for p in self._pip if p != pip_package), pip_package]
        else:
            super().add_pip_package(pip_package)

    def remove_pip_package(self, pip_package: str) -> None:
        """Leave out a pip package, whatever its version."""
        self._pip = [p for p in self._pip if _plain(p) != _plain(pip_package)]

    def remove_conda_package(self, conda_package: str) -> None:
        """Leave out a conda package, whatever its version."""
        self._conda = [p for p in self._conda if _plain(p) != _plain(conda_package)]

    def remove_channel(self, channel: str) -> None:
        """Leave out a conda channel."""
        self._channels = [c for c in self._channels if c != channel]

    def set_pip_option(self, pip_option: str) -> None:
        """Keep an option of pip, which is not used, with a warning."""
        self._options.append(pip_option)
        warnings.warn(
            f"{pip_option!r} is not used: set pip's options in its own configuration", stacklevel=3
        )

    def set_pip_index_url(self, index_url: str) -> None:
        """Keep the address of an index, which is not used, with a warning."""
        self.set_pip_option(f"--index-url {index_url}")

    def set_pip_requirements(self, pip_requirements: Sequence[str]) -> None:
        """Replace all pip packages."""
        self._pip = []
        for package in pip_requirements:
            self.add_pip_package(package)

    def set_python_version(self, version: str) -> None:
        """Keep a version of Python, for files."""
        self._python = version

    def get_python_version(self) -> str:
        """Return the version given to `set_python_version`; empty when there is none."""
        return self._python

    def as_dict(self) -> dict[str, Any]:
        """Return the content of conda's environment file."""
        return self.to_dict()

    def to_dict(self) -> dict[str, Any]:
        """Return the content of conda's environment file."""
        content = super().to_dict()
        if self._python:
            content["dependencies"] = [f"python={self._python}", *content["dependencies"]]
        return content

    def serialize_to_string(self) -> str:
        """Return the text of conda's environment file."""
        return yaml.safe_dump(self.to_dict(), sort_keys=False)

    def save_to_file(self, base_directory: str | Path, conda_file_path: str | None = None) -> str:
        """Write conda's environment file into a folder and return its name."""
        name = conda_file_path or "conda_dependencies.yml"
        self.save(Path(base_directory) / name)
        return name

    def save(self, path: str | Path | None = None) -> str:
        """Write conda's environment file and return its path."""
        return super().save(path or "conda_dependencies.yml")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read conda's environment file.

        Raises
        ------
        ComputeTargetException
            When the file cannot be read or is not an environment file.
        """
        found = super().load(path)
        pins = [p for p in found._conda if _plain(p) == "python"]
        if pins:
            found._conda = [p for p in found._conda if p not in pins]
            found._python = pins[-1].partition("=")[2].lstrip("=")
        return found


def _as_list(packages: Sequence[str] | None) -> Sequence[str]:
    return [packages] if isinstance(packages, str) else packages or ()


def _plain(package: str) -> str:
    match = re.match(r"[A-Za-z0-9._-]+", package)
    return re.sub(r"[-_.]+", "-", match.group() if match else package).lower()
