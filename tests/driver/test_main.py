"""What a Ray job runs on a cluster."""

from __future__ import annotations

import signal

import pytest

from engine.driver import __main__ as job
from engine.driver.recorded_platform import RecordedPlatform
from engine.store.mlflow_store import TRACKING_URI_VARIABLE
from engine.store.status import RunStatus
from tests.driver.replay import Replay


@pytest.fixture
def replay(experiment, monkeypatch):
    monkeypatch.setenv(TRACKING_URI_VARIABLE, experiment.workspace.tracking_uri)
    return Replay(experiment)


def test_it_drives_the_run_to_its_end(replay, monkeypatch, capsys):
    made = []

    class Driver:
        def __init__(self, store, run_id, given, claim):
            made.append((run_id, given.settings.iterations))

        def claim(self, launch):
            made.append(f"claimed for {launch}")

        def run(self):
            replay.store.set_status(replay.run_id, RunStatus.COMPLETED)

    monkeypatch.setattr(job, "Driver", Driver)
    replay.drive()
    replay.store.set_status(replay.run_id, RunStatus.RUNNING)  # as a driver that died leaves it
    assert job.main(replay.run_id, "launch") == 0
    assert made == [(replay.run_id, 6), "claimed for launch"]
    assert capsys.readouterr().out == f"run {replay.run_id}: Completed\n"


def test_a_run_that_has_ended_is_left_alone(replay, monkeypatch):
    replay.store.set_status(replay.run_id, RunStatus.CANCELED)
    monkeypatch.setattr(job, "Driver", None)
    assert job.main(replay.run_id) == 0


def test_sigterm_leaves_the_nodes_and_says_so(replay, monkeypatch):
    """As ``ray job stop`` sends it."""
    closed = []

    class Platform(RecordedPlatform):
        def close(self):
            closed.append(replay.status)

    replay.drive()
    replay.add_iterations(4)
    replay.store.set_status(replay.run_id, RunStatus.RUNNING)
    monkeypatch.setattr(
        job, "Driver", lambda *_, claim: replay.driver(platform=Platform, claim=claim)
    )
    replay.after(replay.now + 2.5, lambda: signal.raise_signal(signal.SIGTERM))
    before = signal.getsignal(signal.SIGTERM)
    assert job.main(replay.run_id) == 143
    assert signal.getsignal(signal.SIGTERM) is before
    assert closed == ["Running"]
    assert replay.status == "Failed"
    assert replay.store.run(replay.run_id).error == (
        "the driver was ended by SIGTERM; run.resume() goes on"
    )
    assert "Running" not in replay.statuses.values()
    replay.drive()
    assert replay.status == "Completed"
