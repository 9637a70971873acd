"""A driver that dies is started again; one that ends has ended."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cluster.jobs.supervisor import supervise

SCRIPT = """
import os, pathlib, signal, sys
file = pathlib.Path("starts")
starts = int(file.read_text()) if file.exists() else 0
file.write_text(str(starts + 1))
if starts < int(sys.argv[1]):
    os.kill(os.getpid(), signal.SIGKILL)
sys.exit(int(sys.argv[2]))
"""

RUN = """
import sys
from cluster.jobs.supervisor import supervise
sys.exit(supervise([sys.executable, "script.py", *sys.argv[1:]], first_pause=0.05))
"""


def run(folder, deaths, code, script=SCRIPT):
    (folder / "script.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(deaths), str(code)], cwd=folder, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, int((folder / "starts").read_text()), done.stderr


def test_it_ends_with_its_driver(tmp_path):
    assert run(tmp_path, 0, 0)[:2] == (0, 1)


def test_an_error_is_not_a_death(tmp_path):
    assert run(tmp_path, 0, 3)[:2] == (3, 1)


@pytest.mark.parametrize(
    ("first", "longest", "pauses"),
    [(1.0, 3.0, [1.0, 2.0, 3.0, 3.0]), (1e-9, 1e-8, [1e-9] * 4)],
    ids=["dies at once", "lives longer than the longest pause"],
)
def test_pauses_grow_while_drivers_die_early(tmp_path, monkeypatch, first, longest, pauses):
    monkeypatch.chdir(tmp_path)
    Path("script.py").write_text(SCRIPT)
    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    before = signal.getsignal(signal.SIGTERM)
    try:
        assert supervise([sys.executable, "script.py", "4", "0"], first, longest) == 0
    finally:
        signal.signal(signal.SIGTERM, before)
    assert slept == pauses


def test_it_starts_again_what_was_killed(tmp_path):
    code, starts, told = run(tmp_path, 2, 0)
    assert (code, starts) == (0, 3)
    assert "ended by signal 9" in told


def test_a_driver_that_ray_has_ended_is_started_again(tmp_path):
    """With the code 1, as when the cluster's control service was gone for a minute."""
    script = SCRIPT.replace("os.kill(os.getpid(), signal.SIGKILL)", "os._exit(1)")
    code, starts, told = run(tmp_path, 2, 0, script)
    assert (code, starts) == (0, 3)
    assert "ended by Ray or by an error" in told


def test_an_error_that_comes_again_and_again_ends_it(tmp_path):
    code, starts, _ = run(tmp_path, 0, 1)
    assert (code, starts) == (1, 3)
