"""What old scripts need: the packages of the extra ``v1``, or nothing."""

from __future__ import annotations

import re
from importlib.util import find_spec

from engine.errors import ConfigException

_PACKAGES = ("libcst", "nbformat", "IPython")

#: A source without any of these words needs no change.
_WORDS = re.compile(
    r"azureml|pyspark|pandas|numpy|sklearn|matplotlib|pylab|pkg_resources|interpret[._]|raiwidgets"
    r"|\.blob\.|\.dfs\.|wasbs?:"
)


def may_need(text: str) -> bool:
    """Whether a source may have something to rewrite or to look at.

    Examples
    --------
    >>> may_need("import azureml.core"), may_need("import math")
    (True, False)
    """
    return _WORDS.search(text) is not None


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
