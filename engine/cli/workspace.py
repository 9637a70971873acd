"""The workspace that a command works on."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout

from engine.client.workspace import Workspace


def open_workspace(folder: str | None) -> Workspace:
    """Open the workspace of ``--workspace``, else the nearest one; make one when there is none.

    What is said of a new workspace goes to standard error: standard output is the command's, and
    may be JSON.
    """
    with redirect_stdout(sys.stderr):
        return Workspace.from_config(folder)
