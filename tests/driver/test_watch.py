"""The watch over a run while the store answers, fails or hangs."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from engine.config.settings import Settings
from engine.driver.claim import Claim
from engine.driver.clock import RealClock, SimulatedClock
from engine.driver.outcome import EndedBy
from engine.driver.running_trials import RunningTrials
from engine.driver.schedule import Goals, Schedule
from engine.driver.time_budget import TimeBudget
from engine.driver.trial_backends.backend import Placement
from engine.driver.watch import TrialWatch, Watch
from engine.metrics.metric import METRICS
from engine.store.driver_identity import DriverIdentity
from engine.store.records import Requests

ME = DriverIdentity.of_this_process()
OTHER = DriverIdentity.of_this_process()
HERE = Placement("n1", "10.0.0.1", 17)


class Store:
    """A store with one run."""

    def __init__(self):
        self.requests, self.driver, self.error = Requests(), ME, None

    def with_patience(self, patience):
        return self

    def run(self, run_id):
        if self.error is not None:
            raise self.error
        return SimpleNamespace(
            requests=self.requests, is_driven_by=lambda me: me.token == self.driver.token
        )


class Scene:
    def __init__(self, store, clock, kill=None, **limits):
        self.killed = []
        self.schedule = Schedule(Goals(100), METRICS["accuracy"])
        self.running = RunningTrials(kill or self.killed.append)
        self.clock = clock
        progress = SimpleNamespace(
            schedule=self.schedule, running=self.running, cancelled=frozenset()
        )
        budget = TimeBudget(
            Settings("classification", "accuracy", **limits), clock.monotonic(), clock
        )
        self.watch = Watch(Claim(store, "run", ME, clock), budget, clock)
        nothing = SimpleNamespace(logs=lambda numbers: {}, log=lambda *_: None)
        self.trials = TrialWatch(self.watch, progress, nothing, nothing, budget, clock)

    def begin(self, number):
        self.running.add(number, HERE, self.clock.monotonic())

    def reason(self, number):
        return self.running.remove(number).reason


def test_a_cancel_is_heard_within_two_seconds_and_by_who_asks():
    store, clock = Store(), SimulatedClock()
    scene = Scene(store, clock)
    scene.begin(0)
    scene.watch.start()
    scene.trials.start()
    clock.sleep(10.0)
    assert (scene.watch.is_to_stop(), scene.killed) == (False, [])
    store.requests = Requests(cancel=True)
    clock.sleep(2.0)
    assert scene.watch.is_to_stop()
    assert scene.killed == [0]
    assert scene.schedule.stopped == "the run was canceled"


def test_another_driver_counts_more_than_a_cancel_and_for_good():
    store, clock = Store(), SimulatedClock()
    scene = Scene(store, clock)
    scene.watch.start()
    store.driver, store.requests = OTHER, Requests(cancel=True)
    clock.sleep(1.0)
    store.driver = ME  # a heartbeat of this driver that was on its way
    clock.sleep(1.0)
    scene.watch.look()
    assert scene.watch.ended_by is EndedBy.OTHER_DRIVER
    assert scene.watch.is_taken_over


def test_a_store_that_fails_leaves_what_was_asked_before():
    store, clock = Store(), SimulatedClock()
    scene = Scene(store, clock, iteration_timeout_minutes=0.5)
    scene.begin(0)
    scene.watch.start()
    scene.trials.start()
    store.requests = Requests(pause=True, cancel_iterations=frozenset({7}))
    clock.sleep(1.0)
    store.error = OSError("the store is away")
    clock.sleep(60.0)
    assert (scene.schedule.paused, scene.watch.cancelled) == (True, {7})
    assert scene.killed == [0]
    assert scene.reason(0) == "longer than iteration_timeout_minutes=0.5"
    store.error, store.requests = None, Requests(cancel=True)
    clock.sleep(1.0)
    assert scene.schedule.stopped == "the run was canceled"


class Hanging(Store):
    """A store that hangs at each call, as one behind a network that drops packets."""

    def __init__(self):
        super().__init__()
        self.asked, self.back = threading.Event(), threading.Event()

    def run(self, run_id):
        self.asked.set()
        self.back.wait(60)
        return super().run(run_id)


@pytest.mark.parametrize(
    ("limits", "killed"),
    [
        ({"experiment_timeout_minutes": 0.001}, "experiment_timeout_minutes is over"),
        ({"iteration_timeout_minutes": 0.001}, "longer than iteration_timeout_minutes=0.001"),
    ],
)
def test_limits_are_kept_while_the_store_hangs(limits, killed):
    store = Hanging()
    ended = threading.Event()
    scene = Scene(store, RealClock(), kill=lambda number: ended.set(), **limits)
    scene.begin(0)
    stops = [scene.watch.start(), scene.trials.start()]
    assert store.asked.wait(30)
    assert ended.wait(30)
    assert scene.reason(0) == killed
    for stop in stops:
        stop()  # returns although the store has not
    assert not store.back.is_set()
    store.back.set()


def test_an_answer_that_comes_late_does_not_undo_a_later_one(monkeypatch):
    monkeypatch.setattr("engine.driver.clock._HANGING_SECONDS", 0.05)
    monkeypatch.setattr("engine.driver.watch._REQUEST_SECONDS", 0.001)
    back, answered, asked = threading.Event(), threading.Event(), []

    class Slow(Store):
        def run(self, run_id):
            asked.append(run_id)
            number, found = len(asked), super().run(run_id)
            if number == 1:
                back.wait(60)
                return SimpleNamespace(requests=Requests(pause=True), is_driven_by=lambda me: True)
            if number > asked_before + 3:
                answered.set()
            return found

    asked_before = 0
    scene = Scene(Slow(), RealClock())
    stop = scene.watch.start()
    assert answered.wait(30)
    answered.clear()
    asked_before = len(asked)
    back.set()
    assert answered.wait(30)
    stop()
    assert not scene.watch.paused


@pytest.mark.parametrize("minutes", [-10, 10])
def test_setting_the_clock_ends_no_trial_and_prolongs_none(minutes):
    store, clock = Store(), SimulatedClock(1e9)
    scene = Scene(store, clock, experiment_timeout_minutes=5, iteration_timeout_minutes=1)
    scene.begin(0)
    scene.watch.start()
    scene.trials.start()
    clock.sleep(30.0)
    clock.set(60.0 * minutes)
    clock.sleep(29.0)
    assert (scene.killed, scene.schedule.stopped) == ([], None)
    clock.sleep(2.0)
    assert scene.reason(0) == "longer than iteration_timeout_minutes=1"
    clock.sleep(240.0)
    assert scene.schedule.stopped == "experiment_timeout_minutes is over"
