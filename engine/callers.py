"""The user's line of code, for warnings."""

from __future__ import annotations

import inspect
import os
from pathlib import Path

_PACKAGE = f"{Path(__file__).parent}{os.sep}"


def level_of_user() -> int:
    """Return the ``stacklevel`` with which the caller's warning points to the user's line.

    It is the nearest line that is not raysmith's own. Warnings in the middle of raysmith would
    otherwise show a line that the user has not written, and Python shows each of them once a line.

    Examples
    --------
    >>> import warnings
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warnings.warn("no effect", stacklevel=level_of_user())
    >>> str(caught[0].message)
    'no effect'
    """
    own = inspect.currentframe()
    frame, level = None if own is None else own.f_back, 1
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    return level
