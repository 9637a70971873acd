"""The texts of a workspace of the retired service, and the files that hold them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from cluster.private_files import write_private
from engine.client.workspace_folder import CONFIG, FOLDER, is_of_retired_service, upward
from engine.errors import WorkspaceException

_KEPT = "azureml.json"
#: Key of a configuration file that raysmith has written: the folder of the workspace.
_FOLDER_KEY = "raysmith_folder"
_NAME_OF_FOLDER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Identity:
    """Texts of a workspace; ``None`` for what was not given.

    Examples
    --------
    >>> Identity("mine", workspace_name="w").over(Identity("other", "group")).resource_group
    'group'
    """

    subscription_id: str | None = None
    resource_group: str | None = None
    workspace_name: str | None = None
    location: str | None = None
    sku: str | None = None
    tags: Mapping[str, str] | None = None

    def over(self, other: Identity) -> Identity:
        """Return these texts, and those of ``other`` where there are none."""
        mine, theirs = asdict(self), asdict(other)
        return Identity(**{k: theirs[k] if v is None else v for k, v in mine.items()})


@dataclass(frozen=True)
class ServiceFile:
    """A configuration file of the retired service, and the folder of its workspace's store."""

    identity: Identity
    folder: Path


def read_service_file(file: Path) -> ServiceFile | None:
    """Read a configuration file; ``None`` for a file that is something else.

    Raises
    ------
    WorkspaceException
        When it is not JSON or cannot be read.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise WorkspaceException(
            f"{file} is not a workspace configuration: {type(error).__name__}: {error}"
        ) from error
    if not is_of_retired_service(values):
        return None
    place = file.parent.parent if file.parent.name in (".azureml", "aml_config") else file.parent
    written = values.get(_FOLDER_KEY)
    folder = Path(written) if isinstance(written, str) else place / FOLDER
    if not (folder / CONFIG).is_file():
        folder = place / FOLDER  # what was written there has been moved or deleted
    keys = ("subscription_id", "resource_group", "workspace_name", "location")
    return ServiceFile(Identity(**{key: values.get(key) for key in keys}), folder)


def nearest_service_file(start: Path, name: str, only_here: bool = False) -> ServiceFile | None:
    """Return the nearest configuration file, unless a workspace without one is nearer.

    Parameters
    ----------
    start:
        The folder where the search starts.
    name:
        Name of the file.
    only_here:
        Look in ``start`` only.
    """
    for folder in [start] if only_here else upward(start):
        for place in (folder / ".azureml", folder / "aml_config", folder):
            if (place / name).is_file():
                found = _as_service_file(place / name)
                if found is not None:
                    return found
        is_store = folder.name == FOLDER and (folder / CONFIG).is_file()
        if is_store or (name == CONFIG and (folder / FOLDER / CONFIG).is_file()):
            return None
    return None


def write_service_file(file: Path, identity: Identity, folder: Path) -> None:
    """Write a configuration file for a workspace in ``folder``.

    Raises
    ------
    WorkspaceException
        When it cannot be written.
    """
    values: dict[str, Any] = {
        "subscription_id": identity.subscription_id,
        "resource_group": identity.resource_group,
        "workspace_name": identity.workspace_name,
        _FOLDER_KEY: str(folder),
    }
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values, indent=4), encoding="utf-8")
    except OSError as error:
        raise WorkspaceException(f"cannot write {file}: {error.strerror}") from error


def read_identity(folder: Path) -> Identity:
    """Return the texts that the folder of a workspace keeps."""
    try:
        values = json.loads((folder / _KEPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return Identity()
    return Identity(**{f.name: values.get(f.name) for f in fields(Identity)})


def write_identity(folder: Path, identity: Identity) -> None:
    """Keep the texts in the folder of a workspace, where they differ from those kept."""
    if identity != read_identity(folder):
        write_private(folder / _KEPT, json.dumps(asdict(identity), indent=1))


def nested_folder(folder: Path, name: str) -> Path:
    """Return the folder of a further workspace in the folder of one with another name.

    Raises
    ------
    WorkspaceException
        When the name cannot be that of a folder.
    """
    if _NAME_OF_FOLDER.fullmatch(name) is None:
        raise WorkspaceException(
            f"workspace name {name!r}: allowed are letters, digits, '-', '_' and '.'"
        )
    return folder / "workspaces" / name


def _as_service_file(file: Path) -> ServiceFile | None:
    """Return a file found on the way up; what is no JSON belongs to something else."""
    try:
        return read_service_file(file)
    except WorkspaceException:
        return None
