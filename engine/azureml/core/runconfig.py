"""`RunConfiguration` and its parts, by the attributes of SDK v1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from cluster.errors import ComputeTargetException
from cluster.provisioning import run_configuration
from cluster.provisioning.run_configuration import DEFAULT_CPU_IMAGE, DEFAULT_GPU_IMAGE
from engine.azureml.core.conda_dependencies import CondaDependencies
from engine.azureml.core.environment import (
    DockerSection,
    Environment,
    PythonSection,
    warn_without_effect,
)
from engine.azureml.data.data_reference import DataReference
from engine.azureml.unavailable import SPARK, NotAvailable
from engine.client.datastores import Datastore

__all__ = [
    "DEFAULT_CPU_IMAGE",
    "DEFAULT_GPU_IMAGE",
    "CondaDependencies",
    "DataReferenceConfiguration",
    "DockerConfiguration",
    "DockerEnvironment",
    "DockerSection",
    "EnvironmentDefinition",
    "MpiConfiguration",
    "PyTorchConfiguration",
    "PythonEnvironment",
    "PythonSection",
    "RunConfiguration",
    "TensorflowConfiguration",
]

EnvironmentDefinition = Environment
DockerEnvironment = DockerSection
PythonEnvironment = PythonSection

MPI_CPU_IMAGE = DEFAULT_CPU_IMAGE
MPI_GPU_IMAGE = DEFAULT_GPU_IMAGE

_UNAVAILABLE = {
    "spark": SPARK,
    "data": "read the data in get_data(), or give AutoMLConfig the table",
    "output_data": "write files where the script runs; AutoMLConfig keeps models and metrics",
}
#: Attributes that were of use on the service only: with another value than this they warn.
_WITHOUT_EFFECT: Mapping[str, Any] = {
    "auto_prepare_environment": True,
    "prepare_environment": True,
    "history": None,
    "node_count": 1,
    "max_run_duration_seconds": None,
    "communicator": "None",
    "priority": None,
    "source_directory_data_store": None,
    "credential_passthrough": False,
    "script": None,
    "arguments": [],
    "command": "",
}


@dataclass
class DataReferenceConfiguration:
    """Files of a datastore that a run is to have on its node.

    Attributes
    ----------
    datastore_name:
        Name of the datastore in the workspace of the run's target.
    mode:
        ``mount`` or ``download``: both give a copy.
    path_on_datastore:
        File or folder in it; default: all.
    path_on_compute:
        Folder on the node, in which files keep their paths; default: the files of a folder stay
        where they are, those of a URI are copied to ``downloads`` in the workspace's folder.
    overwrite:
        Whether files that are there already are replaced.
    """

    datastore_name: str | None = None
    mode: str = "mount"
    path_on_datastore: str | None = None
    path_on_compute: str | None = None
    overwrite: bool = False


@dataclass
class DockerConfiguration:
    """Whether runs happen in the environment's image."""

    use_docker: bool = False
    shared_volumes: bool = True
    arguments: list[str] = field(default_factory=list)
    shm_size: str | None = None


@dataclass
class MpiConfiguration:
    """Processes of a distributed script; accepted, and without effect."""

    process_count_per_node: int = 1
    node_count: int = 1


PyTorchConfiguration = MpiConfiguration
TensorflowConfiguration = MpiConfiguration


