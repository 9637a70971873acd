"""The one temporary folder of a user, swept of what dead processes have left."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from engine.errors import RunException
from engine.processes import boot_id, process_namespace, process_started

_OWNERS = ".owners"


def temporary_root() -> Path:
    """Return the folder of this user's temporary files, which nobody else can read.

    It is ``raysmith-<uid>`` in `tempfile.gettempdir`. The first call in a process makes it where it
    is missing, and removes folders in it whose processes have all died.

    Raises
    ------
    RunException
        When the folder belongs to somebody else.

    Examples
    --------
    >>> temporary_root().name == f"raysmith-{os.getuid()}"
    True
    """
    root = Path(tempfile.gettempdir()) / f"raysmith-{os.getuid()}"
    with suppress(FileExistsError):
        root.mkdir(mode=0o700, parents=True)
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise RunException(
            f"{root} is not a folder of this user, so that temporary files would not be safe in "
            "it; remove it, or set the environment variable TMPDIR to another folder"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        root.chmod(0o700)
    _sweep(root)
    return root


def shared_folder(name: str) -> Path:
    """Return a folder that several processes use, by its name; make it where it is missing.

    It is removed by `remove_folder`, or after the death of all processes that have asked for it.

    Parameters
    ----------
    name:
        A file name.
    """
    folder = temporary_root() / name
    folder.mkdir(mode=0o700, exist_ok=True)
    _own(folder)
    return folder


def remove_folder(name: str) -> None:
    """Remove a folder that `shared_folder` has made, whoever uses it still."""
    _remove(temporary_root() / name)


def new_folder(kind: str) -> Path:
    """Return a new folder of this process.

    The caller removes it. When the process dies first, a later process of the user does.

    Parameters
    ----------
    kind:
        What is in it: begins the folder's name.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{kind}-", dir=temporary_root()))
    _own(folder)
    return folder


@contextmanager
def passing_folder(kind: str) -> Iterator[Path]:
    """Make a folder that is removed at the end of the block.

    Examples
    --------
    >>> with passing_folder("example") as folder:
    ...     _ = (folder / "file").write_text("text")
    >>> folder.exists()
    False
    """
    folder = new_folder(kind)
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(folder.parent / _OWNERS / folder.name, ignore_errors=True)


def _own(folder: Path) -> None:
    """Note beside a folder that this process uses it."""
    owners = folder.parent / _OWNERS / folder.name
    owners.mkdir(mode=0o700, parents=True, exist_ok=True)
    (owners / f"{_machine()}-{os.getpid()}-{_start_of(os.getpid())}").touch()


@cache
def _sweep(root: Path) -> None:
    """Remove folders whose processes have all died; once in a process."""
    with suppress(OSError):
        for owned in (root / _OWNERS).iterdir():
            owners = [file.name for file in owned.iterdir()]
            if owners and not any(_may_live(owner) for owner in owners):
                _remove(root / owned.name)


def _may_live(owner: str) -> bool:
    """Whether a process lives, as far as this one can see."""
    machine, pid, started = owner.split("-")
    return machine != _machine() or _start_of(int(pid)) == started


@cache
def _machine() -> str:
    """Return what is the same for processes that see each other's numbers, and after a restart."""
    here = [part for part in (process_namespace(), os.uname().nodename) if part]
    return hashlib.sha256("|".join(here).encode()).hexdigest()[:12]


def _start_of(pid: int) -> str:
    """Return when a process was started, in a form that no clock changes; empty for no process."""
    started = process_started(pid)
    return "" if started is None else f"{boot_id()[:8]}{started:.2f}"
