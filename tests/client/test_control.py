"""Requests, and new drivers for old runs."""

from __future__ import annotations

import pytest

from engine import ConfigException, RunException
from engine.client import control
from engine.store.driver_identity import DriverIdentity
from engine.store.status import RunStatus
from tests.client.recorded import record_run

pytestmark = pytest.mark.usefixtures("store_in_memory")


@pytest.fixture
def started(monkeypatch):
    """Specifications of the drivers that would have been started."""
    found = []
    monkeypatch.setattr(
        control, "start_again", lambda workspace, record, given, is_changed: found.append(given)
    )
    return found


def test_requests_are_left_in_the_store(experiment):
    run = record_run(experiment, RunStatus.CANCELED)
    run.pause()
    run.cancel()
    run.cancel_iteration(9)
    requests = run.store.run(run.id).requests
    assert (requests.pause, requests.cancel, requests.cancel_iterations) == (True, True, {9})
    with pytest.raises(RunException, match="iteration 0 has ended already: Completed"):
        run.cancel_iteration(0)


def test_a_paused_run_goes_on_with_its_driver(experiment, started):
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    run.pause()
    assert run.resume() is run
    assert not run.store.run(run.id).requests.pause
    assert started == []
    with pytest.raises(RunException, match="is Running; wait for its end or cancel it"):
        run.continue_experiment(iterations=1)
    run.store.set_status(run.id, RunStatus.CANCELED)


def test_a_run_that_has_ended_gets_a_new_driver(experiment, started):
    run = record_run(experiment, RunStatus.FAILED)
    before = run.store.load_spec(run.id)
    assert run.resume() is run
    [given] = started
    assert given.to_spec() == before


def test_a_run_goes_on_at_another_target(experiment, started):
    run = record_run(experiment, RunStatus.FAILED)
    run.resume(compute_target="automlcl")
    assert started[0].settings.compute_target == "automlcl"


def test_a_completed_run_is_continued_rather_than_resumed(experiment, started):
    run = record_run(experiment)
    with pytest.raises(RunException, match="has completed; continue_experiment"):
        run.resume()
    run.continue_experiment(iterations=5, experiment_exit_score=0.95)
    settings = started[0].settings
    assert (settings.iterations, settings.experiment_exit_score) == (4 + 5, 0.95)
    assert settings.experiment_timeout_minutes is None
    with pytest.raises(ConfigException, match="iterations"):
        run.continue_experiment(iterations=0)
    assert len(started) == 1
