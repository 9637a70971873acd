"""The machine's clock and the simulated one keep the same contract."""

from __future__ import annotations

import threading
import time

import pytest

from engine.driver.clock import RealClock, SimulatedClock


def test_the_real_clock_is_the_machines():
    clock = RealClock()
    assert clock.time() == pytest.approx(time.time(), abs=1.0)
    before = clock.monotonic()
    assert clock.monotonic() >= before


def test_repeated_calls_go_on_after_an_error_and_end_when_stopped():
    calls, enough = [], threading.Event()

    def work():
        calls.append(threading.get_ident())
        if len(calls) == 3:
            enough.set()
        raise OSError("no")

    stop = RealClock().every(0.001, work)
    assert enough.wait(10)
    stop()
    count = len(calls)
    time.sleep(0.02)
    assert len(calls) == count
    assert set(calls) != {threading.get_ident()}


def test_simulated_repeated_calls_go_on_after_an_error_and_end_when_stopped():
    clock, calls = SimulatedClock(), []

    def work():
        calls.append(clock.time())
        raise OSError("no")

    stop = clock.every(2.0, work)
    clock.sleep(6.0)
    stop()
    clock.sleep(6.0)
    assert calls == [2.0, 4.0, 6.0]
    assert clock.time() == clock.monotonic() == 12.0


def test_a_step_goes_to_the_next_call_and_no_further_than_asked():
    clock, calls = SimulatedClock(), []
    clock.at(5.0, lambda: calls.append(clock.time()))
    clock.step(until=3.0)
    assert (clock.time(), calls) == (3.0, [])
    clock.step(until=9.0)
    assert (clock.time(), calls) == (5.0, [5.0])
    clock.step(until=9.0)
    assert clock.time() == 9.0


def test_calls_of_one_moment_come_in_the_order_in_which_they_were_asked_for():
    clock, calls = SimulatedClock(), []
    for name in "abc":
        clock.at(1.0, lambda name=name: calls.append(name))
    clock.sleep(1.0)
    assert calls == ["a", "b", "c"]


def test_a_clock_with_nothing_to_wait_for_says_so():
    with pytest.raises(RuntimeError, match="nothing will ever happen"):
        SimulatedClock().step()


def test_a_call_for_the_past_comes_at_once_and_does_not_turn_back_the_clock():
    clock, calls = SimulatedClock(10.0), []
    clock.at(5.0, lambda: calls.append(clock.time()))
    clock.sleep(1.0)
    assert calls == [10.0]
    assert clock.time() == 11.0


def test_polling_calls_at_once_and_again_after_an_error():
    calls, enough = [], threading.Event()

    def work():
        calls.append(threading.get_ident())
        if len(calls) == 3:
            enough.set()
        raise OSError("no")

    stop = RealClock().poll(0.001, work)
    assert enough.wait(10)
    stop()
    assert set(calls) != {threading.get_ident()}


def test_polling_goes_on_beside_calls_that_hang(monkeypatch):
    """Two calls hang, as in a store that does not answer; the others come all the same."""
    monkeypatch.setattr("engine.driver.clock._HANGING_SECONDS", 0.05)
    back, enough, calls = threading.Event(), threading.Event(), []

    def work():
        calls.append(threading.get_ident())
        if len(calls) <= 2:
            back.wait(60)
        elif len(calls) > 5:
            enough.set()

    stop = RealClock().poll(0.001, work)
    assert enough.wait(30)
    stop()  # returns although two calls have not
    back.set()
    assert len(set(calls)) >= 3


def test_polling_that_hangs_has_so_many_threads_and_no_more(monkeypatch):
    monkeypatch.setattr("engine.driver.clock._HANGING_SECONDS", 0.01)
    monkeypatch.setattr("engine.driver.clock._MOST_HANGING", 3)
    back, calls = threading.Event(), []

    def work():
        calls.append(threading.get_ident())
        back.wait(60)

    stop = RealClock().poll(0.001, work)
    until = time.monotonic() + 30
    while len(calls) < 3 and time.monotonic() < until:
        time.sleep(0.01)
    threading.Event().wait(0.1)  # ten times as long as it takes to make another one
    stop()
    back.set()
    assert len(calls) == 3


def test_setting_the_wall_clock_moves_nothing_that_is_due():
    clock, calls = SimulatedClock(100.0), []
    stop = clock.poll(2.0, lambda: calls.append(clock.monotonic()))
    clock.sleep(3.0)
    clock.set(-3600.0)
    clock.sleep(3.0)
    stop()
    assert calls == [100.0, 102.0, 104.0, 106.0]
    assert (clock.time(), clock.monotonic()) == (106.0 - 3600.0, 106.0)
