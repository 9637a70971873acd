"""Whose workspace is found, and who can read it."""

from __future__ import annotations

import os
import shutil
import stat
import string
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine import Experiment, Workspace, WorkspaceException

STRANGER = 54_321
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of another user")


@contextmanager
def umask(mask):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def copied(template, folder):
    shutil.copytree(template, folder / ".raysmith")
    return folder / ".raysmith"


@as_root
@pytest.mark.parametrize("which", ["config.json", "."])
def test_a_strangers_workspace_is_not_opened(tmp_path, workspace_template, monkeypatch, which):
    folder = copied(workspace_template, tmp_path)
    os.chown(folder / which, STRANGER, STRANGER)
    below = tmp_path / "mine" / "deep"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    for path in (None, folder, folder / "config.json"):
        with pytest.raises(WorkspaceException, match=r"belongs to the user with the number 54321"):
            Workspace.from_config(path)
    # The way out that the message names.
    assert Workspace.create("own").folder == below / ".raysmith"
    assert Workspace.from_config().name == "own"


@as_root
def test_a_link_to_a_strangers_configuration(tmp_path, workspace_template, monkeypatch):
    folder = copied(workspace_template, tmp_path)
    theirs = tmp_path / "theirs.json"
    shutil.move(folder / "config.json", theirs)
    os.chown(theirs, STRANGER, STRANGER)
    (folder / "config.json").symlink_to(theirs)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceException, match=r"theirs.json belongs to the user"):
        Workspace.from_config()


OPEN_TWICE = """
from engine import Workspace
print(Workspace.from_config().folder, flush=True)
input()
Workspace.from_config()
"""


@as_root
@pytest.mark.slow
def test_roots_workspace_is_opened_by_others(tmp_path, workspace_template):
    """A process of another user opens what root has made, and not what a third one has."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    place = Path("/var/tmp") / tmp_path.name
    place.mkdir(mode=0o755)
    try:
        folder = copied(workspace_template, place)
        folder.chmod(0o755)
        (folder / "config.json").chmod(0o644)
        process = subprocess.Popen(
            ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c", OPEN_TWICE],
            cwd=place,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        opened = process.stdout.readline().strip()
        os.chown(folder / "config.json", STRANGER, STRANGER)
        _, said = process.communicate("\n")
        if not opened and ("Permission denied" in said or "ModuleNotFound" in said):
            pytest.skip("the interpreter of the tests is not readable by other users")
        assert opened == str(folder), said
        assert process.returncode == 1
        assert "WorkspaceException" in said
    finally:
        shutil.rmtree(place)


@pytest.mark.parametrize("which", ["config.json", "."])
@pytest.mark.parametrize("rights", [0o020, 0o002])
def test_one_that_others_can_write(tmp_path, workspace_template, monkeypatch, which, rights):
    folder = copied(workspace_template, tmp_path)
    place = folder / which
    before = stat.S_IMODE(place.stat().st_mode)
    place.chmod(before | rights)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WorkspaceException, match=r"can be written by others.*chmod go-w"):
        Workspace.from_config()
    place.chmod(before)
    assert Workspace.from_config().folder == folder


def test_the_search_ends_at_the_home_folder(tmp_path, workspace_template, monkeypatch):
    copied(workspace_template, tmp_path)
    home = tmp_path / "home" / "ada"
    project = home / "project"
    project.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(project)
    with pytest.raises(WorkspaceException, match="no workspace at"):
        Workspace.from_config(project)
    assert Workspace.from_config().folder == project / ".raysmith"
    shutil.rmtree(project / ".raysmith")
    # The home folder itself is the user's.
    own = copied(workspace_template, home)
    assert Workspace.from_config(project).folder == own


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="/dev/shm is not there")
def test_the_search_ends_at_the_file_system(tmp_path, workspace_template, monkeypatch):
    inner = Path("/dev/shm") / f"raysmith-test-{os.getpid()}"
    inner.mkdir()
    try:
        real = Path.is_file
        asked = []
        monkeypatch.setattr(Path, "is_file", lambda self: asked.append(self) or real(self))
        with pytest.raises(WorkspaceException, match="no workspace at"):
            Workspace.from_config(inner)
        assert {place.parent.parent for place in asked if place.parent.name == ".raysmith"} == {
            inner,
            inner.parent,
        }
    finally:
        inner.rmdir()


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o022])
def test_only_its_owner_reads_a_new_one(tmp_path, monkeypatch, mask):
    monkeypatch.chdir(tmp_path)
    with umask(mask):
        folder = Workspace.from_config().folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert [f.name for f in folder.iterdir()] == ["config.json"]
    assert stat.S_IMODE((folder / "config.json").stat().st_mode) == 0o600
    assert Workspace.from_config().folder == folder


def test_a_folder_that_was_there_is_closed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".raysmith").mkdir()
    (tmp_path / ".raysmith").chmod(0o777)
    assert stat.S_IMODE(Workspace.from_config().folder.stat().st_mode) == 0o700


def test_odd_names_of_folders(tmp_path, workspace_template, monkeypatch):
    """Every printable character in a folder's name works, or is refused before anything is made."""
    odd = "".join(c for c in string.punctuation if c not in "/?") + " äß日本"
    place = tmp_path / odd
    place.mkdir()
    copied(workspace_template, place)
    monkeypatch.chdir(place)
    made = Workspace.from_config()
    Experiment(made, "one")
    assert list(made.experiments) == ["one"]
    store = made.store
    settings = {"task": "regression", "primary_metric": "r2_score", "name": None}
    run_id = store.create_run(Experiment(made, "one").id, settings, None)
    store.write_text(run_id, "note.txt", "kept")
    assert store.read_bytes(run_id, "note.txt") == b"kept"
    assert {p.name for p in tmp_path.iterdir()} == {odd}


@pytest.mark.parametrize("odd", ["?", "%20"])
def test_what_means_something_in_a_uri(tmp_path, monkeypatch, odd):
    place = tmp_path / f"why{odd}not"
    place.mkdir()
    monkeypatch.chdir(place)
    with pytest.raises(WorkspaceException, match="in its path"):
        Workspace.from_config()
    assert list(place.iterdir()) == []
    elsewhere = f"sqlite:///{tmp_path}/mlflow.db"
    assert Workspace.create("w", tracking_uri=elsewhere).tracking_uri == elsewhere
