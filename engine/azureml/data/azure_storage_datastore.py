"""Datastores by the methods and attributes of SDK v1."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from engine.azureml.data.data_reference import DataReference
from engine.client.datastores import (
    Datastore,
    KeepsFiles,
    set_default_datastore,
    unregister_datastore,
)


class AzureBlobDatastore(Datastore):
    """A folder of the workspace, or a URI, under a name.

    Attributes
    ----------
    workspace:
        The workspace that remembers it.
    name, location:
        Its name, and its path or URI.
    """

    datastore_type = "AzureBlob"

    def __init__(self, workspace: KeepsFiles, name: str, location: str) -> None:
        super().__init__(name, location)
        self.workspace = workspace

    @property
    def container_name(self) -> str:
        """The container of a URI; the folder's name for a folder of this machine."""
        if self.is_local:
            return Path(self.location).name
        return urlsplit(self.location).netloc.partition("@")[0]

    @property
    def account_name(self) -> str:
        """The account of a URI; ``local`` for a folder of this machine."""
        if self.is_local:
            return "local"
        host = urlsplit(self.location).netloc.partition("@")[2]
        return host.partition(".")[0] or urlsplit(self.location).scheme

    @property
    def protocol(self) -> str:
        """``file``, or the scheme of the URI."""
        return "file" if self.is_local else urlsplit(self.location).scheme

    def path(
        self, path: str | None = None, data_reference_name: str | None = None
    ) -> DataReference:
        """Return a reference to a file or folder of the datastore."""
        return DataReference(self, data_reference_name, path)

    def as_mount(self) -> DataReference:
        """Return a reference to all files where they are."""
        return self.path().as_mount()

    def as_download(
        self, path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataReference:
        """Return a reference to a copy of all files on the node."""
        return self.path().as_download(path_on_compute, overwrite)

    def as_upload(
        self, path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataReference:
        """Return a reference to files that a run writes."""
        return self.path().as_upload(path_on_compute, overwrite)

    def upload(  # type: ignore[override]
        self,
        src_dir: str | Path,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Copy a folder into the datastore; see `engine.client.datastores.Datastore.upload`."""
        _say(super().upload(src_dir, target_path, overwrite), "uploaded", show_progress)
        return self.path(target_path)

    def upload_files(  # type: ignore[override]
        self,
        files: Sequence[str],
        relative_root: str | None = None,
        target_path: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> DataReference:
        """Copy files into the datastore; see `engine.client.datastores.Datastore.upload_files`."""
        written = super().upload_files(files, relative_root, target_path, overwrite)
        _say(written, "uploaded", show_progress)
        return self.path(target_path)

    def download(
        self,
        target_path: str | Path,
        prefix: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> int:
        """Copy files to this machine and return their number."""
        count = super().download(target_path, prefix, overwrite)
        if show_progress:
            print(f"downloaded {count} files")
        return count

    def unregister(self) -> None:
        """Forget the datastore; its files stay."""
        unregister_datastore(self.workspace, self.name)

    def set_as_default(self) -> None:
        """Make it the default datastore of the workspace."""
        set_default_datastore(self.workspace, self.name)


AzureFileDatastore = AzureBlobDatastore
AbstractAzureStorageDatastore = AzureBlobDatastore


def _say(files: Sequence[Any], done: str, show_progress: bool) -> None:
    if show_progress:
        print(f"{done} {len(files)} files")
