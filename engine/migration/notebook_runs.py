"""Notebooks, run in this process: as they are, or with their old idioms renewed."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import ConfigException
from engine.migration.notebook_text import NotANotebook, code_cells
from engine.migration.notebooks import rewrite_cells
from engine.migration.old_names import renew_scripts_in
from engine.migration.rewriting import Mode
from engine.migration.shell import shell
from engine.migration.text_files import UnreadableFile, read_text


def run_notebook(file: Path, arguments: Sequence[str] = ()) -> int:
    """Run the cells of a notebook one after the other, until one raises.

    The notebook's file stays as it is. Its folder becomes the working directory.

    Parameters
    ----------
    file:
        The notebook.
    arguments:
        Words after the file, in ``sys.argv``.

    Returns
    -------
    int
        0, the code that a cell gives ``sys.exit``, or 1 after an exception, whose traceback
        IPython prints.

    Raises
    ------
    ConfigException
        When the file is no notebook of Python.
    KeyboardInterrupt
        When a cell was interrupted.
    """
    return _run_in_folder(file, arguments, _cells(file))


def run_old_notebook(file: Path, arguments: Sequence[str] = ()) -> int:
    """Run a notebook of SDK v1 as `run_notebook` does, its idioms renewed in memory."""
    done = rewrite_cells(_cells(file), Mode.RUN)
    renew_scripts_in(file.parent.resolve())
    return _run_in_folder(file, arguments, done.cells, "\n".join(done.prelude))


def _cells(file: Path) -> list[str]:
    try:
        return [cell.source for cell in code_cells(read_text(file).text)]
    except (NotANotebook, UnreadableFile) as error:
        raise ConfigException([f"{file}: {error}"]) from None


def _run_in_folder(
    file: Path, arguments: Sequence[str], cells: Sequence[str], prelude: str = ""
) -> int:
    folder = file.parent.resolve()
    sys.path.insert(0, str(folder))
    sys.argv = [str(file.resolve()), *arguments]
    os.chdir(folder)
    with shell() as running:
        exec(prelude, running.user_ns)
        return _run(cells, running)


def _run(cells: Sequence[str], running: Any) -> int:
    for source in cells:
        result = running.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, KeyboardInterrupt):
            raise error
        if isinstance(error, SystemExit):
            return error.code if isinstance(error.code, int) else int(error.code is not None)
        if error is not None:
            return 1
    return 0
