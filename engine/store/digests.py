"""SHA-256 digests of files that run code when they are loaded, kept in the tags of their run.

Models and data are pickles. Whoever can write to the artifact store could replace one. The digest
is in the tracking store, where it was written with the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from engine.errors import RunException
from engine.store.tags import DIGEST


def digest_tags(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the tags that keep the digests of files.

    Examples
    --------
    >>> [(tag, digest[:8]) for tag, digest in digest_tags({"spec/data.pkl": b"rows"}).items()]
    [('raysmith.digest.spec/data.pkl', 'bc51e9e6')]
    """
    return {
        f"{DIGEST}{name}": hashlib.sha256(content).hexdigest() for name, content in files.items()
    }


def digest_of_file(file: Path) -> str:
    """Return the digest of a file, in hexadecimal digits.

    Raises
    ------
    OSError
        When the file cannot be read.
    """
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def digest_of_folder(folder: Path, leave_out: Collection[str] = ()) -> str:
    """Return one digest of all files in a folder, of their paths and contents.

    Parameters
    ----------
    leave_out:
        Names of files at the top of the folder that do not count.

    Raises
    ------
    OSError
        When a file cannot be read.
    """
    lines: Iterable[str] = (
        f"{digest_of_file(file)}  {file.relative_to(folder).as_posix()}\n"
        for file in sorted(folder.rglob("*"))
        if file.is_file() and str(file.relative_to(folder)) not in leave_out
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def check_digest(run_id: str, file: str, found: str, tags: Mapping[str, str]) -> None:
    """Check that a file is the one whose digest was recorded.

    Parameters
    ----------
    run_id, file:
        The run, and the path of the file among its artifacts.
    found:
        Digest of the file as it is now.
    tags:
        Tags of the run.

    Raises
    ------
    RunException
        When another digest was recorded, or none.

    Examples
    --------
    >>> tags = digest_tags({"spec/data.pkl": b"rows"})
    >>> check_digest("r1", "spec/data.pkl", "0" * 64, tags)
    Traceback (most recent call last):
    ...
    engine.errors.RunException: 'spec/data.pkl' of run r1 is not the file that raysmith wrote: ...
    """
    recorded = tags.get(f"{DIGEST}{file}")
    if recorded == found:
        return
    why = (
        "no digest was recorded for it"
        if recorded is None
        else f"its SHA-256 is {found[:16]}..., and {recorded[:16]}... was recorded"
    )
    raise RunException(
        f"{file!r} of run {run_id} is not the file that raysmith wrote: {why}. It is not loaded, "
        "as loading it can run any code. Restore the file from a backup, or repeat the run; if "
        "nobody was meant to change it, find out who can write to the artifact store"
    )