class RunConfiguration(run_configuration.RunConfiguration):
    """The target of a run and the environment of its driver and trials.

    Attributes that SDK v1 does not have are refused. Those that were of use on the service only are
    accepted, with a warning. ``spark`` and ``data`` are refused.

    Attributes
    ----------
    target:
        A compute target or its name.
    environment:
        ``.docker``, ``.python.conda_dependencies``, ``.environment_variables``.
    data_references:
        Name -> `DataReferenceConfiguration` or `DataReference`. The files are copied to their
        ``path_on_compute`` when the configuration is used, on targets whose nodes are this machine;
        other targets refuse them.

    Examples
    --------
    >>> config = RunConfiguration(framework="python")
    >>> config.environment.docker.enabled = True
    >>> config.environment.docker.base_image = DEFAULT_CPU_IMAGE
    >>> config.to_runtime_env()
    {}
    >>> config.docker_enabled = True
    Traceback (most recent call last):
    ...
    cluster.errors.ComputeTargetException: RunConfiguration has no attribute 'docker_enabled'; ...
    """

    environment: Environment
    data_references: dict[str, Any]
    docker: DockerConfiguration | None
    auto_prepare_environment: bool
    prepare_environment: bool
    history: Any
    node_count: int
    max_run_duration_seconds: int | None
    communicator: str
    priority: Any
    source_directory_data_store: Any
    credential_passthrough: bool
    script: str | None
    arguments: list[Any]
    command: Any

    def __init__(
        self,
        script: str | None = None,
        arguments: Any = None,
        framework: str | None = None,
        communicator: str | None = None,
        conda_dependencies: CondaDependencies | None = None,
        **more: object,
    ) -> None:
        super().__init__("python" if framework is None else str(framework).lower())
        self.environment = Environment()
        if conda_dependencies is not None:
            self.environment.python.conda_dependencies = conda_dependencies
        self.data_references = {}
        self.docker = None
        for name, value in _WITHOUT_EFFECT.items():
            self.__dict__[name] = value
        for name, given in (("script", script), ("arguments", arguments)):
            if given is not None:
                setattr(self, name, given)
        if communicator is not None:
            self.communicator = communicator

    def __setattr__(self, name: str, value: object) -> None:
        if name in _UNAVAILABLE:
            raise NotAvailable(f"RunConfiguration.{name} is not available: {_UNAVAILABLE[name]}")
        warn_without_effect(self, name, value, _WITHOUT_EFFECT)
        super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"RunConfiguration(target={self.target!r})"

    def to_runtime_env(self) -> dict[str, Any]:
        """Return Ray's ``runtime_env``, after the files of `data_references` have been copied.

        Raises
        ------
        ComputeTargetException
            For parts of the wrong type, for a container image together with packages, and for data
            references where the nodes are other machines.
        """
        if self.docker is not None:
            self.environment.docker.enabled = self.docker.use_docker
        packages = self.environment.python.conda_dependencies
        try:
            if self.environment.python.user_managed_dependencies:
                self.environment.python.conda_dependencies = None
            result = super().to_runtime_env()
        finally:
            self.environment.python.conda_dependencies = packages
        places = self._place_data()
        if places:
            result["env_vars"] = {**places, **result.get("env_vars", {})}
        return result

    def _place_data(self) -> dict[str, str]:
        """Copy the files of `data_references`; return the variables that say where they are."""
        references = dict(self.data_references or {})
        if not references:
            return {}
        workspace = getattr(self.target, "workspace", None)
        workspace_class = import_module("engine.azureml.core.workspace").Workspace
        opened = workspace_class.from_config() if workspace is None else workspace
        target = self._target_in(opened)
        if not getattr(target, "runs_here", True):
            raise ComputeTargetException(
                f"data_references: the nodes of {self.target!r} are other machines; read the files "
                "in get_data() from a place that they reach, such as a datastore with a URI"
            )
        return {
            f"AZUREML_DATAREFERENCE_{name}": _placed(name, reference, opened)
            for name, reference in references.items()
        }

    def _target_in(self, workspace: Any) -> Any:
        if isinstance(self.target, str) and self.target != "local":
            return workspace.compute_target(self.target)
        return self.target


def _placed(name: str, reference: Any, workspace: Any) -> str:
    """Copy the files of one reference and return where they are."""
    if isinstance(reference, DataReference):
        datastore = reference.datastore
    elif isinstance(reference, DataReferenceConfiguration):
        known = import_module("engine.azureml.core.datastore").Datastore
        datastore = known.get(workspace, reference.datastore_name or name)
    else:
        raise ComputeTargetException(
            f"data_references[{name!r}]={reference!r}: expected a DataReferenceConfiguration or "
            "datastore.path(...)"
        )
    if reference.path_on_compute is None and datastore.is_local:
        return str(datastore.place(reference.path_on_datastore))
    folder = reference.path_on_compute or workspace.folder / "downloads" / datastore.name
    target = Path(folder).expanduser().absolute()
    Datastore.download(datastore, target, reference.path_on_datastore, reference.overwrite)
    inside = (reference.path_on_datastore or "").strip("/")
    return str(target / inside)
