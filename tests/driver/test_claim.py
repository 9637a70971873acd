"""A driver's claim: who wins it, and how long others see the driver alive."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from engine import RunException
from engine.driver.claim import Claim
from engine.driver.clock import RealClock, SimulatedClock
from engine.store.driver_identity import HEARTBEAT_SECONDS, Life


class Store:
    """A store that has one run; `away` is set while it does not answer."""

    def __init__(self):
        self.away, self.hanging, self.beaten = threading.Event(), threading.Event(), []
        self.back = threading.Event()
        self.current = None

    def claim(self, run_id, driver, after):
        if self.current != after:
            return False
        self.current = driver.token
        return True

    def with_patience(self, patience):
        return self

    def run(self, run_id):
        return SimpleNamespace(is_driven_by=lambda driver: driver.token == self.current)

    def tag_driver(self, run_id, driver):
        if self.away.is_set():
            self.hanging.set()
            self.back.wait(60)
            raise OSError("the store is away")
        self.beaten.append(driver)


def test_a_driver_is_seen_alive_from_its_claim_until_it_gives_up():
    store, clock = Store(), SimulatedClock()
    claim = Claim(store, "run", clock=clock)
    claim.take(after=None)
    clock.sleep(4 * HEARTBEAT_SECONDS)
    assert [driver.beats for driver in store.beaten] == [1, 2, 3, 4, 5]
    assert store.beaten[-1].life() is Life.ALIVE
    claim.give_up()
    clock.sleep(4 * HEARTBEAT_SECONDS)
    assert len(store.beaten) == 5
    assert store.beaten[-1].life() is Life.DEAD


def test_another_process_sees_the_claim_end():
    """The thread that the identity names lives as long as the claim, whatever the store does."""
    store = Store()
    claim = Claim(store, "run", clock=SimulatedClock())
    claim.take(after=None)
    [thread] = [t for t in threading.enumerate() if t.native_id == claim.identity.thread]
    store.away.set()
    store.back.set()
    assert thread.is_alive()
    claim.give_up()
    thread.join(30)
    assert not thread.is_alive()


def test_the_loser_has_no_heartbeat():
    store, clock = Store(), SimulatedClock()
    Claim(store, "run", clock=clock).take(after=None)
    loser = Claim(store, "run", clock=clock)
    with pytest.raises(RunException, match="has just been taken up by another driver"):
        loser.take(after=None)
    clock.sleep(60.0)
    assert not loser.is_taken
    for thread in threading.enumerate():
        if thread.native_id == loser.identity.thread:
            thread.join(30)
            assert not thread.is_alive()
    assert loser.identity.token not in {driver.token for driver in store.beaten}


def test_a_store_that_fails_keeps_no_later_heartbeat_back():
    store, clock = Store(), SimulatedClock()
    claim = Claim(store, "run", clock=clock)
    claim.take(after=None)
    store.away.set()
    store.back.set()
    clock.sleep(60.0)
    store.away.clear()
    clock.sleep(60.0)
    assert len(store.beaten) >= 12
    claim.give_up()


def test_giving_up_does_not_wait_for_a_store_that_hangs():
    store = Store()
    store.away.set()
    claim = Claim(store, "run", clock=RealClock())
    claim.take(after=None)
    assert store.hanging.wait(30)
    claim.give_up()  # returns while the heartbeat hangs
    assert not store.back.is_set()
    assert claim.identity.life() is Life.DEAD
    store.back.set()


def test_a_driver_that_has_lost_its_run_has_no_heartbeat():
    store, clock = Store(), SimulatedClock()
    claim = Claim(store, "run", clock=clock)
    claim.take(after=None)
    clock.sleep(2 * HEARTBEAT_SECONDS)
    assert not claim.is_lost
    store.current = "another"
    beats = len(store.beaten)
    clock.sleep(4 * HEARTBEAT_SECONDS)
    # It may not be known at the first one.
    assert len(store.beaten) <= beats + 1
    assert claim.is_lost
    claim.give_up()
