"""The user's data script: found, checked without running it, and run."""

from __future__ import annotations

import ast
import importlib.util
import os
import sys
import traceback
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import ModuleType

from engine.errors import DataException

_MODULE_NAME = "raysmith_data_script"
_EXPECTED = "it must define a function get_data() that returns a dict with 'X' and 'y'"
_loader: type[SourceFileLoader] = SourceFileLoader


def find_script(script: str, project: str = ".") -> Path:
    """Return the absolute path of a data script: as given, else inside the project folder.

    Raises
    ------
    DataException
        When it is in neither place; says where it was looked for.
    """
    candidates = [Path(script), Path(project) / script]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    looked = " or ".join(dict.fromkeys(str(c.absolute()) for c in candidates))
    what = "is a folder" if candidates[0].is_dir() else "does not exist"
    raise DataException(f"data_script={script!r} {what}: looked for {looked}")


def check_script(script: str, project: str = ".") -> Path:
    """Find a data script and check, without running it, that it defines ``get_data``.

    Returns
    -------
    pathlib.Path
        Its absolute path.

    Raises
    ------
    DataException
        When it is missing, is not valid Python, or has no ``get_data``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "data.py").write_text("def get_data(): ...")
    ...     check_script("data.py", project=folder).name
    'data.py'
    """
    path = find_script(script, project)
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"), filename=str(path))
    except (SyntaxError, UnicodeDecodeError, ValueError) as error:
        raise DataException(f"the data script {path} is not valid Python: {error}") from error
    if not any(_defines_get_data(node) for node in ast.walk(tree)):
        raise DataException(f"the data script {path} has no get_data: {_EXPECTED}")
    return path


def _defines_get_data(node: ast.AST) -> bool:
    match node:
        case ast.FunctionDef(name="get_data"):
            return True
        case ast.ImportFrom(names=names) | ast.Import(names=names):
            # A star import may define it; only a run of the script shows that.
            return any((alias.asname or alias.name) in ("get_data", "*") for alias in names)
        case ast.Name(id="get_data", ctx=ast.Store()):
            return True
    return False


def use_script_loader(loader: type[SourceFileLoader]) -> None:
    """Let a loader of one's own load the scripts of users in this process.

    Examples
    --------
    >>> use_script_loader(SourceFileLoader)  # the default
    """
    global _loader
    _loader = loader


def load_script(path: Path, name: str) -> ModuleType:
    """Run a script of the user as a module, and keep it in ``sys.modules``.

    Parameters
    ----------
    path:
        The script.
    name:
        The module's name.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     script = pathlib.Path(folder, "one.py")
    ...     _ = script.write_text("x = 1")
    ...     load_script(script, "one").x
    1
    """
    spec = importlib.util.spec_from_file_location(name, path, loader=_loader(name, str(path)))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def run_script(path: Path) -> object:
    """Import a data script as a module and call its ``get_data()``.

    Its folder is the working directory during the call and stays importable, at the end of
    ``sys.path``.

    Returns
    -------
    object
        The value of ``get_data()``, unchecked.

    Raises
    ------
    DataException
        When the script or ``get_data()`` raises or calls ``sys.exit``, with the script's own
        traceback; when there is no ``get_data``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     script = pathlib.Path(folder, "data.py")
    ...     _ = script.write_text("def get_data(): return {'X': [[1.0]], 'y': [0]}")
    ...     run_script(script)
    {'X': [[1.0]], 'y': [0]}
    """
    folder = str(path.parent)
    before = os.getcwd()
    if folder not in sys.path:
        sys.path.append(folder)
    os.chdir(folder)
    try:
        get_data = getattr(load_script(path, _MODULE_NAME), "get_data", None)
        if not callable(get_data):
            raise DataException(f"the data script {path} has no get_data: {_EXPECTED}")
        return get_data()
    except DataException:
        raise
    except (Exception, SystemExit) as error:
        raise DataException(
            f"get_data() of {path} failed with {type(error).__name__}: {error}\n"
            f"{_own_traceback(error, path)}"
        ) from None
    finally:
        os.chdir(before)


def _own_traceback(error: BaseException, path: Path) -> str:
    """Return the traceback from the script's first frame on."""
    frames = traceback.extract_tb(error.__traceback__)
    first = next((i for i, frame in enumerate(frames) if frame.filename == str(path)), 0)
    lines = traceback.format_list(frames[first:])
    lines += traceback.format_exception_only(type(error), error)
    return "Traceback (most recent call last):\n" + "".join(lines).rstrip()
