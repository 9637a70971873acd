"""The connection to a tracking store."""

from __future__ import annotations

import socket
import sqlite3
import warnings
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from engine.callers import level_of_user
from engine.client.file_system import file_system_of, is_local
from engine.errors import WorkspaceException
from engine.store.mlflow_store import RunStore
from engine.store.redaction import Redaction
from engine.store.retrying import NONE
from engine.uris import hide_password, password_of

_CONNECT_SECONDS = 8.0


def open_store(tracking_uri: str, workspace_name: str) -> RunStore:
    """Open the store of a workspace.

    Raises
    ------
    WorkspaceException
        When the store cannot be opened. The message hides the password of the URI.
    """
    try:
        reach(tracking_uri)
        leave_write_ahead_log(tracking_uri)
        store = RunStore(tracking_uri)
        store.with_patience(NONE).experiments()
    except Exception as error:
        shown = hide_password(tracking_uri)
        reason = Redaction([password_of(tracking_uri)])(str(error).replace(tracking_uri, shown))
        # Not chained: the text of the cause would print the password after all.
        raise WorkspaceException(
            f"cannot open the workspace {workspace_name!r} at {shown}: "
            f"{type(error).__name__}: {reason}"
        ) from None
    use_write_ahead_log(tracking_uri)
    return store


def reach(tracking_uri: str) -> None:
    """Connect to a tracking server once, within 8 s; MLflow itself would retry for minutes.

    Other URIs, and servers behind a proxy, are not tried.

    Raises
    ------
    OSError
        When nobody listens there.
    """
    address = urlsplit(tracking_uri)
    if address.scheme in ("http", "https") and not getproxies().get(address.scheme):
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname or "", port), _CONNECT_SECONDS).close()


def leave_write_ahead_log(tracking_uri: str) -> None:
    """Keep the rollback journal of an SQLite store that several machines may share, and warn.

    The index of a write-ahead log is shared memory. Machines do not share memory: two of them would
    destroy the database. To be called before the store is opened.
    """
    file = _sqlite_file(tracking_uri)
    if file is None or is_local(file_system := file_system_of(file)):
        return
    warnings.warn(
        f"{file} lies on the file system {file_system or 'unknown'!r}, which several machines may "
        "share: SQLite is slower there and depends on the locks of the file system. For several "
        "machines use a tracking server: Workspace.create(name, tracking_uri=...)",
        stacklevel=level_of_user(),
    )
    if file.exists():
        _set_journal(file, "DELETE")


def use_write_ahead_log(tracking_uri: str) -> None:
    """Let readers and the driver use an SQLite store of this machine without waiting."""
    file = _sqlite_file(tracking_uri)
    if file is not None and is_local(file_system_of(file)):
        _set_journal(file, "WAL")


def _sqlite_file(tracking_uri: str) -> Path | None:
    prefix = "sqlite:///"
    if not tracking_uri.startswith(prefix):
        return None
    return Path(tracking_uri.removeprefix(prefix).partition("?")[0])


def _set_journal(file: Path, mode: str) -> None:
    with closing(sqlite3.connect(file, timeout=30)) as connection:
        connection.execute(f"PRAGMA journal_mode={mode}")
