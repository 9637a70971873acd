"""The widget in a kernel of Jupyter: cells that are executed again leave no thread behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.store.status import RunStatus
from tests.client.recorded import record_run

pytest.importorskip("ipykernel")
client = pytest.importorskip("jupyter_client")

pytestmark = pytest.mark.slow

#: A run whose driver is said to be the kernel, so that it goes on.
OPEN = """
import threading
from engine import AutoMLRun, Experiment, RunDetails, Workspace
from engine.store.driver_identity import DriverIdentity
experiment = {experiment!r}
run = Experiment(Workspace.from_config(), experiment).get_runs()[0]
run.store.tag_driver(run.id, DriverIdentity.of_this_process())
"""
SHOW = "RunDetails(run).show()"
COUNT = """
import time
wanted, until = {wanted}, time.monotonic() + 30
def followers():
    return sum(thread.name == "raysmith-widget" for thread in threading.enumerate())
while followers() != wanted and time.monotonic() < until:
    time.sleep(0.05)
print("followers:", followers())
"""


@pytest.fixture
def kernel(experiment):
    """Executes code in a cell of a kernel; returns what it printed."""
    run = record_run(experiment, RunStatus.RUNNING)
    file = Path("connection.json").absolute()
    process = subprocess.Popen(
        [sys.executable, "-m", "ipykernel_launcher", "-f", str(file)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    until = time.monotonic() + 60
    while not file.is_file() or not file.read_text():
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.05)
    talk = client.BlockingKernelClient(connection_file=str(file))
    talk.load_connection_file()
    talk.start_channels()
    talk.wait_for_ready(timeout=60)

    def execute(code, cell):
        message = talk.session.msg("execute_request", {"code": code, "silent": False})
        message["metadata"] = {"cellId": cell}
        talk.shell_channel.send(message)
        printed = ""
        while True:
            answer = talk.get_iopub_msg(timeout=60)
            if answer["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            content = answer["content"]
            assert answer["msg_type"] != "error", "\n".join(content.get("traceback", []))
            printed += content["text"] if answer["msg_type"] == "stream" else ""
            if answer["msg_type"] == "status" and content["execution_state"] == "idle":
                return printed

    try:
        yield execute
    finally:
        talk.stop_channels()
        process.terminate()
        process.wait(30)
        run.store.set_status(run.id, RunStatus.CANCELED)


@pytest.mark.timeout(240)
def test_a_cell_that_is_executed_again_has_one_thread(kernel, experiment):
    kernel(OPEN.format(experiment=experiment.name), "open")
    for _ in range(3):
        kernel(SHOW, "one")
    assert kernel(COUNT.format(wanted=1), "count") == "followers: 1\n"
    kernel(SHOW, "two")
    kernel(f"{SHOW}\n{SHOW}", "three")  # both stay: they are shown one below the other
    assert kernel(COUNT.format(wanted=4), "count") == "followers: 4\n"
    kernel("pass", "three")
    kernel(SHOW, "three")
    assert kernel(COUNT.format(wanted=3), "count") == "followers: 3\n"
