"""Packages of the tree import their names and their modules on first use."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def lazy_package(
    package: str, names: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the functions ``__getattr__`` and ``__dir__`` of a package.

    Parameters
    ----------
    package:
        Full name of the package.
    names:
        Public name -> module that defines it. Modules of the package are found without being
        named here, so that ``azureml.core.authentication`` works after ``import azureml``.

    Examples
    --------
    >>> getattr_, dir_ = lazy_package("engine.azureml", {"VERSION": "engine.azureml.core.version"})
    >>> getattr_("core").__name__, "VERSION" in dir_()
    ('engine.azureml.core', True)
    """
    table = dict(names or {})

    def get(name: str) -> Any:
        if name in table:
            value = getattr(import_module(table[name]), name)
        elif not name.startswith("_") and find_spec(f"{package}.{name}") is not None:
            value = import_module(f"{package}.{name}")
        else:
            raise AttributeError(
                f"{package} has no {name!r}; it has {', '.join(sorted(table)) or 'modules only'}. "
                "docs/reference/azureml.md lists what the tree holds"
            )
        setattr(sys.modules[package], name, value)
        return value

    def names_of_package() -> list[str]:
        return sorted({*vars(sys.modules[package]), *table})

    return get, names_of_package
