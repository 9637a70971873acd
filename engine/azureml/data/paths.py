"""Paths as factories of data sets take them: texts, references, pairs, lists of these."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.client.datastores import Datastore
from engine.errors import DataException


def as_paths(path: Any) -> list[str]:
    """Return absolute paths and URIs.

    Parameters
    ----------
    path:
        A path or URI, a `DataReference` or `DataPath`, a pair of a datastore and a path in it, or a
        list of these. A pair may hold a list of paths.

    Raises
    ------
    DataException
        For anything else, and for an empty list.

    Examples
    --------
    >>> store = Datastore("mine", "/data")
    >>> as_paths([(store, "a.csv"), (store, ["b.csv", "c/*.csv"]), "s3://bucket/d.csv"])
    ['/data/a.csv', '/data/b.csv', '/data/c/*.csv', 's3://bucket/d.csv']
    """
    if isinstance(path, str | os.PathLike):
        text = os.fspath(path)
        return [text if "://" in text else str(Path(text).expanduser().absolute())]
    if isinstance(path, tuple) and len(path) == 2 and isinstance(path[0], Datastore):
        inside = [path[1]] if isinstance(path[1], str) or path[1] is None else path[1]
        return [path[0].place(part) for part in inside]
    if isinstance(path, Datastore):
        return [path.place()]
    if isinstance(path, Sequence) and path:
        return [found for part in path for found in as_paths(part)]
    raise DataException(
        f"path={path!r}: allowed are a path or URI, (datastore, path), datastore.path(...), or a "
        "non-empty list of these"
    )
