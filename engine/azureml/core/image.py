"""`Image` and `ContainerImage`: a scoring script and its models, kept together for a service.

No container image is built: services run in the environment of their Ray cluster.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.azureml.core.model import Model, script_files


class ContainerImageConfig:
    """A scoring script and the files that go along, as ``image_configuration()`` returns it."""

    def __init__(self, script: str, dependencies: Sequence[str]) -> None:
        self.execution_script = script
        self.dependencies = list(dependencies)

    def sources(self) -> tuple[str, dict[str, bytes]]:
        """Return the script's path and path -> content of all files that go along."""
        return script_files(self.execution_script, None, self.dependencies)


class Image:
    """A scoring script and its models.

    `create` makes one.
    """

    #: The state: it is made at once.
    creation_state = "Succeeded"
    image_build_log_uri: str | None = None
    image_location: str | None = None
    version = 1

    def __init__(
        self, workspace: Any, name: str, models: Sequence[Model], config: ContainerImageConfig
    ) -> None:
        self.workspace = workspace
        self.name = name
        self.id = f"{name}:{self.version}"
        self.models = list(models)
        self._sources = config.sources()

    def __repr__(self) -> str:
        return f"{type(self).__name__}(workspace={self.workspace!r}, name={self.name})"

    @staticmethod
    def create(
        workspace: Any, name: str, models: Sequence[Model], image_config: ContainerImageConfig
    ) -> ContainerImage:
        """Put a scoring script and its models together.

        Raises
        ------
        ConfigException
            When there is no such script.
        """
        return ContainerImage(workspace, name, models, image_config)

    def wait_for_creation(self, show_output: bool = False) -> None:
        """Return at once."""
        if show_output:
            print(f"{self.name}: {self.creation_state}", flush=True)

    def sources(self) -> tuple[str, dict[str, bytes]]:
        """Return the script's path and path -> content of all files that go along."""
        return self._sources

    def delete(self) -> None:
        """Do nothing: an image lives as long as its object."""


class ContainerImage(Image):
    """A scoring script and its models."""

    @staticmethod
    def image_configuration(
        execution_script: str,
        runtime: object = "python",
        conda_file: object = None,
        docker_file: object = None,
        schema_file: object = None,
        dependencies: Sequence[str] | None = None,
        enable_gpu: object = None,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        **ignored: object,
    ) -> ContainerImageConfig:
        """Return a scoring script and the files that go along; the rest has no meaning here."""
        return ContainerImageConfig(execution_script, dependencies or ())
