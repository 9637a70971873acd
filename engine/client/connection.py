"""The connection to a tracking store."""

from __future__ import annotations

import socket
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from urllib.request import getproxies

if TYPE_CHECKING:
    pass


_CONNECT_SECONDS = 8.0


def _reach(tracking_uri: str) -> None:
    """Raise unless somebody listens there: MLflow itself would try again for minutes."""
    address = urlsplit(tracking_uri)
    if address.scheme in ("http", "https") and not getproxies().get(address.scheme):
        port = address.port or (443 if address.scheme == "https" else 80)
        socket.create_connection((address.hostname or "", port), _CONNECT_SECONDS).close()


def _use_write_ahead_log(tracking_uri: str) -> None:
    """Let readers and the driver use an SQLite store at once without waiting for each other."""
    prefix = "sqlite:///"
    if not tracking_uri.startswith(prefix):
        return
    with closing(sqlite3.connect(tracking_uri.removeprefix(prefix), timeout=30)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")


def _hide_password(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    credentials, at, host = rest.rpartition("@")
    if not at:
        return uri
    return f"{scheme}{separator}{credentials.partition(':')[0]}:***@{host}"
