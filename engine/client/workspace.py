"""`Workspace`: where experiments, runs and models are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from cluster.private_files import make_private, write_private
from engine.client.connection import open_store
from engine.client.default_store import absolute, named_store
from engine.client.workspace_folder import (
    CONFIG,
    FOLDER,
    check_owner,
    check_path,
    find_config,
    is_of_retired_service,
)
from engine.errors import WorkspaceException
from engine.store.mlflow_store import RunStore
from engine.uris import hide_password

if TYPE_CHECKING:
    from engine.client.endpoints import Endpoint
    from engine.client.experiment import Experiment


class Workspace:
    """An MLflow store with a name. Get one from `from_config` or `create`.

    Attributes
    ----------
    name:
        The name given to `create`; the folder's name for the embedded default.
    tracking_uri:
        MLflow tracking URI of the store, for the MLflow UI and client.
    folder:
        Folder that holds ``config.json``.
    """

    def __init__(
        self, name: str, tracking_uri: str, artifact_location: str | None, folder: Path
    ) -> None:
        self.name = name
        self.tracking_uri = tracking_uri
        self.folder = folder
        self._artifact_location = artifact_location
        self._store: RunStore | None = None

    def __repr__(self) -> str:
        return f"Workspace({self.name!r}, folder={str(self.folder)!r})"

    @classmethod
    def from_config(cls, path: str | Path | None = None) -> Self:
        """Open the nearest workspace, searched from ``path`` upward.

        Without ``path`` the search starts in the working directory. It ends at the home folder and
        at the boundary of the file system. When it finds nothing, a workspace is made in
        ``./.raysmith``, which only its owner can read, and a printed line names its store: the one
        of the environment variable ``RAYSMITH_STORE``; else the one of ``MLFLOW_TRACKING_URI`` or
        ``mlflow.set_tracking_uri``; else an MLflow store on SQLite and an artifact folder in
        ``./.raysmith``. The variables do not change a workspace that exists.

        Parameters
        ----------
        path:
            A folder, or a workspace's ``config.json``.

        Raises
        ------
        WorkspaceException
            When there is no workspace at ``path`` or above it, a configuration cannot be read, the
            new workspace cannot be written, its store is not a database or a server, or the
            workspace that is found belongs to another user than you and root or can be written by
            others.
        """
        start = Path.cwd() if path is None else Path(path).absolute()
        config = start if start.is_file() else find_config(start)
        if config is not None:
            return cls._read(config)
        if path is not None:
            raise WorkspaceException(
                f"no workspace at {start} or above it; make one with Workspace.create(name)"
            )
        return cls._make(start / FOLDER, start.name or "raysmith")

    @classmethod
    def create(
        cls,
        name: str,
        tracking_uri: str | None = None,
        artifact_location: str | None = None,
        exist_ok: bool = False,
    ) -> Self:
        """Make ``./.raysmith`` for a tracking server or database.

        Parameters
        ----------
        name:
            Any non-empty text.
        tracking_uri:
            Any MLflow URI: ``sqlite:///...``, ``postgresql://...``, ``http://...``; default: SQLite
            in ``./.raysmith``, whatever the environment names. It is kept in a file that only its
            owner can read, as it may hold a password.
        artifact_location:
            Folder or URI for models and logs; default: ``./.raysmith/artifacts``. By default a
            tracking server decides for itself.
        exist_ok:
            Return the workspace that is already there, if it has the same name, instead of raising.

        Raises
        ------
        WorkspaceException
            When there is one already, or the folder cannot be written.
        """
        if not isinstance(name, str) or not name.strip():
            raise WorkspaceException(f"name={name!r}: a workspace needs a non-empty name")
        folder = Path.cwd() / FOLDER
        if (folder / CONFIG).is_file():
            existing = cls._read(folder / CONFIG)
            if exist_ok and existing.name == name:
                return existing
            raise WorkspaceException(
                f"{folder} already holds the workspace {existing.name!r}; open it with "
                "Workspace.from_config(), or give exist_ok=True and the same name"
            )
        return cls._write(folder, name, tracking_uri, artifact_location)

    @property
    def store(self) -> RunStore:
        """The MLflow store, opened on first use.

        Raises
        ------
        WorkspaceException
            When it cannot be opened.
        """
        if self._store is None:
            self._store = open_store(self.tracking_uri, self.name)
        return self._store

    @property
    def artifact_location(self) -> str | None:
        """Folder or URI for the files of new experiments; ``None``: the tracking server decides."""
        return self._artifact_location

    @property
    def experiments(self) -> Mapping[str, Experiment]:
        """Name -> `Experiment`, for all that the store holds."""
        kind = self.experiment_class()
        return {
            name: kind.existing(self, name, experiment_id)
            for name, experiment_id in self.store.experiments().items()
            if name != "Default"
        }

    @property
    def models(self) -> Mapping[str, Any]:
        """Name -> MLflow ``RegisteredModel``."""
        return self.store.registered_models()

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """Name -> `Endpoint`, for all that the workspace remembers."""
        from engine.client.endpoint_records import endpoint_names
        from engine.client.endpoints import Endpoint

        return {name: Endpoint(self, name) for name in endpoint_names(self)}

    @property
    def compute_targets(self) -> Mapping[str, Any]:
        """Name -> compute target; ``local`` is this machine."""
        from cluster.targets.registry import names

        return {name: self.compute_target(name) for name in ("local", *names(self))}

    def compute_target(self, name: str) -> Any:
        """Return the compute target of that name; ``local`` is this machine.

        Raises
        ------
        ComputeTargetException
            When there is none.
        """
        from cluster.targets.compute_target import open_target
        from cluster.targets.embedded import EmbeddedTarget

        return EmbeddedTarget() if name == "local" else open_target(self, name)

    @classmethod
    def experiment_class(cls) -> type[Experiment]:
        """Return the class of the workspace's `experiments`."""
        from engine.client.experiment import Experiment

        return Experiment

    @classmethod
    def _make(cls, folder: Path, name: str) -> Self:
        """Make a workspace in the store that is named outside, else in its folder; say which."""
        named = named_store()
        made = cls._write(folder, name, None if named is None else named.tracking_uri, None)
        shown = hide_password(made.tracking_uri)
        origin = "the default" if named is None else f"from {named.origin}"
        print(f"new workspace {name!r} in {folder}; store: {shown} ({origin})")
        return made

    @classmethod
    def _read(cls, config: Path) -> Self:
        try:
            check_owner(config)
            values = json.loads(config.read_text(encoding="utf-8"))
            if "name" not in values and is_of_retired_service(values):
                raise WorkspaceException(
                    f"{config} describes a workspace of Azure Machine Learning; "
                    "engine.azureml.core.Workspace.from_config() makes one of that name beside it"
                )
            return cls._with_defaults(
                values["name"],
                values.get("tracking_uri"),
                values.get("artifact_location"),
                config.parent,
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise WorkspaceException(
                f"{config} is not a workspace configuration: {type(error).__name__}: {error}"
            ) from error

    @classmethod
    def _write(
        cls, folder: Path, name: str, tracking_uri: str | None, artifact_location: str | None
    ) -> Self:
        tracking_uri = None if tracking_uri is None else absolute(tracking_uri)
        made = cls._with_defaults(name, tracking_uri, artifact_location, folder)
        values = {
            "name": name,
            "tracking_uri": tracking_uri,
            "artifact_location": artifact_location,
        }
        try:
            make_private(folder)
            write_private(folder / CONFIG, json.dumps(values, indent=1))
        except OSError as error:
            raise WorkspaceException(
                f"cannot write the workspace folder {folder}: {error.strerror}; change to a folder "
                "you may write, or make it writable"
            ) from error
        return made

    @classmethod
    def _with_defaults(
        cls, name: str, tracking_uri: str | None, artifact_location: str | None, folder: Path
    ) -> Self:
        """Fill in the defaults, which no file holds, so that a workspace's folder can be moved."""
        if tracking_uri is None:
            check_path(folder)
            tracking_uri = f"sqlite:///{folder / 'mlflow.db'}"
        if artifact_location is None and not tracking_uri.startswith(("http://", "https://")):
            artifact_location = (folder / "artifacts").as_uri()
        made = cls.__new__(cls)
        # A subclass may have a constructor of its own.
        Workspace.__init__(made, name, tracking_uri, artifact_location, folder)
        return made
