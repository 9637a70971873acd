"""The folder of a workspace: how it is found, and whether it may be trusted."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from engine.errors import WorkspaceException

FOLDER, CONFIG = ".raysmith", "config.json"
#: What the URI of a database gives another meaning, in some versions of SQLAlchemy.
_NOT_IN_URIS = re.compile(r"\?|%[0-9A-Fa-f]{2}")


def is_of_retired_service(values: object) -> bool:
    """Whether the content of a ``config.json`` is that of the retired service's workspaces.

    Examples
    --------
    >>> keys = ("subscription_id", "resource_group", "workspace_name")
    >>> is_of_retired_service(dict.fromkeys(keys, "x")), is_of_retired_service({"name": "x"})
    (True, False)
    """
    return isinstance(values, Mapping) and all(
        isinstance(values.get(key), str)
        for key in ("subscription_id", "resource_group", "workspace_name")
    )


def find_config(start: Path) -> Path | None:
    """Return the configuration of the nearest workspace, searched from ``start`` upward.

    The search ends at the user's home folder and at the boundary of the file system: what lies
    above is not the user's.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as place:
    ...     config = Path(place, FOLDER, CONFIG)
    ...     config.parent.mkdir()
    ...     _ = config.write_text("{}")
    ...     below = Path(place, "a", "b")
    ...     below.mkdir(parents=True)
    ...     find_config(below) == config
    True
    """
    if (start / CONFIG).is_file():
        return start / CONFIG
    for folder in upward(start):
        config = folder / FOLDER / CONFIG
        if config.is_file():
            return config
    return None


def check_owner(config: Path) -> None:
    """Check that nobody but the user and root can have written a workspace's configuration.

    Whoever writes it decides where data and settings go and which models are loaded, and a model
    can run any code.

    Raises
    ------
    WorkspaceException
        When the file, its folder or what a link leads to belongs to somebody else, or others may
        write it.
    """
    user = os.geteuid()
    places = (config, config.parent)
    for place in dict.fromkeys((*places, *(place.resolve() for place in places))):
        found = place.lstat()
        if found.st_uid not in (user, 0):
            raise WorkspaceException(
                f"{place} belongs to the user with the number {found.st_uid}, and you are {user}: "
                "opening the workspace of somebody else could run that user's code. "
                "Make one of your own with Workspace.create(name), which may have the same "
                "tracking_uri"
            )
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & 0o022:
            raise WorkspaceException(
                f"{place} can be written by others (mode {stat.S_IMODE(found.st_mode):04o}), who "
                f"could make you run their code; look what is in it, then `chmod go-w {place}`"
            )


def check_path(folder: Path) -> None:
    """Check that a workspace's folder can be named in the URI of its database.

    Raises
    ------
    WorkspaceException
        When it cannot.

    Examples
    --------
    >>> check_path(Path("50% done"))
    >>> check_path(Path("why?"))
    Traceback (most recent call last):
    ...
    engine.errors.WorkspaceException: the workspace folder why? has '?' in its path, ...
    """
    found = _NOT_IN_URIS.search(str(folder))
    if found:
        raise WorkspaceException(
            f"the workspace folder {folder} has {found.group()!r} in its path, which means "
            "something else in the URI of its database; use another folder, or give the URI of a "
            "tracking server"
        )


def upward(start: Path) -> Iterator[Path]:
    """Yield ``start`` and the folders above it, up to what is not the user's.

    The last one is the home folder, or the topmost of the file system that ``start`` lies on.
    """
    home = Path.home()
    try:
        device = start.stat().st_dev
    except OSError:
        device = None
    for folder in (start, *start.parents):
        try:
            if device is not None and folder.stat().st_dev != device:
                return
        except OSError:
            return
        yield folder
        if folder == home:
            return
