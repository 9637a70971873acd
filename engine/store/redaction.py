"""Secrets that must not appear in what is stored, logged or said."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

#: Shorter values, such as "1" or "true", are no secrets and are in every text.
_SHORTEST = 6
_HIDDEN = "***"


def password_of(uri: str) -> str:
    """Return the password of a URI as it is written there; empty without one.

    Examples
    --------
    >>> password_of("postgresql://ada:s%40cret@host/db"), password_of("sqlite:///a@b.db")
    ('s%40cret', '')
    """
    _, separator, rest = uri.partition("://")
    credentials, at, _ = rest.rpartition("@")
    return credentials.partition(":")[2] if separator and at and "/" not in credentials else ""


def hide_password(uri: str) -> str:
    """Replace the password of a URI by ``***``.

    Examples
    --------
    >>> hide_password("postgresql://ada:secret@host/db")
    'postgresql://ada:***@host/db'
    >>> hide_password("sqlite:///mlflow.db")
    'sqlite:///mlflow.db'
    """
    password = password_of(uri)
    return uri.replace(f":{password}@", f":{_HIDDEN}@", 1) if password else uri


def without_login(uri: str) -> str:
    """Return a URI without its user and password.

    Examples
    --------
    >>> without_login("https://ada:secret@host:5000/mlflow")
    'https://host:5000/mlflow'
    """
    scheme, separator, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


class Redaction:
    """Replaces secrets in texts by ``***``.

    Parameters
    ----------
    secrets:
        Texts to replace. Those of fewer than 6 characters are left alone, as they occur by chance.

    Examples
    --------
    >>> redact = Redaction(["hunter2"])
    >>> redact("password authentication failed for hunter2")
    'password authentication failed for ***'
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: list[str] = []
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Replace these texts, too, also where they are decoded from a URI."""
        found = {*self._secrets}
        for secret in secrets:
            found |= {text for text in (secret, unquote(secret)) if len(text) >= _SHORTEST}
        # The longest first: one secret may be a part of another.
        self._secrets = sorted(found, key=len, reverse=True)

    def __bool__(self) -> bool:
        return bool(self._secrets)

    def __call__(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        return text


class RedactingFormatter(logging.Formatter):
    """Formats log lines, tracebacks included, without secrets."""

    def __init__(self, redact: Redaction, pattern: str) -> None:
        super().__init__(pattern)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return self._redact(super().format(record))


class RedactingClient:
    """Passes calls on to a client, and hides secrets in the errors that it raises.

    Errors of a client of MLflow hold the URI of the server, with its password.
    """

    def __init__(self, client: Any, redact: Redaction) -> None:
        self._client = client
        self._redact = redact

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._client, name)
        if not callable(value):
            return value

        def call(*arguments: Any, **named: Any) -> Any:
            try:
                return value(*arguments, **named)
            except Exception as error:
                hidden = _hidden(error, self._redact)
            # Out of the handler: what caused the error would be printed with it.
            raise hidden

        return call


def _hidden(error: Exception, redact: Redaction) -> Exception:
    """Return the error with texts in which nothing secret is left, without its causes."""
    error.args = tuple(redact(a) if isinstance(a, str) else a for a in error.args)
    if isinstance(text := getattr(error, "message", None), str):
        error.message = redact(text)  # type: ignore[attr-defined]
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)
