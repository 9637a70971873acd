"""Notebooks of SDK v1, run in this process as they are."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.errors import ConfigException
from engine.migration.notebook_text import NotANotebook, code_cells
from engine.migration.notebooks import RewrittenCells, rewrite_cells
from engine.migration.old_names import renew_scripts_in
from engine.migration.rewriting import Mode
from engine.migration.shell import shell
from engine.migration.text_files import UnreadableFile, read_text


def run_notebook(file: Path, arguments: Sequence[str] = ()) -> int:
    """Run the cells of a notebook one after the other, until one raises.

    The notebook's file stays as it is. Its folder becomes the working directory.

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
    try:
        cells = [cell.source for cell in code_cells(read_text(file).text)]
    except (NotANotebook, UnreadableFile) as error:
        raise ConfigException([f"{file}: {error}"]) from None
    done = rewrite_cells(cells, Mode.RUN)
    folder = file.parent.resolve()
    renew_scripts_in(folder)
    sys.path.insert(0, str(folder))
    sys.argv = [str(file.resolve()), *arguments]
    os.chdir(folder)
    with shell() as running:
        return _run(done, running)


def _run(done: RewrittenCells, running: Any) -> int:
    exec("\n".join(done.prelude), running.user_ns)
    for source in done.cells:
        result = running.run_cell(source, store_history=True)
        error = result.error_before_exec or result.error_in_exec
        if isinstance(error, KeyboardInterrupt):
            raise error
        if isinstance(error, SystemExit):
            return error.code if isinstance(error.code, int) else int(error.code is not None)
        if error is not None:
            return 1
    return 0
