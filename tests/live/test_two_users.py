"""Two users of one machine, at work at the same time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.live.helpers import quick_config, wait_until

OTHER = 4711
#: Starts a command as the other user. It may read everything, as Python may lie in root's home
#: folder; it may write what is its own only.
AS_OTHER = (
    "setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups",
    "--inh-caps=-all,+dac_read_search", "--ambient-caps=-all,+dac_read_search",
)  # fmt: skip

pytestmark = [
    pytest.mark.ray,
    pytest.mark.usefixtures("ray_cluster"),
    pytest.mark.timeout(280),
    pytest.mark.skipif(
        os.geteuid() != 0 or shutil.which("setpriv") is None,
        reason="needs root and util-linux, to start a process of another user",
    ),
]

#: What the other user does, with all defaults: the spool is in the home folder.
SCRIPT = """
from engine import Experiment, Workspace
from engine.temporary import temporary_root
from tests.live.helpers import quick_config

workspace = Workspace.from_config()
run = Experiment(workspace, "theirs").submit(quick_config(iterations=1))
print("began", flush=True)
print(run.wait_for_completion(timeout_seconds=200))
print(temporary_root(), workspace.folder)
"""


@pytest.fixture
def as_other():
    """Starts a Python script as another user, in a home folder of its own."""
    # Nobody else can enter the folders of pytest.
    home = Path(tempfile.mkdtemp(prefix="other-user-"))
    os.chown(home, OTHER, OTHER)
    root = str(Path(__file__).parents[2])
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("RAYSMITH_SPOOL", "RAY_ADDRESS", "XDG_STATE_HOME", "XDG_CACHE_HOME")
    } | {"HOME": str(home), "USER": "other", "PYTHONPATH": root}  # fmt: skip
    started = []

    def start(script):
        process = subprocess.Popen(
            [*AS_OTHER, sys.executable, "-c", script], cwd=home, env=environment, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=60)
    shutil.rmtree(home)
    shutil.rmtree(Path(tempfile.gettempdir(), f"raysmith-{OTHER}"), ignore_errors=True)


@pytest.mark.long
def test_neither_disturbs_the_other(experiment, as_other):
    mine = experiment.submit(quick_config(iterations=200, enable_early_stopping=False))
    wait_until(lambda: mine.get_status() == "Running")
    process = as_other(SCRIPT)
    out, error = process.communicate(timeout=250)
    assert process.returncode == 0, out + error[-3000:]
    began, status, places = out.splitlines()
    assert (began, status) == ("began", "Completed")
    temporary, folder = places.split()
    assert Path(temporary).name == f"raysmith-{OTHER}"
    assert Path(folder).parent.stat().st_uid == OTHER
    assert mine.get_status() == "Running"
    mine.cancel()
    assert mine.wait_for_completion(timeout_seconds=60) == "Canceled"
