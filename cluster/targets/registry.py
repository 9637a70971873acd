"""The compute targets that a workspace remembers: a folder each, with a record in a file."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

from cluster.errors import ComputeTargetException

_MAX_NAME = 63
_FORBIDDEN = re.compile(r"[^A-Za-z0-9-]")
TARGET_FILE = "target.json"
#: Key of a record, while the target is being made: nothing but `create` and `delete` uses it then.
BEING_MADE = "being_made"


class HasFolder(Protocol):
    """What a compute target needs of a workspace: a folder to be remembered in."""

    folder: Path


def names(workspace: HasFolder) -> list[str]:
    """Return the names of a workspace's compute targets, sorted."""
    return sorted(
        file.parent.name for file in (workspace.folder / "compute").glob(f"*/{TARGET_FILE}")
    )


def check_name(name: object) -> None:
    """Raise `ComputeTargetException` unless ``name`` may be a target's."""
    if not isinstance(name, str) or not name:
        raise ComputeTargetException(f"name={name!r}: a compute target needs a non-empty name")
    if name == "local":
        raise ComputeTargetException("name='local': that is this machine itself; choose another")
    if len(name) > _MAX_NAME:
        raise ComputeTargetException(
            f"name of {len(name)} characters: allowed are at most {_MAX_NAME}"
        )
    forbidden = _FORBIDDEN.search(name)
    if forbidden:
        raise ComputeTargetException(
            f"name={name!r}: the character {forbidden.group()!r} is not allowed; use letters, "
            "digits and '-'"
        )


def folder_of(workspace: HasFolder, name: str) -> Path:
    """Return a target's folder, whether it exists or not."""
    check_name(name)
    return Path(workspace.folder) / "compute" / name


def read_target(folder: Path) -> dict[str, Any]:
    """Return a target's record.

    Raises
    ------
    ComputeTargetException
        When the target has been deleted.
    """
    try:
        content: dict[str, Any] = json.loads((folder / TARGET_FILE).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ComputeTargetException(f"compute target {folder.name!r} has been deleted") from error
    return content


def write_target(folder: Path, content: Mapping[str, Any]) -> None:
    """Write a target's record; readers find the old file or the new one, never a part."""
    new = folder / f"{TARGET_FILE}.new"
    new.write_text(json.dumps(content, indent=1), encoding="utf-8")
    new.replace(folder / TARGET_FILE)


def is_locked(folder: Path) -> bool:
    """Whether a process makes or ends the target at this moment."""
    with folder.with_suffix(".lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Let processes that make or end one target do so one after the other."""
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
