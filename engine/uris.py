"""URIs with passwords: shown without them, and the passwords themselves."""

from __future__ import annotations

import re

_PASSWORD_IN_AUTHORITY = re.compile(r"(://[^\s/:@]*):[^\s/]*@")
#: Names of parameters that are secrets, also in addresses that a cloud has signed.
_SECRET_NAMES = (
    r"sig|(?:[\w.-]*[-_])?(?:password|passwd|pwd|sslpassword|token|secret|signature|credential"
    r"|(?:api|access|account|secret)[-_]?key)"
)
_PASSWORD_IN_QUERY = re.compile(rf"([?&](?:{_SECRET_NAMES})=)([^&\s'\"]+)", re.I)
_HOST_AND_PORT = re.compile(r"[^/@]*:\d+(?:/|$)")
_WITHOUT_CREDENTIALS = ("sqlite", "file")


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
    """Replace the passwords of one URI by ``***``, whatever characters they have.

    Examples
    --------
    >>> hide_password("postgresql://ada:se/c@ret@host/db")
    'postgresql://ada:***@host/db'
    >>> hide_password("https://host/t.csv?se=2030&sig=secret")
    'https://host/t.csv?se=2030&sig=***'
    >>> hide_password("sqlite:///ada@work/mlflow.db")
    'sqlite:///ada@work/mlflow.db'
    """
    credentials = _credentials(uri)
    if credentials is not None:
        user, colon, _ = credentials.partition(":")
        if colon:
            uri = uri.replace(f"{credentials}@", f"{user}:***@", 1)
    scheme = uri.partition("://")[0].partition("+")[0]
    is_file = scheme in _WITHOUT_CREDENTIALS
    return uri if is_file else _PASSWORD_IN_QUERY.sub(r"\1***", uri)


def password_of(uri: str) -> str:
    """Return the password of a URI as it is written there; empty without one.

    Examples
    --------
    >>> password_of("postgresql://ada:s%40cret@host/db"), password_of("sqlite:///a:b@c.db")
    ('s%40cret', '')
    """
    return (_credentials(uri) or "").partition(":")[2]


def secrets_of(uri: str) -> tuple[str, ...]:
    """Return what `hide_password` hides, as it is written in the URI.

    Examples
    --------
    >>> secrets_of("https://ada:secret@host/t.csv?token=4711")
    ('secret', '4711')
    >>> secrets_of("s3://bucket/t.csv")
    ()
    """
    if hide_password(uri) == uri:
        return ()
    in_query = [found[2] for found in _PASSWORD_IN_QUERY.finditer(uri)]
    return tuple(secret for secret in (password_of(uri), *in_query) if secret)


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


def _credentials(uri: str) -> str | None:
    """Return what is before the host: a user's name, perhaps with a password after a colon."""
    scheme, _, rest = uri.partition("://")
    # A path may have an @ of its own: host:8080/a@b.csv.
    if scheme.partition("+")[0] in _WITHOUT_CREDENTIALS or _HOST_AND_PORT.match(rest):
        return None
    credentials, at, _ = rest.rpartition("@")
    return credentials if at else None
