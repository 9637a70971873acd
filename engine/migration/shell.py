"""IPython's shell in this process, which runs notebooks and scripts that were notebooks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from engine.temporary import passing_folder


class Shell(InteractiveShell):
    """Shell without windows: figures are shown as text, or written by the notebook."""

    def enable_gui(self, gui: str | None = None) -> None:
        """Start no event loop."""


@contextmanager
def shell(module: ModuleType | None = None) -> Iterator[Any]:
    """Give IPython's shell; the user's history and profile stay as they are.

    Parameters
    ----------
    module:
        Its names are those of the shell; default: a new module ``__main__``.
    """
    settings = Config()
    settings.HistoryManager.enabled = False
    if not sys.stdout.isatty():
        settings.Shell.colors = "nocolor"
    more: dict[str, Any] = {} if module is None else {"user_module": module}
    with passing_folder("ipython") as place:
        yield Shell.instance(config=settings, ipython_dir=str(place), **more)
