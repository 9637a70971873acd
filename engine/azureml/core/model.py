"""`Model`: a version of a registered model, its files, and the services that use it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine import azureml
from engine.azureml.exceptions import WebserviceException
from engine.azureml.unavailable import NotAvailable
from engine.errors import ConfigException, RunException
from engine.serving.served_script import MODELS_VARIABLE
from engine.store.files import MODEL_FILE
from engine.store.packing import unpack_pickle

_FOLDER = "models"
_PICKLE = "model.pkl"


class Model:
    """A version of a registered model.

    Parameters
    ----------
    workspace : Workspace
        The workspace whose registry holds it.
    name : str
        Name of the model.
    id : str
        ``name:version``, instead of both.
    version : int
        Number of the version; default: the latest.
    tags, properties, run_id, model_framework : object
        Without a meaning here.

    Attributes
    ----------
    name, version, id, description, tags, created_time
        Of the version; ``id`` is ``name:version``.

    Raises
    ------
    WebserviceException
        When there is no such model.
    """

    def __init__(
        self,
        workspace: Any,
        name: str | None = None,
        id: str | None = None,
        tags: object = None,
        properties: object = None,
        version: int | str | None = None,
        run_id: object = None,
        model_framework: object = None,
        **ignored: object,
    ) -> None:
        if id is not None:
            name, _, number = id.partition(":")
            version = number or version
        if not name:
            raise ConfigException(["name: give the name of a registered model, or its id"])
        self.workspace = workspace
        try:
            found = workspace.store.model_version(name, None if version is None else str(version))
        except RunException as error:
            raise WebserviceException(str(error)) from error
        self._found = found
        self.name = str(found.name)
        self.version = int(found.version)
        self.id = f"{self.name}:{self.version}"
        self.description = found.description
        self.tags = dict(found.tags)
        self.properties = dict(found.tags)
        self.created_time = found.creation_timestamp
        self.run_id = found.run_id or None

    def __repr__(self) -> str:
        return (
            f"Model(workspace={self.workspace!r}, name={self.name}, id={self.id}, "
            f"version={self.version}, tags={self.tags}, properties={self.properties})"
        )

    @staticmethod
    def register(
        workspace: Any,
        model_path: str,
        model_name: str,
        tags: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None,
        description: str | None = None,
        **ignored: object,
    ) -> Model:
        """Register a file or folder of this machine as a new version of a model.

        Parameters
        ----------
        model_path:
            The file or folder; it is copied into the workspace.
        model_name:
            Name of the model.
        tags, properties, description:
            Of the version.

        Raises
        ------
        ConfigException
            When there is no such file.
        """
        source = Path(model_path)
        if not source.exists():
            raise ConfigException([f"model_path={model_path!r}: there is no such file or folder"])
        place = Path(workspace.folder) / _FOLDER / uuid.uuid4().hex
        place.mkdir(parents=True)
        if source.is_dir():
            shutil.copytree(source, place / source.name)
        else:
            shutil.copy2(source, place / source.name)
        texts = {str(k): str(v) for k, v in {**(properties or {}), **(tags or {})}.items()}
        version = workspace.store.register_files(model_name, place, description, texts)
        return Model(workspace, name=model_name, version=version.version)

    @staticmethod
    def list(
        workspace: Any, name: str | None = None, tags: object = None, **ignored: object
    ) -> list[Model]:
        """Return the latest version of each registered model, or of the one of a name."""
        names = [name] if name is not None else list(workspace.store.registered_models())
        return [Model(workspace, name=one) for one in names]

    @staticmethod
    def get_model_path(model_name: str, version: int | None = None, _workspace: Any = None) -> str:
        """Return the path of a model's file, or of its folder when it has several.

        In a service it is among the service's models. Elsewhere it is copied to
        ``azureml-models/name/version`` below the working directory.

        Raises
        ------
        WebserviceException
            When there is no such model.
        """
        name, _, number = model_name.partition(":")
        number = number or ("" if version is None else str(version))
        served = os.environ.get(MODELS_VARIABLE)
        if served is not None:
            return str(_only_file(_served(Path(served), name, number)))
        workspace = _workspace or azureml.core.Workspace.from_config()
        model = Model(workspace, name=name, version=number or None)
        folder = Path("azureml-models", model.name, str(model.version))
        return model.download(str(folder), exist_ok=True)

    def download(
        self, target_dir: str = ".", exist_ok: bool = False, exists_ok: bool | None = None
    ) -> str:
        """Copy the files of the model; return the path of the file or folder.

        Raises
        ------
        ConfigException
            When a file is there already and ``exist_ok`` is not set.
        """
        folder = Path(target_dir)
        for name, content in self.files().items():
            path = folder / name
            if path.exists() and not (exist_ok or exists_ok):
                raise ConfigException([f"{path} is there already; give exist_ok=True"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return str(folder / next(iter(sorted({Path(name).parts[0] for name in self.files()}))))

    def files(self) -> dict[str, bytes]:
        """Return path -> content of the model's files; ``model.pkl`` for the model of a run."""
        if self.run_id is not None:
            packed = self.workspace.store.read_verified(self.run_id, MODEL_FILE)
            return {_PICKLE: unpack_pickle(packed)}
        folder = self.workspace.store.files_of_model(self._found)
        return {
            str(file.relative_to(folder)): file.read_bytes()
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }

    def delete(self) -> None:
        """Take the version from the registry."""
        self.workspace.store.delete_model_version(self.name, str(self.version))

    def serialize(self) -> dict[str, Any]:
        """Return plain values: id, name, version, description, tags."""
        return {
            "id": self.id,
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "tags": self.tags,
            "properties": self.properties,
            "createdTime": self.created_time,
        }

    @staticmethod
    def deploy(
        workspace: Any,
        name: str,
        models: Sequence[Model],
        inference_config: InferenceConfig | None = None,
        deployment_config: Any = None,
        deployment_target: Any = None,
        overwrite: bool = False,
        show_output: bool = False,
        **ignored: object,
    ) -> Any:
        """Serve models, with a scoring script or without; return the `Webservice`.

        Parameters
        ----------
        inference_config:
            The scoring script; default: the model of a run predicts by itself.
        deployment_config:
            What ``AciWebservice.deploy_configuration()`` and its like return.
        deployment_target:
            A compute target; default: this machine, with whose process the service ends.
        overwrite:
            Replace a service of that name.
        show_output:
            Print the state.
        """
        script = None if inference_config is None else inference_config.sources()
        return azureml.core.Webservice.serve(
            workspace, name, models, script, deployment_config, deployment_target, overwrite,
            show_output,
        )  # fmt: skip

    @staticmethod
    def package(*arguments: object, **named: object) -> Any:
        """Refuse: there are no images here."""
        raise NotAvailable(
            "Model.package() is not available: deploy(), or build an image from an exported model "
            "with `mlflow models build-docker`"
        )


