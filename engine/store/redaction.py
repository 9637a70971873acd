"""Secrets that must not appear in what is stored, logged or said."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from urllib.parse import unquote

from engine.uris import hide_passwords

#: Shorter values, such as "1" or "true", are no secrets and are in every text.
_SHORTEST = 6
_HIDDEN = "***"


class Redaction:
    """Replaces secrets, and passwords in URIs, by ``***``.

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
        return hide_passwords(text)

    def error(self, error: Exception) -> Exception:
        """Return an error with texts in which nothing secret is left, without its causes.

        Errors of a client of MLflow hold the URI of the server, with its password. Without secrets
        the error stays as it is. To be raised outside the ``except`` block that caught it: what
        caused an error is printed with it.
        """
        if not self._secrets:
            return error
        error.args = tuple(self(a) if isinstance(a, str) else a for a in error.args)
        if isinstance(text := getattr(error, "message", None), str):
            error.message = self(text)  # type: ignore[attr-defined]
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)


class RedactingFormatter(logging.Formatter):
    """Formats log lines, tracebacks included, without secrets."""

    def __init__(self, redact: Redaction, pattern: str) -> None:
        super().__init__(pattern)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        return self._redact(super().format(record))
