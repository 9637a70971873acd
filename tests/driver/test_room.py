"""Runs whose trials no node can hold."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import pytest

from engine.driver import room
from engine.driver.clock import SimulatedClock
from engine.driver.recorded_platform import RecordedPlatform
from engine.driver.room import GIVE_UP_SECONDS, TELL_SECONDS, RoomWatch
from tests.driver.replay import Replay, scored


class Scene:
    def __init__(self):
        self.room, self.runs, self.told, self.stopped = True, {}, [], []
        self.clock = SimulatedClock()
        self.schedule = SimpleNamespace(
            paused=False, stopped=None, stop=lambda reason, at_once: self.stopped.append(reason)
        )
        progress = SimpleNamespace(
            schedule=self.schedule, running=SimpleNamespace(now=lambda: self.runs)
        )
        self.watch = RoomWatch(lambda: self.room, progress, self.told.append, self.clock)
        self.watch.start()


def test_without_a_node_the_user_is_told_and_trials_are_given_up():
    scene = Scene()
    scene.room = False
    scene.clock.sleep(TELL_SECONDS - 10.0)
    assert scene.told == []
    scene.clock.sleep(20.0)
    assert scene.told == ["no node can hold a trial; trials wait for one for 30 minutes"]
    scene.clock.sleep(GIVE_UP_SECONDS)
    assert len(scene.told) == 1
    assert scene.stopped == ["no node could hold a trial for 30 minutes"]
    assert scene.watch.gave_up == scene.stopped[0]


def test_a_node_that_comes_late_is_in_time():
    scene = Scene()
    for _ in range(4):
        scene.room = False
        scene.clock.sleep(GIVE_UP_SECONDS - 60.0)
        scene.room = True
        scene.clock.sleep(60.0)
    assert scene.stopped == []
    assert len(scene.told) == 4


def test_trials_that_run_or_are_not_to_begin_need_no_room():
    for change in (
        lambda scene: scene.runs.update({0: "here"}),
        lambda scene: setattr(scene.schedule, "paused", True),
        lambda scene: setattr(scene.schedule, "stopped", "the time is over"),
    ):
        scene = Scene()
        scene.room = False
        change(scene)
        scene.clock.sleep(2 * GIVE_UP_SECONDS)
        assert (scene.told, scene.stopped) == ([], [])


class Shrinking(RecordedPlatform):
    """Machines that are all gone after a while."""

    def __init__(self, *arguments, clock, until):
        super().__init__(*arguments)
        self._is_there = lambda: clock.monotonic() < until

    def has_room(self, cores, avoid=()):
        return self._is_there()


def drive(replay, seconds):
    until = replay.clock.monotonic() + seconds
    return replay.drive(platform=partial(Shrinking, clock=replay.clock, until=until), slots=0)


@pytest.fixture
def impatient(monkeypatch):
    """Minutes of simulated time are thousands of looks at the store."""
    monkeypatch.setattr(room, "TELL_SECONDS", 10.0)
    monkeypatch.setattr(room, "GIVE_UP_SECONDS", 60.0)


@pytest.mark.usefixtures("impatient", "store_in_memory")
def test_a_run_whose_nodes_never_come_fails_and_says_why(experiment):
    replay = Replay(experiment, iterations=3)
    drive(replay, 0.0)
    record = replay.store.run(replay.run_id)
    assert record.status == "Failed"
    assert record.error == "no iteration gave a model; no node could hold a trial for 1 minutes"
    assert record.notes == ("no node can hold a trial; trials wait for one for 1 minutes",)
    assert replay.now < 90.0


@pytest.mark.usefixtures("impatient", "store_in_memory")
def test_a_run_that_has_a_model_completes_without_its_nodes(experiment):
    replay = Replay(experiment, {0: scored(0.9)}, iterations=1)
    replay.drive()
    replay.add_iterations(3)
    drive(replay, 0.0)
    assert replay.status == "Completed"
    assert replay.run.get_output()[0].iteration == 0
