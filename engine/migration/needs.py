"""Packages of the extra ``v1``."""

from __future__ import annotations

from importlib.util import find_spec

from engine.errors import ConfigException

_PACKAGES = ("libcst", "nbformat", "IPython")


def require_v1(what: str) -> None:
    """Check that the packages for old scripts are installed.

    Parameters
    ----------
    what:
        What needs them, for the error.

    Raises
    ------
    ConfigException
        Names those that are missing, and the command that installs them.
    """
    missing = [package for package in _PACKAGES if find_spec(package) is None]
    if missing:
        raise ConfigException(
            [
                f"{what} needs {', '.join(missing)}, which the extra 'v1' has: "
                'pip install "raysmith[v1]"'
            ]
        )
