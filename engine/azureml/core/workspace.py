"""`Workspace` by the constructor, methods and texts of SDK v1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from engine.azureml import core
from engine.azureml.core.keyvault import Keyvault
from engine.azureml.core.workspace_identity import (
    Identity,
    ServiceFile,
    nearest_service_file,
    nested_folder,
    read_identity,
    read_service_file,
    write_identity,
    write_service_file,
)
from engine.client import workspace as client
from engine.client.workspace_folder import CONFIG, FOLDER, upward
from engine.errors import WorkspaceException


class Workspace(client.Workspace):
    """A raysmith workspace with the texts of one of the retired service. No service is asked.

    The constructor opens the nearest workspace of that name, searched from the working directory
    upward, and makes one when there is none.

    Parameters
    ----------
    subscription_id, resource_group, workspace_name:
        Texts; the name is that of the workspace.
    auth:
        Accepted and not used, as the further parameters.
    sku:
        A text.
    tags:
        Texts by their names.

    Examples
    --------
    >>> import os, tempfile
    >>> before, folder = os.getcwd(), tempfile.TemporaryDirectory()
    >>> os.chdir(folder.name)
    >>> ws = Workspace("my-subscription", "my-group", "demo")
    new workspace 'demo' in ...; store: sqlite:///... (the default)
    >>> ws.name, ws.resource_group, ws.location, Workspace.from_config().name
    ('demo', 'my-group', 'local', 'demo')
    >>> os.chdir(before)
    >>> folder.cleanup()
    """

    def __init__(
        self,
        subscription_id: str,
        resource_group: str,
        workspace_name: str,
        auth: object = None,
        _location: str | None = None,
        _disable_service_check: bool = False,
        _workspace_id: str | None = None,
        sku: str = "basic",
        tags: Mapping[str, str] | None = None,
        _cloud: str = "AzureCloud",
    ) -> None:
        given = Identity(subscription_id, resource_group, workspace_name, _location, sku, tags)
        found = self._find(workspace_name) or self._make_named(workspace_name)
        # The parts that `Workspace.from_config` would set on a new object.
        self.__dict__.update(found.__dict__)
        self._identify(given)

    @classmethod
    def from_config(
        cls,
        path: str | Path | None = None,
        auth: object = None,
        _logger: object = None,
        _file_name: str | None = None,
    ) -> Self:
        """Open the nearest workspace, searched from ``path`` upward.

        A workspace is found by the retired service's ``config.json``, in a folder itself or in its
        ``.azureml`` or ``aml_config``: its store lies beside that file, in ``.raysmith``, and is
        made when it is not there. A folder with ``.raysmith`` alone is a workspace too. Without
        ``path`` one is made in the working directory when there is none.

        Parameters
        ----------
        path:
            A folder, or such a file.
        auth:
            Accepted and not used.
        _file_name:
            Another name for ``config.json``.

        Raises
        ------
        WorkspaceException
            When nothing is found at ``path`` or above it, or the file cannot be read.
        """
        start = Path.cwd() if path is None else Path(path).absolute()
        if start.is_file():
            service = read_service_file(start)
            return super().from_config(start) if service is None else cls._beside(service)
        found = nearest_service_file(start, _file_name or CONFIG)
        if found is not None:
            return cls._beside(found)
        if _file_name is not None:
            raise WorkspaceException(f"no {_file_name} at {start} or above it")
        return super().from_config(path)

    @classmethod
    def create(  # type: ignore[override]
        cls,
        name: str,
        auth: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        create_resource_group: bool = True,
        sku: str = "basic",
        tags: Mapping[str, str] | None = None,
        friendly_name: str | None = None,
        storage_account: object = None,
        key_vault: object = None,
        app_insights: object = None,
        container_registry: object = None,
        exist_ok: bool = False,
        show_output: bool = True,
        **more: object,
    ) -> Self:
        """Make a workspace in the working directory.

        Parameters
        ----------
        name:
            Its name.
        subscription_id, resource_group, location, sku, tags:
            Texts that the workspace shows.
        exist_ok:
            Return the workspace of that name when there is one.
        show_output:
            Print where it is.

        Raises
        ------
        WorkspaceException
            When there is one of that name already, unless ``exist_ok``.
        """
        if not isinstance(name, str) or not name.strip():
            raise WorkspaceException(f"name={name!r}: a workspace needs a non-empty name")
        found = cls._find(name)
        if found is not None and not exist_ok:
            raise WorkspaceException(
                f"there is a workspace {name!r} already, in {found.folder}; open it with "
                "Workspace.from_config(), or give exist_ok=True"
            )
        made = found or cls._make_named(name)
        made._identify(Identity(subscription_id, resource_group, name, location, sku, tags))
        if show_output:
            print(f"workspace {name!r} in {made.folder}")
        return made

    @classmethod
    def get(
        cls,
        name: str,
        auth: object = None,
        subscription_id: str | None = None,
        resource_group: str | None = None,
        location: str | None = None,
        cloud: str = "AzureCloud",
        id: str | None = None,
    ) -> Self:
        """Open the workspace of that name, as the constructor does."""
        made = cls._find(name) or cls._make_named(name)
        made._identify(Identity(subscription_id, resource_group, name, location))
        return made

    @classmethod
    def list(
        cls, subscription_id: str | None = None, auth: object = None, resource_group: object = None
    ) -> dict[str, Any]:
        """Return name -> list with the nearest workspace; empty when there is none."""
        for folder in upward(Path.cwd()):
            if (folder / FOLDER / CONFIG).is_file():
                found = cls.from_config(folder)
                return {found.name: [found]}
        return {}

    @property
    def subscription_id(self) -> str:
        """The subscription, a text: of the configuration file or as given to `create`."""
        return self._identity.subscription_id or "00000000-0000-0000-0000-000000000000"

    @property
    def resource_group(self) -> str:
        """The resource group, a text; ``local`` when none was given."""
        return self._identity.resource_group or "local"

    @property
    def location(self) -> str:
        """The region, a text; ``local`` when none was given."""
        return self._identity.location or "local"

    @property
    def sku(self) -> str:
        """The edition, a text."""
        return self._identity.sku or "basic"

    @property
    def tags(self) -> dict[str, str]:
        """The texts given to `create`."""
        return dict(self._identity.tags or {})

    def get_details(self) -> dict[str, Any]:
        """Return name, place and texts of the workspace, by the keys of SDK v1."""
        made = datetime.fromtimestamp((self.folder / CONFIG).stat().st_mtime, UTC)
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return {
            "id": f"{group}/providers/Microsoft.MachineLearningServices/workspaces/{self.name}",
            "name": self.name,
            "location": self.location,
            "type": "Microsoft.MachineLearningServices/workspaces",
            "tags": self.tags,
            "sku": self.sku,
            "workspaceid": self.name,
            "friendlyName": self.name,
            "description": "",
            "creationTime": made.isoformat(),
            "folder": str(self.folder),
        }

    def write_config(self, path: str | Path | None = None, file_name: str | None = None) -> None:
        """Write the file by which `from_config` finds this workspace.

        Parameters
        ----------
        path:
            Folder; default: the working directory. The file is in its folder ``.azureml``.
        file_name:
            Default: ``config.json``.
        """
        identity = Identity(self.subscription_id, self.resource_group, self.name)
        write_service_file(
            Path(path or Path.cwd()) / ".azureml" / (file_name or CONFIG), identity, self.folder
        )

    @classmethod
    def experiment_class(cls) -> Any:
        """Return the class of the workspace's experiments."""
        return core.Experiment

    def compute_target(self, name: str) -> Any:
        """Return the compute target of that name; ``local`` is this machine."""
        compute = import_module("engine.azureml.core.compute")
        return compute.LocalTarget() if name == "local" else compute.ComputeTarget(self, name)

    @property
    def datastores(self) -> Mapping[str, Any]:
        """Name -> `Datastore`, the default one included."""
        return core.Datastore.list(self)

    def get_default_datastore(self) -> Any:
        """Return the default `Datastore`: a folder of the workspace, unless another was set."""
        return core.Datastore.get_default(self)

    def set_default_datastore(self, name: str) -> None:
        """Make a registered datastore the default one."""
        core.Datastore.set_default(self, name)

    @property
    def datasets(self) -> Mapping[str, Any]:
        """Name -> the latest version of each registered data set."""
        return core.Dataset.get_all(self)

    @property
    def environments(self) -> Mapping[str, Any]:
        """Name -> the latest version of each registered `Environment`."""
        return core.Environment.list(self)

    @property
    def models(self) -> Mapping[str, Any]:
        """Name -> the latest version of each registered `Model`."""
        return {name: core.Model(self, name=name) for name in self.store.registered_models()}

    @property
    def webservices(self) -> Mapping[str, Any]:
        """Name -> `Webservice`."""
        return {service.name: service for service in core.Webservice.list(self)}

    def get_default_keyvault(self) -> Keyvault:
        """Return the secrets: the environment variables of this process."""
        return Keyvault()

    def get_mlflow_tracking_uri(self) -> str:
        """Return the MLflow tracking URI of the store."""
        return self.tracking_uri

    def get_run(self, run_id: str) -> Any:
        """Return a run of any experiment by its id."""
        return core.Run.get(self, run_id)

    def delete(self, delete_dependent_resources: bool = False, no_wait: bool = False) -> None:
        """Refuse to delete the store.

        Raises
        ------
        WorkspaceException
            Always: it names the folder.
        """
        raise WorkspaceException(
            f"a workspace is not deleted by a script; its files are in {self.folder}"
        )

    @property
    def _identity(self) -> Identity:
        """The texts: given to this object, else those that the folder keeps."""
        given = self.__dict__.get("_given", Identity())
        return given.over(read_identity(self.folder))

    def _identify(self, identity: Identity) -> None:
        """Let the workspace show these texts, and keep them with it."""
        self._given = identity
        self.name = identity.workspace_name or self.name
        write_identity(self.folder, self._identity)

    @classmethod
    def _beside(cls, service: ServiceFile) -> Self:
        """Open the workspace that a configuration file names, or make it beside the file."""
        folder = service.folder
        name = service.identity.workspace_name or "raysmith"
        config = folder / CONFIG
        opened = cls._read(config) if config.is_file() else cls._make(folder, name)
        opened._identify(service.identity)
        return opened

    @classmethod
    def _find(cls, name: str) -> Self | None:
        """Return the nearest workspace of that name."""
        for above in upward(Path.cwd()):
            service = nearest_service_file(above, CONFIG, only_here=True)
            if service is not None and service.identity.workspace_name == name:
                return cls._beside(service)
            config = above / FOLDER / CONFIG
            if not config.is_file():
                continue
            opened = cls._read(config)
            if name in (opened.name, opened._identity.workspace_name):
                return opened
            nested = nested_folder(above / FOLDER, name)
            if (nested / CONFIG).is_file():
                return cls._read(nested / CONFIG)
        return None

    @classmethod
    def _make_named(cls, name: str) -> Self:
        """Make a workspace in the working directory, beside the one of another name there."""
        folder = Path.cwd() / FOLDER
        if (folder / CONFIG).is_file():
            folder = nested_folder(folder, name)
            folder.parent.mkdir(exist_ok=True)
        return cls._make(folder, name)
