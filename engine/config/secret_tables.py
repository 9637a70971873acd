"""Passwords in the URIs of tables: kept in memory only, like environment variables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from engine.config.variables import Variables
from engine.data.keys import TABLE_KEYS
from engine.errors import ConfigException
from engine.uris import hide_password, secrets_of

_VARIABLES = {
    "training_data": "RAYSMITH_TRAINING_DATA",
    "validation_data": "RAYSMITH_VALIDATION_DATA",
}


def variable_of(key: str) -> str:
    """Return the environment variable that holds a table's URI for another driver.

    Examples
    --------
    >>> variable_of("training_data")
    'RAYSMITH_TRAINING_DATA'
    """
    return _VARIABLES[key]


def hidden(tables: Mapping[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return tables in the form that may be stored, and the keys of those that held a password.

    Examples
    --------
    >>> hidden({"training_data": "s3://ada:secret@bucket/t.csv", "label": "y"})
    ({'training_data': 's3://ada:***@bucket/t.csv', 'label': 'y'}, ('training_data',))
    """
    secret = tuple(key for key in TABLE_KEYS if key in tables and secrets_of(tables[key]))
    return {k: hide_password(v) if k in secret else v for k, v in tables.items()}, secret


def secrets_in(tables: Mapping[str, Any]) -> Variables:
    """Return the URIs that hold a password, under the names of their environment variables."""
    _, secret = hidden(tables)
    return Variables({variable_of(key): tables[key] for key in secret})


def filled(
    tables: Mapping[str, Any], missing: Iterable[str], known: Mapping[str, str]
) -> dict[str, Any]:
    """Return tables with the URIs whose passwords were hidden.

    Parameters
    ----------
    tables:
        As `hidden` returned them.
    missing:
        The keys of the tables that held a password.
    known:
        Name of an environment variable -> URI; others are taken from this process's environment.

    Raises
    ------
    ConfigException
        Lists the tables whose URIs are in neither.

    Examples
    --------
    >>> shown = {"training_data": "s3://ada:***@bucket/t.csv"}
    >>> known = {"RAYSMITH_TRAINING_DATA": "s3://ada:secret@bucket/t.csv"}
    >>> filled(shown, ["training_data"], known)
    {'training_data': 's3://ada:secret@bucket/t.csv'}
    """
    uris = {key: known.get(variable_of(key)) or os.environ.get(variable_of(key)) for key in missing}
    problems = [
        f"{key}={tables[key]!r}: its password is kept nowhere; set os.environ"
        f"[{variable_of(key)!r}] to the whole URI, and try again"
        for key, uri in uris.items()
        if not uri
    ]
    if problems:
        raise ConfigException(problems)
    return {**tables, **uris}
