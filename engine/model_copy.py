"""Which `engine` is imported where a registered model holds a copy of it.

A registered model carries the packages ``engine`` and ``cluster`` in its folder ``code``. MLflow
puts that folder first on ``sys.path`` before it loads the model, for the rest of the process. The
first lines of both packages call this module, so that one process has one version of both: the
installed one if it is at least as new as the copy, else the copy.

The module imports nothing but the standard library: every process imports it first.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import re
import sys
from pathlib import Path

#: Files that tell a model's folder, and its subfolder with code.
_MODEL_FILE, _CODE_FOLDER = "MLmodel", "code"
_VERSION = re.compile(r'^__version__ = "(.+)"$', re.MULTILINE)


def stand_aside(file: str) -> bool:
    """Have the installed ``engine`` imported in place of a model's copy, if it is no older.

    The import of ``engine`` that is under way gives the installed package then, as Python takes
    from ``sys.modules`` what is there when a module has been executed.

    Parameters
    ----------
    file:
        ``__file__`` of the package ``engine`` that is being imported.

    Returns
    -------
    bool
        Whether the installed package has been imported.

    Examples
    --------
    >>> import engine
    >>> stand_aside(engine.__file__)
    False
    """
    root = Path(file).parents[1]
    if not is_copy(root):
        return False
    elsewhere = [entry for entry in sys.path if Path(entry) != root]
    spec = _found_on(elsewhere, "engine")
    if spec is None or not _is_no_older(spec, root):
        return False
    sys.path[:] = elsewhere
    for name in [n for n in sys.modules if n.partition(".")[0] == "engine"]:
        del sys.modules[name]
    importlib.import_module("engine")
    return True


def take_from(file: str, engine_file: str | None) -> bool:
    """Have the ``cluster`` imported that belongs to the ``engine`` of this process.

    Parameters
    ----------
    file:
        ``__file__`` of the package ``cluster`` that is being imported.
    engine_file:
        ``__file__`` of the package ``engine``.

    Returns
    -------
    bool
        Whether another package has been imported than the model's copy.
    """
    root = Path(file).parents[1]
    if engine_file is None or not is_copy(root) or Path(engine_file).parents[1] == root:
        return False
    place = Path(engine_file).parents[1] / "cluster"
    spec = importlib.util.spec_from_file_location(
        "cluster", place / "__init__.py", submodule_search_locations=[str(place)]
    )
    if spec is None or spec.loader is None or not place.is_dir():
        return False
    module = importlib.util.module_from_spec(spec)
    sys.modules["cluster"] = module
    spec.loader.exec_module(module)
    return True


def is_copy(root: Path) -> bool:
    """Whether a folder of packages is the code of an MLflow model.

    Examples
    --------
    >>> is_copy(Path("/usr/lib/python3"))
    False
    """
    return root.name == _CODE_FOLDER and (root.parent / _MODEL_FILE).is_file()


def _found_on(path: list[str], name: str) -> importlib.machinery.ModuleSpec | None:
    """Find a package that is not imported yet, also one of an editable installation."""
    before = sys.path
    sys.path = path
    try:
        for finder in sys.meta_path:
            spec = finder.find_spec(name, None)
            if spec is not None:
                return spec
    finally:
        sys.path = before
    return None


def _is_no_older(spec: importlib.machinery.ModuleSpec, root: Path) -> bool:
    """Whether a package is raysmith's, and at least as new as the copy in ``root``."""
    if spec.origin is None:
        return False
    installed, copied = _version_in(Path(spec.origin).parent), _version_in(root / "engine")
    if installed is None or copied is None:
        return False
    if installed == copied:
        return True
    from packaging.version import InvalidVersion, Version

    try:
        return Version(installed) >= Version(copied)
    except InvalidVersion:
        return False


def _version_in(package: Path) -> str | None:
    """Return the version of raysmith in a folder ``engine``; ``None`` for another package."""
    try:
        text = (package / "_version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = _VERSION.search(text)
    return found[1] if found is not None and "raysmith" in text else None
