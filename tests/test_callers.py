"""Warnings point to the user's line."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from engine import callers


@pytest.mark.parametrize("depth", [0, 1, 5])
def test_frames_of_the_package_are_passed_over(depth):
    """The code of the inner functions lies in the package, as far as Python can tell."""
    source = "def warn(depth):\n"
    source += "    if depth:\n        return warn(depth - 1)\n"
    source += "    warnings.warn('no effect', stacklevel=level_of_user())\n"
    file = Path(callers.__file__).with_name("made_up.py")
    names = {"warnings": warnings, "level_of_user": callers.level_of_user}
    exec(compile(source, str(file), "exec"), names)
    with pytest.warns(UserWarning, match="no effect") as caught:
        names["warn"](depth)
    assert caught[0].filename == __file__


def test_other_folders_whose_names_begin_alike_are_the_users():
    file = Path(f"{Path(callers.__file__).parent}s", "mine.py")
    names = {"level_of_user": callers.level_of_user}
    exec(compile("level = level_of_user()", str(file), "exec"), names)
    assert names["level"] == 1
