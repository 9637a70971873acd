"""Two clients submit, cancel, pause, resume and continue a run whose drivers die at any step."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine import AutoMLConfig, AutoMLRun, RunException
from engine.driver.clock import SimulatedClock
from engine.driver.driver import Driver
from engine.driver.recorded_platform import RecordedPlatform
from engine.driver.trial_backends.recorded import RecordedBackend, Recording
from tests.driver.replay import X, Y, scored

ITERATIONS = 3
TRIALS = Recording("accuracy", others=scored(0.5, 3.0))
FINAL = ("Completed", "Canceled", "Failed")
CLIENTS = st.integers(0, 1)

pytestmark = pytest.mark.usefixtures("store_in_memory")


class Crash(BaseException):
    """An error that nothing in the driver expects."""


class MortalStore:
    """The store as one driver sees it: once the driver has been killed, nothing comes of a call."""

    def __init__(self, store):
        self._store, self._lock, self._is_dead = store, threading.RLock(), False

    def __getattr__(self, name):
        value = getattr(self._store, name)
        return partial(self._call, value) if callable(value) else value

    def _call(self, method, *arguments, **more):
        with self._lock:
            if self._is_dead:
                raise OSError("the driver was killed")
            return method(*arguments, **more)

    def kill(self):
        with self._lock:
            self._is_dead = True


class SteppedClock(SimulatedClock):
    """A simulated clock that stands still before each step until somebody lets it go on."""

    def __init__(self):
        super().__init__(1e9)
        self.arrived, self.go, self.error = threading.Semaphore(0), threading.Semaphore(0), None

    def step(self, until=float("inf")):
        self.arrived.release()
        self.go.acquire()
        if self.error is not None:
            raise self.error
        super().step(until)


class SteppedDriver:
    """A driver in a thread that goes on step by step."""

    def __init__(self, store, run_id, given, claim):
        self.store, self.clock, self.claim_taken = MortalStore(store), SteppedClock(), claim
        self.token = claim.identity.token
        platform = RecordedPlatform(RecordedBackend(TRIALS, self.clock, slots=1))
        self._driver = Driver(self.store, run_id, given, platform, self.clock, claim)
        self._thread = threading.Thread(target=self._drive, daemon=True)
        self.is_killed = False

    def claim(self):
        self._driver.claim()

    def run(self):
        self._thread.start()
        self._wait()

    @property
    def has_ended(self):
        return self.is_killed or not self._thread.is_alive()

    def go_on(self):
        """Take one step."""
        if not self.has_ended:
            self.clock.go.release()
            self._wait()

    def kill(self):
        """End the process: nothing more is written, and everybody sees that it is gone."""
        self.is_killed = True
        self.store.kill()
        self.claim_taken.identity.end()

    def crash(self):
        self.clock.error = Crash()
        self.go_on()

    def end_thread(self):
        """Let the thread of a killed driver end, too."""
        self.is_killed = False
        self.claim_taken.give_up()
        while self._thread.is_alive():
            self.clock.error = Crash()
            self.go_on()

    def _drive(self):
        with suppress(Crash):
            self._driver.run()
        self.clock.arrived.release()

    def _wait(self):
        assert self.clock.arrived.acquire(timeout=120)
        if self.clock.error is not None:
            self._thread.join(120)


class LifeOfARun(RuleBasedStateMachine):
    """One run, its drivers, and two clients."""

    def __init__(self, experiment, drivers):
        super().__init__()
        self.experiment, self.drivers = experiment, drivers
        drivers.clear()

    @initialize()
    def submit(self):
        config = AutoMLConfig(
            "classification", X=X, y=Y, iterations=ITERATIONS, n_cross_validations=3,
            allowed_models=["LogisticRegression", "KNN"], enable_voting_ensemble=False,
            enable_stack_ensemble=False, enable_early_stopping=False, debug_log=None,
        )  # fmt: skip
        run = self.experiment.submit(config)
        self.clients = [run, AutoMLRun(self.experiment, run.id)]
        self.store, self.id = run.store, run.id

    @property
    def record(self):
        return self.store.run(self.id)

    @property
    def living(self):
        return [driver for driver in self.drivers if not driver.has_ended]

    @rule(steps=st.integers(1, 12))
    def go_on(self, steps):
        for _ in range(steps):
            for driver in self.living:
                driver.go_on()

    @rule(client=CLIENTS)
    def cancel(self, client):
        self.clients[client].cancel()

    @rule(client=CLIENTS)
    def pause(self, client):
        self.clients[client].pause()

    @rule(client=CLIENTS)
    def resume(self, client):
        with suppress(RunException):  # it has completed
            self.clients[client].resume()

    @rule(client=CLIENTS)
    def continue_it(self, client):
        with suppress(RunException):  # it goes on
            self.clients[client].continue_experiment(iterations=1)

    @rule(client=CLIENTS, iteration=st.integers(0, ITERATIONS))
    def cancel_iteration(self, client, iteration):
        with suppress(RunException):  # it has ended
            self.clients[client].cancel_iteration(iteration)

    @precondition(lambda self: self.living)
    @rule()
    def kill(self):
        self.living[-1].kill()

    @precondition(lambda self: self.living)
    @rule()
    def crash(self):
        self.living[-1].crash()

    @invariant()
    def one_driver_has_the_run(self):
        assert len(self.living) <= 1

    @invariant()
    def a_dead_driver_is_seen_as_dead(self):
        if self.drivers and not self.record.is_final:
            status = self.clients[0].get_status()
            assert (status == "Failed") == (not self.living)

    @invariant()
    def each_number_is_there_once(self):
        if self.drivers:
            numbers = [r.iteration for r in self.store.iterations(self.id)]
            assert numbers == list(range(len(numbers)))

    @invariant()
    def nothing_is_open_when_the_run_is_final(self):
        if self.drivers and self.record.is_final:
            assert all(r.status.is_final for r in self.store.iterations(self.id))

    def teardown(self):
        try:
            self.reaches_a_final_state()
        finally:
            for driver in self.drivers:
                driver.end_thread()

    def reaches_a_final_state(self):
        if not self.drivers:
            return
        if not self.record.is_final:
            self.clients[1].resume()
        for _ in range(500):
            self.go_on(steps=1)
            if not self.living:
                break
        record = self.record
        assert record.status.value in FINAL
        assert record.status.value == self.clients[1].get_status()
        self.nothing_is_open_when_the_run_is_final()
        self.each_number_is_there_once()


@pytest.fixture
def drivers(monkeypatch):
    """The drivers that have been launched so far, each in a thread that goes on step by step."""
    found = []

    def launch(target, launch):
        driver = launch.drive.__self__
        found.append(driver)
        driver.run()

    monkeypatch.setattr("cluster.targets.embedded.EmbeddedTarget.launch", launch)
    monkeypatch.setattr("engine.client.launch.Driver", SteppedDriver)
    # A heartbeat thread for each driver would go on for real seconds.
    monkeypatch.setattr("engine.driver.claim.RealClock", SimulatedClock)
    # Neither the best model's files nor the report are what this is about.
    monkeypatch.setattr("engine.driver.results.save_mlflow_model", lambda *_: None)
    monkeypatch.setattr("engine.driver.results.write_report", lambda *_: None)
    return found


def test_the_life_of_a_run(experiment, drivers):
    run_state_machine_as_test(
        lambda: LifeOfARun(experiment, drivers),
        settings=settings(
            max_examples=10,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
