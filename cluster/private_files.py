"""Files and folders that only their owner can read, whatever the umask."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def make_private(folder: Path) -> None:
    """Make a folder with mode 0700, or take the rights of others from one that is there.

    Raises
    ------
    OSError
        When it cannot be made, or belongs to somebody else.

    Examples
    --------
    >>> import stat, tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     make_private(Path(place) / "mine")
    ...     oct(stat.S_IMODE((Path(place) / "mine").stat().st_mode))
    '0o700'
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    # A umask may have taken rights of the owner's.
    folder.chmod(0o700)


def write_private(file: Path, text: str) -> None:
    """Write a file with mode 0600; readers find the old content or the new, never a part.

    Raises
    ------
    OSError
        When it cannot be written.

    Examples
    --------
    >>> import stat, tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     write_private(Path(place) / "token", "secret")
    ...     oct(stat.S_IMODE((Path(place) / "token").stat().st_mode))
    '0o600'
    """
    new = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    # O_EXCL: a file or link that somebody has put there is not written into.
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.fchmod(handle, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as opened:
            opened.write(text)
        new.replace(file)
    except BaseException:
        new.unlink(missing_ok=True)
        raise
