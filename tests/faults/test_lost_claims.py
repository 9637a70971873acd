"""A driver that is stopped for a while, at each of its calls in turn: another one has the run."""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from engine import Workspace
from engine.driver.recorded_platform import RecordedPlatform
from engine.store.driver_identity import DriverIdentity
from engine.store.mlflow_store import RunStore
from engine.store.spool import Spool
from engine.store.status import RunStatus
from tests.driver.replay import Replay, scored
from tests.faults import stores

pytestmark = pytest.mark.slow


class Machines(RecordedPlatform):
    """Machines that note how they are left after the driver's pause."""

    def __init__(self, *arguments, pause):
        super().__init__(*arguments)
        self._pause = pause

    def close(self):
        self._pause.left.append("closed")

    def hand_over(self):
        self._pause.left.append("handed over")


class Pause:
    """At one call the process stands still for a minute; another driver takes the run meanwhile."""

    def __init__(self, number, replay, whole):
        self.number, self.replay, self.whole = number, replay, whole
        #: Writes after the pause, by thread.
        self.after: list[int] = []
        self.thread = 0
        self.left: list[str] = []
        self.other = DriverIdentity.of_this_process()
        self.is_over = False

    def __call__(self, number, name, call):
        if number == self.number:
            current = self.whole.run(self.replay.run_id).driver
            assert self.whole.claim(self.replay.run_id, self.other, current.token)
            self.whole.set_status(self.replay.run_id, RunStatus.PREPARING)
            self.replay.clock.set(60.0)
            # The other threads have gone on until here.
            self.is_over, self.thread = True, threading.get_ident()
            self.left.clear()
        elif self.is_over and stores.is_write(name):
            self.after.append(threading.get_ident())
        return call()


def prepared(experiment):
    trials = {0: scored(0.5), 1: scored(0.9, 3.0, "DecisionTree")}
    return Replay(experiment, trials, iterations=2, enable_voting_ensemble=True)


def test_a_driver_that_wakes_up_writes_nothing(experiment, client, store):
    whole = RunStore(store.tracking_uri, client=client._client)
    number = 0
    while True:
        replay = prepared(experiment)
        pause = Pause(number, replay, whole)
        driver = replay.driver(platform=partial(Machines, pause=pause))
        driver.claim()
        client.calls.clear()
        client.fault = pause
        driver.run()
        client.fault = stores.works
        if not pause.is_over:
            break  # the driver had fewer calls than this
        call = client.calls[number]
        # A write of another thread may have been under way, and no second one.
        assert len(pause.after) <= 1, (number, call)
        assert pause.thread not in pause.after, (number, call)
        record = whole.run(replay.run_id)
        assert record.driver.token == pause.other.token
        # The final state may have been under way, too.
        assert record.status == "Preparing" or call in ("set_terminated", "set_tag"), number
        assert "closed" not in pause.left, (number, call)
        assert Spool(replay.run_id).is_empty
        whole.set_status(replay.run_id, RunStatus.CANCELED)
        number += 6
    assert number > 60


#: Drives a run whose second trial ends when a line comes.
SCRIPT = """
import dataclasses, sys, time
from engine import Experiment, Workspace
from engine.driver.claim import Claim
from engine.driver.clock import RealClock
from tests.driver.replay import Replay, scored
from engine.driver.trial_backends.recorded import RecordedTrial
from engine.store import fence

@dataclasses.dataclass(frozen=True)
class Waiting(RecordedTrial):
    def to_end(self, metric):
        # A process that is stopped while it writes would keep the database locked.
        while replay.statuses != {0: "Completed", 1: "Running"}:
            time.sleep(0.05)
        print("waiting", flush=True)
        sys.stdin.readline()
        return super().to_end(metric)

fence.CONFIRMED_SECONDS = 0.5

class Silent(RealClock):
    def poll(self, seconds, do):
        return lambda: None

experiment = Experiment(Workspace.from_config(), "stopped")
trial = scored(0.9)
values = {f.name: getattr(trial, f.name) for f in dataclasses.fields(trial)}
replay = Replay(experiment, {1: Waiting(**values)}, iterations=4)
driver = replay.driver(claim=Claim(replay.store, replay.run_id, clock=Silent()))
driver.claim()
print(replay.run_id, flush=True)
driver.run()
print("left", flush=True)
"""


def everything_in(store, run_id):
    owners = [run_id, *(r.run_id for r in store.iterations(run_id))]
    return {o: (str(store.client.get_run(o).to_dictionary()), store.files(o)) for o in owners}


def test_a_process_that_was_stopped_writes_nothing(tmp_path, workspace_template, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mlflow.db").write_bytes((workspace_template / "mlflow.db").read_bytes())
    workspace = Workspace.create("w", f"sqlite:///{tmp_path / 'mlflow.db'}")
    store = workspace.store
    root = str(Path(__file__).parents[2])
    driver = subprocess.Popen(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root},
    )
    try:
        run_id = driver.stdout.readline().strip()
        assert driver.stdout.readline() == "waiting\n"
        driver.send_signal(signal.SIGSTOP)
        # Another machine has seen no heartbeat for half a minute.
        other = dataclasses.replace(DriverIdentity.of_this_process(), host="elsewhere")
        assert store.claim(run_id, other, store.run(run_id).driver.token)
        store.set_status(run_id, RunStatus.RUNNING)
        before = everything_in(store, run_id)
        time.sleep(0.6)  # as long as a claim counts as confirmed, there
        driver.send_signal(signal.SIGCONT)
        driver.stdin.write("\n")
        driver.stdin.flush()
        assert driver.stdout.readline() == "left\n"
        assert driver.wait(60) == 0
        assert everything_in(store, run_id) == before
        assert [str(r.status) for r in store.iterations(run_id)] == ["Completed", "Running"]
        store.set_status(run_id, RunStatus.CANCELED)
    finally:
        driver.kill()
        driver.wait()
