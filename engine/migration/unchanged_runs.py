"""Scripts and notebooks of SDK v1, run as they are."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType, TracebackType

from cluster.jobs.worker_setup import SETUP_VARIABLE
from engine.errors import ConfigException
from engine.migration.needs import require_v1

#: What each worker process calls, as `cluster.jobs.worker_setup` reads it.
_WORKER_SETUP = "engine.migration.old_names:answer_old_names"
_DONE, _ERROR = 0, 1


def run_unchanged(file: Path, arguments: Sequence[str] = ()) -> int:
    """Run a script or notebook of SDK v1 as it is; the names ``azureml.*`` are raysmith's.

    They answer in this process, and in the workers and replicas that its runs and endpoints start.
    Idioms of old pandas, numpy and scikit-learn are renewed in memory.

    Parameters
    ----------
    file:
        A script, run as ``python FILE ARGUMENTS`` would, or a notebook, whose folder becomes the
        working directory, as in Jupyter.
    arguments:
        Words after the file, in ``sys.argv``.

    Returns
    -------
    int
        The exit code: that of the script, or 1 after an exception, whose traceback is printed.

    Raises
    ------
    ConfigException
        When the file is neither, or the packages of the extra ``v1`` are missing.
    """
    require_v1("raysmith run --v1")
    from engine.migration.old_names import answer_old_names

    answer_old_names()
    os.environ[SETUP_VARIABLE] = _WORKER_SETUP
    if file.suffix == ".ipynb":
        from engine.migration.notebook_runs import run_old_notebook

        return run_old_notebook(file, arguments)
    if file.suffix != ".py":
        raise ConfigException([f"{file}: --v1 runs a script (.py) or a notebook (.ipynb)"])
    return _run_script(file, arguments)


def _run_script(file: Path, arguments: Sequence[str]) -> int:
    from engine.migration.old_names import renew_scripts_in
    from engine.migration.renewed_code import renewed_code

    renew_scripts_in(file.parent)
    module = ModuleType("__main__")
    module.__file__ = str(file)
    module.__dict__["__builtins__"] = __builtins__
    # Threads and functions for the exit still use them when the script's last line has run.
    sys.modules["__main__"] = module
    sys.argv = [str(file), *arguments]
    sys.path.insert(0, str(file.parent.resolve()))
    content = file.read_bytes()
    try:
        with ExitStack() as stack:
            if b"get_ipython" in content:
                from engine.migration.shell import shell

                # A notebook that was exported: its magics are calls of this function.
                running = stack.enter_context(shell(module))
                module.__dict__["get_ipython"] = lambda: running
            exec(renewed_code(content, str(file)), module.__dict__)
    except Exception as error:
        sys.stdout.flush()
        print_traceback(error, str(file))
        return _ERROR
    return _DONE


def print_traceback(error: BaseException, file: str) -> None:
    """Print a traceback from the frames of the file on, as Python does for a script."""
    at: TracebackType | None = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename != file:
        at = at.tb_next
    if at is None and not isinstance(error, SyntaxError):
        at = error.__traceback__
    traceback.print_exception(error.with_traceback(at))
