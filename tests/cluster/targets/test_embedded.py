"""The exit of a process that drives runs."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.live.helpers import wait_until

pytestmark = pytest.mark.slow

#: The run ends when a line comes.
SCRIPT = """
import atexit, sys
from cluster.targets.embedded import EmbeddedTarget, leave_drivers
from cluster.targets.launch import Launch

atexit.register(print, "closed")
launch = Launch(
    run_id="r1", drive=sys.stdin.readline, module="", arguments=(), secrets={}, project=None,
    runtime_env={}, metadata={},
)
EmbeddedTarget().launch(launch)
print("launched", flush=True)
"""


@pytest.fixture
def start():
    started = []

    def start(more=""):
        process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT + more], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        assert process.stdout.readline() == "launched\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_waits_for_a_run(start):
    process = start()
    out, _ = process.communicate("end\n", timeout=60)
    assert (process.returncode, out) == (0, "closed\n")


def test_an_interrupt_leaves_the_run(start):
    """Nothing that the run still uses is closed first.

    An interrupt at a prompt, some time before, has left nothing.
    """
    process = start("sys.ps1 = '>>> '\nraise KeyboardInterrupt\n")
    assert any("waiting for run r1" in line for line in process.stderr)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert process.stdout.read() == ""
    assert "resume() goes on" in process.stderr.read()


def test_a_script_that_was_interrupted_leaves_the_run(start):
    process = start("raise KeyboardInterrupt\n")
    assert process.wait(60) == 130
    assert process.stdout.read() == ""
    said = process.stderr.read()
    assert "waiting" not in said
    assert "left run r1;" in said
    assert "resume() goes on" in said


def test_who_leaves_a_run_that_cannot_be_resumed_is_told(start):
    more = (
        "import dataclasses\nlaunch = dataclasses.replace(launch, run_id='r2', is_resumable=False)"
    )
    process = start(f"{more}\nEmbeddedTarget().launch(launch)\nraise KeyboardInterrupt\n")
    assert process.wait(60) == 130
    said = process.stderr.read()
    assert "left run r1; AutoMLRun(experiment, run_id).resume() goes on" in said
    assert "left run r2; its data was not kept, so that it cannot be resumed" in said


#: Stands for a node: a process with the name of Ray's, which prints the id of a child.
NODE = """
import subprocess
node = subprocess.Popen(
    ["./raylet", "-c", "sleep 100 2>/dev/null & echo $! && wait"], stdout=subprocess.PIPE, text=True
)
print(node.stdout.readline(), end="", flush=True)
raise KeyboardInterrupt
"""


def test_what_a_node_has_started_ends_too(start, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("raylet").symlink_to("/bin/bash")
    process = start(NODE)
    child = int(process.stdout.readline())
    assert process.wait(60) == 130
    wait_until(lambda: not psutil.pid_exists(child), 30)


def test_leave_drivers(start):
    process = start("leave_drivers()\n")
    assert process.wait(60) == 130
    assert process.stdout.read() == ""
    assert "waiting" not in process.stderr.read()
