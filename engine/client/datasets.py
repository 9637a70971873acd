"""Data sets that a workspace remembers by name and version."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote

from engine.errors import DataException


class HasFolder(Protocol):
    """A workspace, as data sets see it."""

    folder: Path


@dataclass(frozen=True)
class DatasetRecord:
    """One version of a registered data set.

    Attributes
    ----------
    name, version, id:
        Versions are counted from 1.
    kind:
        ``tabular`` or ``file``.
    plan:
        JSON values from which the data set is made again.
    created:
        Time in UTC, ISO 8601.
    """

    name: str
    version: int
    id: str
    kind: str
    plan: Mapping[str, Any]
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    created: str = ""


def register_dataset(
    workspace: HasFolder,
    name: str,
    kind: str,
    plan: Mapping[str, Any],
    *,
    description: str | None = None,
    tags: Mapping[str, str] | None = None,
    new_version: bool = False,
) -> DatasetRecord:
    """Keep a data set under a name.

    Parameters
    ----------
    kind, plan, description, tags:
        As of `DatasetRecord`.
    new_version:
        Add a version when there is another data set of that name.

    Returns
    -------
    DatasetRecord
        The latest version, when it has the same plan already; else a new one.

    Raises
    ------
    DataException
        For an empty name, and when there is another data set of that name and not ``new_version``.
    """
    if not isinstance(name, str) or not name.strip():
        raise DataException(f"data set name {name!r}: expected a non-empty text")
    known = versions(workspace, name)
    if known:
        latest = read_dataset(workspace, name, known[-1])
        if latest.plan == json.loads(json.dumps(plan)):
            return latest
        if not new_version:
            raise DataException(
                f"there is a data set {name!r} already; give create_new_version=True, or another "
                "name"
            )
    folder = _folder(workspace, name)
    folder.mkdir(parents=True, exist_ok=True)
    number = (known[-1] if known else 0) + 1
    now = datetime.now(UTC).isoformat(timespec="seconds")
    texts = (description or "", dict(tags or {}), now)
    while True:
        record = DatasetRecord(name, number, str(uuid.uuid4()), kind, plan, *texts)
        if _add(folder / f"{number}.json", json.dumps(asdict(record), indent=1)):
            return record
        number += 1


def read_dataset(
    workspace: HasFolder, name: str, version: int | str | None = None
) -> DatasetRecord:
    """Return a version of a data set; by default and for ``latest`` the last one.

    Raises
    ------
    DataException
        When there is no such data set or version.
    """
    known = versions(workspace, name)
    if not known:
        there = ", ".join(dataset_names(workspace)) or "none"
        raise DataException(f"there is no data set {name!r} in the workspace; there is {there}")
    try:
        number = known[-1] if version in (None, "latest") else int(str(version))
    except ValueError:
        number = 0
    if number not in known:
        raise DataException(f"the data set {name!r} has no version {version!r}; it has {known}")
    content = (_folder(workspace, name) / f"{number}.json").read_text(encoding="utf-8")
    return DatasetRecord(**json.loads(content))


def dataset_names(workspace: HasFolder) -> list[str]:
    """Return the names of the registered data sets, sorted."""
    found = (workspace.folder / "datasets").glob("*/1.json")
    return sorted(unquote(file.parent.name) for file in found)


def versions(workspace: HasFolder, name: str) -> list[int]:
    """Return the versions of a data set, in their order."""
    files = _folder(workspace, name).glob("*.json")
    return sorted(int(file.stem) for file in files if file.stem.isdigit())


def forget_dataset(workspace: HasFolder, name: str) -> None:
    """Forget all versions of a data set; its files stay."""
    for version in versions(workspace, name):
        (_folder(workspace, name) / f"{version}.json").unlink(missing_ok=True)


def _add(file: Path, text: str) -> bool:
    """Write a file that is not there yet, whole; whether this process was the one to do so."""
    new = file.with_name(f".{file.name}.{uuid.uuid4().hex}")
    new.write_text(text, encoding="utf-8")
    try:
        os.link(new, file)
    except FileExistsError:
        return False
    finally:
        new.unlink()
    return True


def _folder(workspace: HasFolder, name: str) -> Path:
    # A name of dots alone would be another folder's.
    return workspace.folder / "datasets" / quote(str(name), safe=" ").replace(".", "%2E")
