"""The check for what tests leave behind finds it."""

from __future__ import annotations

import subprocess
import threading
from functools import partial

import pytest

from engine.temporary import new_folder, remove_folder
from tests import leaks
from tests.leaks import leaving_nothing


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(leaks, "_SECONDS", 0.2)


def test_what_ends_in_time_is_not_left():
    with leaving_nothing():
        thread = threading.Thread(target=threading.Event().wait, args=(0.05,), name="raysmith-x")
        thread.start()


def leave(kind, folder, undo):
    with leaving_nothing():
        if kind == "thread":
            free = threading.Event()
            undo.append(free.set)
            threading.Thread(target=free.wait, name="raysmith-left").start()
        elif kind == "process":
            process = subprocess.Popen(["sleep", "60"])
            undo += [process.wait, process.kill]  # in reverse order
        elif kind == "folder":
            undo.append(partial(remove_folder, new_folder("late").name))
        else:
            undo.append((folder / "file").open().close)


@pytest.mark.parametrize(
    ("kind", "name"),
    [("thread", "-left"), ("process", "sleep"), ("folder", "late-"), ("descriptor", "leak-")],
)
def test_what_is_left_is_named(kind, name):
    folder = new_folder("leak")
    (folder / "file").touch()
    undo = [partial(remove_folder, folder.name)]
    try:
        with pytest.raises(AssertionError, match=f"left behind: .*{name}"):
            leave(kind, folder, undo)
    finally:
        for step in reversed(undo):
            step()
