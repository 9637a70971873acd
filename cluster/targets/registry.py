"""Where a workspace keeps its compute targets: a folder each, with a file that says what it is."""

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


class HasFolder(Protocol):
    """What a workspace is to a compute target: a folder to be remembered in."""

    folder: Path


def names(workspace: HasFolder) -> list[str]:
    """The names of a workspace's compute targets, sorted."""
    return sorted(
        file.parent.name for file in (workspace.folder / "compute").glob(f"*/{TARGET_FILE}")
    )


def check_name(name: Any) -> None:
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
    """A target's folder, whether it is there or not."""
    check_name(name)
    return Path(workspace.folder) / "compute" / name


def write_target(folder: Path, content: Mapping[str, Any]) -> None:
    """Say what a target is, so that readers find the old file or the new one."""
    new = folder / f"{TARGET_FILE}.new"
    new.write_text(json.dumps(content, indent=1), encoding="utf-8")
    new.replace(folder / TARGET_FILE)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Two processes that make or end one target do it one after the other."""
    with folder.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