class InferenceConfig:
    """The scoring script of a service, and the files that it needs.

    Parameters
    ----------
    entry_script : str
        The script, with ``init()`` and ``run(data)``; below ``source_directory`` if that is given.
    source_directory : str
        Folder that goes along with the script.
    environment, runtime, conda_file, extra_docker_file_steps, description : object
        Without a meaning here: a service runs in the environment of its Ray cluster.
    """

    def __init__(
        self,
        entry_script: str,
        runtime: object = None,
        conda_file: object = None,
        extra_docker_file_steps: object = None,
        source_directory: str | None = None,
        enable_gpu: object = None,
        description: object = None,
        base_image: object = None,
        base_image_registry: object = None,
        cuda_version: object = None,
        environment: object = None,
        **ignored: object,
    ) -> None:
        self.entry_script = entry_script
        self.source_directory = source_directory
        self.environment = environment

    def sources(self) -> tuple[str, dict[str, bytes]]:
        """Return the script's path and path -> content of all files that go along."""
        return script_files(self.entry_script, self.source_directory)


def script_files(
    script: str, folder: str | None = None, more: Sequence[str] = ()
) -> tuple[str, dict[str, bytes]]:
    """Return a script's path and the files of its folder, or those that are named.

    Raises
    ------
    ConfigException
        When there is no such script.
    """
    base = Path(folder) if folder is not None else Path(script).parent
    path = base / script if folder is not None else Path(script)
    if not path.is_file():
        raise ConfigException([f"entry_script={script!r}: there is no such file in {base}"])
    if folder is None:
        found = {path.name: path.read_bytes()}
        found |= {Path(name).name: Path(name).read_bytes() for name in more}
        return path.name, found
    hidden = (f for f in sorted(base.rglob("*")) if f.is_file())
    kept = [f for f in hidden if not any(p.startswith((".", "__")) for p in f.parts)]
    return script, {str(file.relative_to(base)): file.read_bytes() for file in kept}


def _served(models: Path, name: str, number: str) -> Path:
    versions = sorted((models / name).glob(number or "*"), key=lambda folder: int(folder.name))
    if not versions:
        found = sorted(f"{path.parent.name}:{path.name}" for path in models.glob("*/*"))
        known = ", ".join(found) or "none"
        raise WebserviceException(f"the service has no model {name!r}; it has {known}")
    return versions[-1]


def _only_file(folder: Path) -> Path:
    """Return the one entry of a folder, or the folder when it has several."""
    entries = list(folder.iterdir())
    return entries[0] if len(entries) == 1 else folder
