"""Datastores: places for files, under names that a workspace remembers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import fsspec

from cluster.private_files import write_private
from engine.data.file_dataset import FileDataset
from engine.data.table_source import unreadable
from engine.errors import DataException, WorkspaceException
from engine.uris import hide_password

#: Name of the datastore that every workspace has.
DEFAULT_NAME = "workspaceblobstore"
_RECORD = "datastores.json"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class KeepsFiles(Protocol):
    """A workspace, as datastores see it."""

    folder: Path

    @property
    def artifact_location(self) -> str | None:
        """Folder or URI for the files of new experiments."""


class Datastore:
    """A folder, or a URI that fsspec reads and writes, under a name.

    Parameters
    ----------
    name:
        Letters, digits, ``-`` and ``_``.
    location:
        Path of a folder, or a URI such as ``s3://bucket/folder``.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "train.csv").write_text("a,y")
    ...     store = Datastore("mine", f"{folder}/store")
    ...     _ = store.upload(folder, target_path="data")
    ...     Path(store.place("data/train.csv")).read_text()
    'a,y'
    """

    def __init__(self, name: str, location: str) -> None:
        self.name = name
        self.location = location

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {hide_password(self.location)!r})"

    @property
    def is_local(self) -> bool:
        """Whether the datastore is a folder of this machine."""
        return "://" not in self.location

    def place(self, path: str | None = None) -> str:
        """Return the path or URI of a file or folder in the datastore.

        Raises
        ------
        DataException
            For a path that leads out of it.
        """
        inside = PurePosixPath(str(path or "").replace("\\", "/").strip("/"))
        if ".." in inside.parts:
            raise DataException(f"path={path!r}: it leads out of the datastore {self.name!r}")
        return "/".join([self.location.rstrip("/"), *inside.parts])

    def upload(
        self, src_dir: str | Path, target_path: str | None = None, overwrite: bool = False
    ) -> list[str]:
        """Copy a folder into the datastore.

        Parameters
        ----------
        src_dir:
            The folder on this machine.
        target_path:
            Folder in the datastore; default: its root.
        overwrite:
            Replace files that are there already; they are left as they are otherwise.

        Returns
        -------
        list of str
            Paths or URIs of the files that were written.

        Raises
        ------
        DataException
            When there is no such folder, or a file cannot be written.
        """
        root = Path(src_dir).expanduser().absolute()
        if not root.is_dir():
            raise DataException(f"src_dir={str(src_dir)!r}: there is no such folder")
        inside = Path(self.location).absolute() if self.is_local else None
        files = [
            file
            for file in sorted(root.rglob("*"))
            if file.is_file() and (inside is None or inside not in file.parents)
        ]
        return self._put_all([str(file) for file in files], str(root), target_path, overwrite)

    def upload_files(
        self,
        files: Sequence[str],
        relative_root: str | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
    ) -> list[str]:
        """Copy files into the datastore.

        Parameters
        ----------
        files:
            Files on this machine.
        relative_root:
            Folder whose part of the files' paths is left out; default: each file's own folder.
        target_path, overwrite:
            As of `upload`.

        Raises
        ------
        DataException
            When a file is missing, lies outside ``relative_root``, or cannot be written.
        """
        return self._put_all(files, relative_root, target_path, overwrite)

    def download(
        self, target_path: str | Path, prefix: str | None = None, overwrite: bool = False
    ) -> int:
        """Copy files of the datastore to this machine and return their number.

        Parameters
        ----------
        target_path:
            Folder on this machine. Files keep their paths in the datastore.
        prefix:
            Folder or file in the datastore; default: all.
        overwrite:
            Replace files that are there already; they are left as they are otherwise.

        Raises
        ------
        DataException
            When there is nothing to copy, or it cannot be read.
        """
        place = self.place(prefix)
        found = FileDataset([place]).files()
        base = PurePosixPath((prefix or "").strip("/"))
        count = 0
        for name, source in found:
            is_file = len(found) == 1 and base.name == name.lstrip("/")
            inside = base if is_file else base / name.lstrip("/")
            target = Path(target_path).absolute() / inside
            if target.exists() and not overwrite:
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                with fsspec.open(source, "rb") as reading:
                    target.write_bytes(reading.read())
            except OSError as error:
                raise unreadable(source, error) from error
            count += 1
        return count

    def _put_all(
        self,
        files: Sequence[str],
        relative_root: str | None,
        target_path: str | None,
        overwrite: bool,
    ) -> list[str]:
        written = []
        for given in files:
            file = Path(given).expanduser().absolute()
            if not file.is_file():
                raise DataException(f"there is no file {given}")
            root = file.parent if relative_root is None else Path(relative_root).absolute()
            if not file.is_relative_to(root):
                raise DataException(f"{given} does not lie in relative_root={relative_root!r}")
            name = str(PurePosixPath(target_path or ".") / file.relative_to(root).as_posix())
            if self._put(file, self.place(name), overwrite):
                written.append(self.place(name))
        return written

    def _put(self, file: Path, place: str, overwrite: bool) -> bool:
        """Copy one file; whether it was copied."""
        try:
            system, inside = fsspec.core.url_to_fs(place)
            if not overwrite and system.exists(inside):
                return False
            system.makedirs(inside.rpartition("/")[0], exist_ok=True)
            system.put_file(str(file), inside)
        except (ImportError, ValueError, OSError) as error:
            raise DataException(
                f"cannot write to the datastore {self.name!r} at {hide_password(place)}: "
                f"{type(error).__name__}: {error}"
            ) from error
        return True


def default_location(workspace: KeepsFiles) -> str:
    """Return where the default datastore of a workspace is.

    It lies beside the artifacts where fsspec reads these, so that other machines find it, else in
    the folder of the workspace.
    """
    own = workspace.folder / "datastore"
    artifacts = workspace.artifact_location
    if artifacts is None or artifacts == (workspace.folder / "artifacts").as_uri():
        return str(own)
    address = urlsplit(artifacts)
    if address.scheme in ("", "file"):
        return str(Path(unquote(address.path)) / "datastore")
    try:
        fsspec.get_filesystem_class(address.scheme)
    except (ImportError, ValueError):
        return str(own)
    return f"{artifacts.rstrip('/')}/datastore"


def datastores(workspace: KeepsFiles) -> dict[str, Datastore]:
    """Return name -> datastore, the default one first."""
    found = {DEFAULT_NAME: Datastore(DEFAULT_NAME, default_location(workspace))}
    for name, location in _record(workspace).get("locations", {}).items():
        found[name] = Datastore(name, location)
    return found


def default_datastore(workspace: KeepsFiles) -> Datastore:
    """Return the datastore that `set_default_datastore` has chosen, or the workspace's own."""
    found = datastores(workspace)
    return found.get(_record(workspace).get("default", DEFAULT_NAME), found[DEFAULT_NAME])


