"""The command ``raysmith run``: a script or a notebook as it is, or a run of a file of settings."""

from __future__ import annotations

import argparse
import runpy
import sys
from pathlib import Path

from engine.errors import ConfigException
from engine.migration.needs import require_v1
from engine.migration.unchanged_runs import run_unchanged

_DONE = 0


def run(options: argparse.Namespace) -> int:
    """Start a run from a file of settings, or execute a driver script or a notebook.

    A script is executed before anything else is imported for it.
    """
    file = Path(options.file)
    if not file.is_file():
        raise ConfigException([f"{options.file}: there is no such file"])
    if options.v1:
        return run_unchanged(file, options.arguments)
    if file.suffix == ".ipynb":
        require_v1("raysmith run NOTEBOOK")
        from engine.migration.notebook_runs import run_notebook

        return run_notebook(file, options.arguments)
    if file.suffix == ".py":
        sys.argv = [str(file), *options.arguments]
        sys.path.insert(0, str(file.parent.resolve()))
        runpy.run_path(str(file), run_name="__main__")
        return _DONE
    if options.arguments:
        raise ConfigException(
            [f"{options.arguments}: a settings file takes no arguments after --, scripts do"]
        )
    from engine.cli.commands import run_settings

    return run_settings(file, options.experiment, options.workspace)
