"""The temporary folder of a user: private, shared by processes, swept of dead ones."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from engine import temporary
from engine.errors import RunException
from engine.temporary import new_folder, passing_folder, remove_folder, shared_folder


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder for temporary files, that any user may write to, as ``/tmp``."""
    tmp_path.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    temporary._sweep.cache_clear()
    yield tmp_path
    temporary._sweep.cache_clear()


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_nobody_else_can_read_it(place):
    root = temporary.temporary_root()
    assert root == place / f"raysmith-{os.getuid()}"
    assert mode(root) == 0o700
    root.chmod(0o755)
    assert mode(temporary.temporary_root()) == 0o700


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder_of_the_user_is_not_used(place, kind):
    root = place / f"raysmith-{os.getuid()}"
    if kind == "link":
        (place / "elsewhere").mkdir()
        root.symlink_to(place / "elsewhere")
    else:
        root.write_text("mine")
    with pytest.raises(RunException, match="set the environment variable TMPDIR"):
        temporary.temporary_root()


@pytest.mark.skipif(os.getuid() != 0, reason="needs to be root")
def test_a_folder_of_another_user_is_not_used(place):
    root = place / "raysmith-0"
    root.mkdir()
    os.chown(root, 4711, 4711)
    with pytest.raises(RunException, match="is not a folder of this user"):
        temporary.temporary_root()


def test_a_folder_has_the_name_that_processes_agree_on(place):
    folder = shared_folder("run-1")
    assert shared_folder("run-1") == folder
    assert mode(folder) == 0o700
    remove_folder("run-1")
    assert not folder.exists()
    remove_folder("run-1")


def test_a_passing_folder_is_empty_and_goes(place):
    with contextlib.suppress(ValueError), passing_folder("x") as folder:
        assert list(folder.iterdir()) == []
        raise ValueError("within")
    assert not folder.exists()
    root = temporary.temporary_root()
    assert [p.name for p in root.rglob("*")] == [".owners"]


HOLD = """
import sys, tempfile, time
tempfile.tempdir = sys.argv[1]
from engine.temporary import new_folder, shared_folder
(new_folder("tune") / "data.pkl").write_text("training data")
(shared_folder("run-1") / "0.log").write_text("a log")
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def other(place):
    """Another process of the user, which holds folders until it is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(place)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def held(place):
    root = place / f"raysmith-{os.getuid()}"
    return sorted(p.name.split("-")[0] for p in root.iterdir() if p.name != ".owners")


def test_folders_of_a_process_that_was_killed_are_swept(place, other):
    temporary.temporary_root()
    assert held(place) == ["run", "tune"]  # it lives
    other.send_signal(signal.SIGKILL)
    other.wait()
    temporary._sweep.cache_clear()
    temporary.temporary_root()
    assert held(place) == []


def test_a_folder_that_another_process_still_uses_is_not_swept(place, other):
    mine = shared_folder("run-1")
    other.kill()
    other.wait()
    temporary._sweep.cache_clear()
    temporary.temporary_root()
    assert (mine / "0.log").exists()
    assert held(place) == ["run"]


def test_a_process_with_a_dead_ones_number_does_not_keep_its_folders(place):
    folder = new_folder("tune")
    (owner,) = (folder.parent / ".owners" / folder.name).iterdir()
    machine, pid, _ = owner.name.split("-")
    owner.rename(owner.with_name(f"{machine}-{pid}-earlier"))
    temporary._sweep.cache_clear()
    temporary.temporary_root()
    assert not folder.exists()


def test_folders_of_another_machine_are_left_alone(place):
    folder = new_folder("tune")
    (owner,) = (folder.parent / ".owners" / folder.name).iterdir()
    owner.rename(owner.with_name("another-1-earlier"))
    temporary._sweep.cache_clear()
    temporary.temporary_root()
    assert folder.exists()
    remove_folder(folder.name)


AS_OTHER = """
import os, sys, tempfile
from engine.driver.node_data import log_folder
from engine.driver.output_capture import capture_output
os.setgid(4711); os.setuid(4711); os.umask(0o022)
tempfile.tempdir = sys.argv[1]
with capture_output(log_folder("b" * 32) / "0.log"):
    print("works")
print((log_folder("b" * 32) / "0.log").read_text())
"""


@pytest.mark.skipif(os.getuid() != 0, reason="needs to be root")
def test_a_second_user_of_the_machine_is_not_disturbed(monkeypatch):
    # Not below pytest's folder, which nobody else may enter.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        place = Path(folder)
        place.chmod(0o1777)
        monkeypatch.setattr(tempfile, "tempdir", folder)
        shared_folder("run-1")
        done = subprocess.run(
            [sys.executable, "-c", AS_OTHER, folder], capture_output=True, text=True, check=False
        )
        assert done.stdout == "works\n\n", done.stderr
        assert mode(place / "raysmith-4711") == 0o700
