"""The connection to a tracking store."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from urllib.parse import urlsplit
from urllib.request import getproxies

from engine.errors import WorkspaceException
from engine.store.mlflow_store import RunStore
from engine.store.retrying import NONE
from engine.store.texts import hide_password, hide_passwords

#: Environment variable with the tracking URI of new workspaces. It is not MLflow's own variable,
#: which ``mlflow.set_tracking_uri()`` changes.
STORE_VARIABLE = "RAYSMITH_STORE"

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
        store = RunStore(tracking_uri)
        store.with_patience(NONE).experiments()
    except Exception as error:
        shown = hide_password(tracking_uri)
        reason = hide_passwords(str(error).replace(tracking_uri, shown))
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


def use_write_ahead_log(tracking_uri: str) -> None:
    """Let readers and the driver use an SQLite store at the same time without waiting."""
    prefix = "sqlite:///"
    if not tracking_uri.startswith(prefix):
        return
    with closing(sqlite3.connect(tracking_uri.removeprefix(prefix), timeout=30)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
