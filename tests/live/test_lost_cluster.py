"""A Ray on this machine whose head is killed: the process that uses it lives on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]

#: What a notebook does; it prints a line for each step. The second argument names the head's
#: process that is killed.
NOTEBOOK = """
import sys, threading, time
import psutil
from engine import Experiment, Workspace
from tests.live.helpers import quick_config, statuses, wait_until

def head(name):
    return [p for p in psutil.Process().children() if p.name() == name]

victim = sys.argv[1]
experiment = Experiment(Workspace.from_config(), "notebook")
run = experiment.submit(
    quick_config(iterations=6, n_cross_validations=10, enable_early_stopping=False)
)
wait_until(lambda: "Completed" in statuses(run).values())
before = run.summary().query("status == 'Completed'")
old = psutil.Process().children(recursive=True)
[killed] = head(victim)
killed.kill()
seconds = wait_until(lambda: run.get_status() == "Failed", 30)
record = experiment.workspace.store.run(run.id)
print("state:", record.status.value, record.error)
run.resume()
assert run.wait_for_completion(timeout_seconds=120) == "Completed"
after = run.summary()
assert after["iteration"].tolist() == list(range(6))
assert set(after["status"]) <= {"Completed", "Pruned"}, after["status"]
kept = after[after["iteration"].isin(before["iteration"])]
assert kept["seconds"].tolist() == before["seconds"].tolist()
assert not [p for p in old if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
print("resumed")
if victim == "gcs_server":
    # Longer than Ray's client waits for a control store before it ends its process.
    until = time.monotonic() + 65
    wait_until(lambda: time.monotonic() > until, 120)
print("lives on as", [t.name for t in threading.enumerate() if "steps" in t.name])
"""


@pytest.mark.long
@pytest.mark.parametrize("victim", ["gcs_server", "raylet"])
def test_a_notebook_outlives_the_head_and_resumes(workspace, victim):
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, victim],
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=False, timeout=270,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    state, resumed, lives = done.stdout.splitlines()[-3:]
    assert state.startswith("state: Failed")
    assert "of Ray's head on this machine has ended" in state
    assert "run.resume() goes on" in state
    assert (resumed, lives) == ("resumed", "lives on as []")
