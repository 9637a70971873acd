"""The wait for the first machine, on a cluster that has shrunk to none."""

from __future__ import annotations

import pytest

from engine.driver.recorded_platform import RecordedPlatform
from engine.errors import ConfigException
from tests.driver.replay import Replay

#: It is asked twice a second for many minutes.
pytestmark = pytest.mark.usefixtures("store_in_memory")


class Growing(RecordedPlatform):
    """Machines of which the first comes after the second request."""

    comes_after = 2
    refused = False

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.asked = []

    def trial_cores(self):
        if self.refused and self.asked:
            raise ConfigException(["the Ray cluster has no node with a CPU core"])
        return 1 if len(self.asked) >= self.comes_after else None

    def ask_for_nodes(self, cores=None, avoid=()):
        self.asked.append(cores)


class Never(Growing):
    comes_after = 10**9


class Refusing(Never):
    refused = True


@pytest.fixture
def replay(experiment):
    return Replay(experiment)


def drive(replay, platform):
    driver = replay.driver(platform=platform)
    driver.claim()
    driver.run()
    return replay.store.run(replay.run_id).error


def test_the_autoscaler_is_asked_before_cores_are_counted(replay):
    drive(replay, Growing)
    assert replay.status == "Completed"
    assert replay.platform.asked == [None, None, 1]


def test_a_machine_that_never_comes_has_a_limit(replay):
    error = drive(replay, Never)
    assert replay.status == "Failed"
    assert error.startswith("no node for a trial came up within 25 minutes; `ray status`")
    assert replay.now == pytest.approx(25 * 60, abs=5)


def test_a_machine_that_is_refused_fails_the_run_at_once(replay):
    assert "no node with a CPU core" in drive(replay, Refusing)
    assert replay.now < 5


def test_cancel_while_it_waits(replay):
    replay.after(60.0, replay.run.cancel)
    drive(replay, Never)
    assert replay.status == "Canceled"
    assert replay.now < 65


def test_the_experiments_time_holds_while_it_waits(experiment):
    replay = Replay(experiment, experiment_timeout_minutes=1)
    error = drive(replay, Never)
    assert replay.status == "Failed"
    assert "experiment_timeout_minutes" in error
    assert replay.now < 90