def register_datastore(
    workspace: KeepsFiles, name: str, location: str, overwrite: bool = False
) -> Datastore:
    """Let a workspace remember a place under a name.

    Parameters
    ----------
    location:
        Path of a folder, or a URI. It must not hold a password: it is kept in a file.
    overwrite:
        Replace another place of that name.

    Raises
    ------
    WorkspaceException
        For a name that is not allowed or is taken, and a URI with a password.
    """
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise WorkspaceException(f"datastore name {name!r}: allowed are letters, digits, '-', '_'")
    if hide_password(location) != location:
        raise WorkspaceException(
            f"datastore {name!r}: its URI has a password, which would be kept in a file; give it "
            "to the library that reads the URI by an environment variable"
        )
    record = _record(workspace)
    known = record.setdefault("locations", {})
    if name == DEFAULT_NAME or (known.get(name, location) != location and not overwrite):
        raise WorkspaceException(
            f"there is a datastore {name!r} already; choose another name, or give overwrite=True"
        )
    known[name] = location if "://" in location else str(Path(location).expanduser().absolute())
    _keep(workspace, record)
    return Datastore(name, known[name])


def unregister_datastore(workspace: KeepsFiles, name: str) -> None:
    """Forget a datastore; its files stay."""
    record = _record(workspace)
    record.get("locations", {}).pop(name, None)
    if record.get("default") == name:
        del record["default"]
    _keep(workspace, record)


def set_default_datastore(workspace: KeepsFiles, name: str) -> None:
    """Make a datastore the default one.

    Raises
    ------
    WorkspaceException
        When there is none of that name.
    """
    known = datastores(workspace)
    if name not in known:
        raise WorkspaceException(f"there is no datastore {name!r}; there are {', '.join(known)}")
    _keep(workspace, {**_record(workspace), "default": name})


def _record(workspace: KeepsFiles) -> dict[str, Any]:
    file = workspace.folder / _RECORD
    if not file.is_file():
        return {}
    values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return values


def _keep(workspace: KeepsFiles, record: Mapping[str, Any]) -> None:
    write_private(workspace.folder / _RECORD, json.dumps(record, indent=1))
