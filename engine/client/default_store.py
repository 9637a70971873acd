"""The store of a workspace that `Workspace.from_config` makes."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from engine.client.workspace_folder import check_path
from engine.errors import WorkspaceException
from engine.store.set_uri import MLFLOW_VARIABLE, uri_set_in_mlflow
from engine.uris import hide_password

#: Environment variable with the tracking URI of new workspaces.
STORE_VARIABLE = "RAYSMITH_STORE"

_DATABASES = ("sqlite", "postgresql", "mysql", "mssql")
_SERVERS = ("http", "https")
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class NamedStore:
    """A store that the user has named outside raysmith.

    Attributes
    ----------
    tracking_uri:
        MLflow tracking URI; it may hold a password.
    origin:
        What named it, for messages.
    """

    tracking_uri: str
    origin: str


def named_store() -> NamedStore | None:
    """Return the store that the environment or MLflow names; ``None`` when neither does.

    ``RAYSMITH_STORE`` comes first, then the tracking URI of MLflow: ``MLFLOW_TRACKING_URI`` or what
    ``mlflow.set_tracking_uri`` has set.

    Raises
    ------
    WorkspaceException
        When it is not a database or a server.

    Examples
    --------
    >>> import os
    >>> os.environ["RAYSMITH_STORE"] = "http://mlflow.example.org"
    >>> named_store()
    NamedStore(tracking_uri='http://mlflow.example.org', origin='RAYSMITH_STORE')
    >>> os.environ["RAYSMITH_STORE"] = "./mlruns"
    >>> named_store()
    Traceback (most recent call last):
    ...
    engine.errors.WorkspaceException: RAYSMITH_STORE='./mlruns': allowed is ...
    >>> del os.environ["RAYSMITH_STORE"]
    """
    for origin, uri in (
        (STORE_VARIABLE, os.environ.get(STORE_VARIABLE)),
        (MLFLOW_VARIABLE, uri_set_in_mlflow()),
    ):
        if uri:
            _check(origin, uri)
            return NamedStore(uri, origin)
    return None


def absolute(tracking_uri: str) -> str:
    """Return a tracking URI that means the same from every working directory.

    Raises
    ------
    WorkspaceException
        When the path of a database would mean something else in its URI.

    Examples
    --------
    >>> absolute("sqlite:////srv/mlflow.db"), absolute("http://mlflow.example.org")
    ('sqlite:////srv/mlflow.db', 'http://mlflow.example.org')
    >>> absolute("sqlite:///mlflow.db") == f"sqlite:///{Path.cwd()}/mlflow.db"
    True
    """
    path = tracking_uri.removeprefix(_SQLITE)
    if path == tracking_uri or not path or path.startswith(("/", ":memory:", "file:")):
        return tracking_uri
    check_path(Path.cwd())
    return f"{_SQLITE}{Path.cwd() / path}"


def _check(origin: str, uri: str) -> None:
    scheme = urlsplit(uri).scheme.partition("+")[0]
    if scheme not in (*_DATABASES, *_SERVERS):
        raise WorkspaceException(
            f"{origin}={hide_password(uri)!r}: allowed is the MLflow tracking URI of a database "
            "(sqlite:///path, postgresql://..., mysql://..., mssql://...) or of a server "
            f"(http://..., https://...). Change {origin}, unset it for a database in ./.raysmith, "
            f"or name the store for raysmith alone in {STORE_VARIABLE}"
        )
