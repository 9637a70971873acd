"""`DataPath`: a file or folder in a datastore."""

from __future__ import annotations

from typing import Any

from engine.client.datastores import Datastore


class DataPath:
    """A file, folder or pattern in a datastore.

    Parameters
    ----------
    datastore:
        The datastore; without one the path is a path of this machine, or a URI.
    path_on_datastore:
        Path in it.
    name:
        Accepted and kept.
    """

    def __init__(
        self,
        datastore: Datastore | None = None,
        path_on_datastore: str | None = None,
        name: str | None = None,
    ) -> None:
        self.datastore = datastore
        self.path_on_datastore = path_on_datastore
        self.name = name

    def __fspath__(self) -> str:
        if self.datastore is None:
            return str(self.path_on_datastore)
        return self.datastore.place(self.path_on_datastore)

    def create_data_reference(self, *arguments: Any, **named: Any) -> DataPath:
        """Return the path itself: it serves as a reference."""
        return self
