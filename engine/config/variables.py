"""Environment variables for the processes of a run. Their values are kept in memory only."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping

from engine.errors import ConfigException


class Variables(Mapping[str, str]):
    """Names and values of environment variables, which may be secrets.

    The text of the object shows the names only.

    Parameters
    ----------
    values:
        Name -> value.

    Examples
    --------
    >>> variables = Variables({"DB_PASSWORD": "hunter2"})
    >>> variables
    Variables(DB_PASSWORD=***)
    >>> variables["DB_PASSWORD"]
    'hunter2'
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Variables({', '.join(f'{name}=***' for name in self._values)})"


def variables_here(names: Iterable[str], known: Mapping[str, str]) -> Variables:
    """Return variables by their names, from ``known`` or else from this process's environment.

    Raises
    ------
    ConfigException
        Lists those that are in neither.

    Examples
    --------
    >>> variables_here(["A"], {"A": "1"})["A"]
    '1'
    """
    names = list(names)
    missing = [name for name in names if name not in known and name not in os.environ]
    if missing:
        raise ConfigException(
            [
                f"the run was given the environment variable {name!r}. Its value is kept nowhere: "
                "set it in this process's environment, os.environ, and try again"
                for name in missing
            ]
        )
    return Variables({name: known.get(name, os.environ.get(name, "")) for name in names})
