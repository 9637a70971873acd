"""Texts that may be stored, printed and shown: without control characters and passwords."""

from __future__ import annotations

import re

_ESCAPE_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links and other strings
    r"|\x1b[ -/]*[0-~]?"
)
_NEW_LINES = re.compile(r"\r\n?")
#: Control characters but for tabs and new lines, and halves of surrogate pairs.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\ud800-\udfff]")

_PASSWORD_IN_AUTHORITY = re.compile(r"(://[^\s/:@]*):[^\s/]*@")
_PASSWORD_IN_QUERY = re.compile(r"([?&](?:password|passwd|pwd|sslpassword|token)=)[^&\s'\"]+", re.I)
_WITHOUT_CREDENTIALS = ("sqlite", "file")


def plain_text(text: str) -> str:
    """Return a text that every database and every terminal takes.

    Terminal escape sequences and control characters are removed. A lone surrogate, which has no
    encoding, becomes the replacement character. A carriage return becomes a new line.

    Examples
    --------
    >>> plain_text("\\x1b[31mred\\x1b[0m\\x00 text\\r\\n")
    'red text\\n'
    """
    text = _NEW_LINES.sub("\n", _ESCAPE_SEQUENCES.sub("", text))
    return _NOT_TEXT.sub(lambda found: "\ufffd" if found[0] >= "\ud800" else "", text)


def hide_passwords(text: str) -> str:
    """Replace the passwords of all URIs in a text by ``***``.

    Examples
    --------
    >>> hide_passwords("cannot reach https://ada:secret@host/api, port 80")
    'cannot reach https://ada:***@host/api, port 80'
    >>> hide_passwords("postgresql://host/db?user=ada&password=secret")
    'postgresql://host/db?user=ada&password=***'
    """
    return _PASSWORD_IN_QUERY.sub(r"\1***", _PASSWORD_IN_AUTHORITY.sub(r"\1:***@", text))


def hide_password(uri: str) -> str:
    """Replace the password of one URI by ``***``, whatever characters the password has.

    Examples
    --------
    >>> hide_password("postgresql://ada:se/c@ret@host/db")
    'postgresql://ada:***@host/db'
    >>> hide_password("sqlite:///ada@work/mlflow.db")
    'sqlite:///ada@work/mlflow.db'
    """
    scheme, separator, rest = uri.partition("://")
    if scheme.partition("+")[0] in _WITHOUT_CREDENTIALS:
        return uri
    credentials, at, host = rest.rpartition("@")
    user, colon, _ = credentials.partition(":")
    shown = f"{user}:***@{host}" if colon else f"{credentials}{at}{host}"
    return _PASSWORD_IN_QUERY.sub(r"\1***", f"{scheme}{separator}{shown}")


def password_of(uri: str) -> str:
    """Return the password of a URI as it is written there; empty without one.

    Examples
    --------
    >>> password_of("postgresql://ada:s%40cret@host/db"), password_of("sqlite:///a:b@c.db")
    ('s%40cret', '')
    """
    scheme, _, rest = uri.partition("://")
    if scheme.partition("+")[0] in _WITHOUT_CREDENTIALS:
        return ""
    credentials, at, _ = rest.rpartition("@")
    return credentials.partition(":")[2] if at else ""


def without_credentials(uri: str) -> str:
    """Return a URI without user name and password, for addresses that others may see.

    Examples
    --------
    >>> without_credentials("https://ada:secret@host:8443/mlflow")
    'https://host:8443/mlflow'
    """
    scheme, separator, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"
