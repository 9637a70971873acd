"""`DataReference`: files of a datastore that a run is to have on its node."""

from __future__ import annotations

from engine.client.datastores import Datastore


class DataReference:
    """A file or folder of a datastore.

    As a path (``open(reference)``, ``pandas.read_csv(reference)``) it is the file or folder itself
    when the datastore is a folder of this machine.

    Parameters
    ----------
    datastore:
        The datastore.
    data_reference_name:
        Default: the name of the datastore.
    path_on_datastore:
        Path in it; default: all of it.
    mode:
        ``mount``, ``download`` or ``upload``.
    path_on_compute:
        Folder on the node.
    overwrite:
        Whether files on the node are replaced.

    Examples
    --------
    >>> reference = DataReference(Datastore("mine", "/data"), path_on_datastore="train.csv")
    >>> reference.__fspath__(), str(reference)
    ('/data/train.csv', '$AZUREML_DATAREFERENCE_mine')
    """

    def __init__(
        self,
        datastore: Datastore,
        data_reference_name: str | None = None,
        path_on_datastore: str | None = None,
        mode: str = "mount",
        path_on_compute: str | None = None,
        overwrite: bool = False,
    ) -> None:
        self.datastore = datastore
        self.data_reference_name = data_reference_name or datastore.name
        self.path_on_datastore = path_on_datastore
        self.mode = mode
        self.path_on_compute = path_on_compute
        self.overwrite = overwrite

    def __fspath__(self) -> str:
        return self.datastore.place(self.path_on_datastore)

    def __str__(self) -> str:
        return f"$AZUREML_DATAREFERENCE_{self.data_reference_name}"

    def __repr__(self) -> str:
        return f"DataReference({self.datastore!r}, {self.path_on_datastore!r}, {self.mode!r})"

    def path(
        self, path: str | None = None, data_reference_name: str | None = None
    ) -> DataReference:
        """Return a reference to a path below this one."""
        below = "/".join(part for part in (self.path_on_datastore, path) if part)
        return self._with(path_on_datastore=below or None, data_reference_name=data_reference_name)

    def as_mount(self) -> DataReference:
        """Return a reference to the files where they are."""
        return self._with(mode="mount")

    def as_download(
        self, path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataReference:
        """Return a reference to a copy of the files on the node."""
        return self._with(mode="download", path_on_compute=path_on_compute, overwrite=overwrite)

    def as_upload(
        self, path_on_compute: str | None = None, overwrite: bool = False
    ) -> DataReference:
        """Return a reference to files that a run writes."""
        return self._with(mode="upload", path_on_compute=path_on_compute, overwrite=overwrite)

    def to_config(self) -> DataReference:
        """Return the reference itself, which run configurations take."""
        return self

    def _with(self, **changes: object) -> DataReference:
        changed = DataReference(self.datastore)
        changed.__dict__.update(self.__dict__)
        changed.__dict__.update({k: v for k, v in changes.items() if v is not None})
        return changed
