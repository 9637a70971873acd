"""Dead drivers, here and on clusters."""

from __future__ import annotations

import dataclasses
import time
from types import SimpleNamespace

import pytest

from engine import RunException
from engine.client import liveness
from engine.client.liveness import Silence, certain_death_of, death_of, status_of
from engine.store.driver_identity import DriverIdentity
from engine.store.records import Requests, RunRecord
from engine.store.status import RunStatus

ALIVE = DriverIdentity.of_this_process()
DEAD = dataclasses.replace(ALIVE, pid=999_999_999)
RECORD = RunRecord(
    "id",
    "e",
    "a run",
    RunStatus.RUNNING,
    None,
    None,
    "classification",
    "accuracy",
    0.0,
    None,
    DEAD,
    Requests(),
    (),
    {},
)


def workspace(job=None, again=RECORD):
    """A workspace with one cluster; its job's state is an error where it is one."""

    def job_state(run_id):
        assert run_id == RECORD.run_id
        if isinstance(job, Exception):
            raise job
        return job

    target = SimpleNamespace(job_state=job_state)
    return SimpleNamespace(
        compute_targets={"automlcl": target}, store=SimpleNamespace(run=lambda run_id: again)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"status": RunStatus.COMPLETED},
        {"driver": ALIVE},
        {"status": RunStatus.NOT_STARTED, "driver": None, "started": time.time()},
    ],
)
def test_runs_that_nobody_needs_to_worry_about(changes):
    record = dataclasses.replace(RECORD, **changes)
    assert death_of(record, workspace()) is None
    assert status_of(record, workspace()) == record.status


def test_a_dead_driver_of_this_machine():
    assert "has died; run.resume()" in death_of(RECORD, workspace())
    assert status_of(RECORD, workspace()) == RunStatus.FAILED


@pytest.mark.parametrize("target", ["local", "automlcl"])
def test_who_cannot_resume_is_not_told_to(target):
    record = dataclasses.replace(RECORD, is_resumable=False, target=target)
    death = death_of(record, workspace(("FAILED", "killed"), record))
    assert "keep_data is False" in death
    assert "resume()" not in death


def test_a_driver_that_has_ended_its_run_since_it_was_read():
    ended = dataclasses.replace(RECORD, status=RunStatus.COMPLETED)
    assert death_of(RECORD, workspace(again=ended)) is None


@pytest.mark.parametrize(
    ("job", "again", "expected"),
    [
        (("PENDING", ""), RECORD, None),
        (("RUNNING", ""), RECORD, None),
        (("SUCCEEDED", ""), dataclasses.replace(RECORD, status=RunStatus.COMPLETED), None),
        (("FAILED", "out of memory"), dataclasses.replace(RECORD, driver=ALIVE), None),
        (("FAILED", "out of memory"), RECORD, "id ended as FAILED: out of memory; run.resume()"),
        ((None, "no such job"), RECORD, "id is unknown there: no such job; run.resume()"),
        (RunException("no answer"), RECORD, "'automlcl' is lost (no answer); run.resume()"),
    ],
)
def test_a_driver_on_a_cluster(job, again, expected):
    record = dataclasses.replace(RECORD, target="automlcl")
    death = death_of(record, workspace(job, again))
    assert death is None if expected is None else expected in death


def test_a_cluster_that_was_deleted():
    record = dataclasses.replace(RECORD, target="gone")
    assert "compute target 'gone' is lost" in death_of(record, workspace())


class Elsewhere:
    """A run whose driver is on another machine, and a reader with a clock of its own."""

    def __init__(self, **changes):
        driver = DriverIdentity("token", "another/boot/namespace", 7, 1.0, heartbeat=time.time())
        self.record = dataclasses.replace(RECORD, driver=driver, **changes)
        self.now = 0.0
        self.silence = Silence(clock=lambda: self.now)

    def beat(self, shift=0.0):
        driver = self.record.driver.beat()
        driver = dataclasses.replace(driver, heartbeat=driver.heartbeat + shift)
        self.record = dataclasses.replace(self.record, driver=driver)

    def look(self, after=0.0):
        self.now += after
        return death_of(self.record, workspace(again=self.record), self.silence)


def test_a_driver_elsewhere_is_dead_after_half_a_minute_of_silence():
    run = Elsewhere()
    assert [run.look(10.0) for _ in range(3)] == [None, None, None]
    assert "has died; run.resume()" in run.look(10.0)
    run.beat()
    assert run.look() is None


@pytest.mark.parametrize("minutes", [-30, -5, 5, 30])
def test_a_clock_that_is_wrong_by_minutes_neither_kills_a_driver_nor_keeps_it_alive(minutes):
    run = Elsewhere()
    for _ in range(20):
        run.beat(60.0 * minutes)
        assert run.look(5.0) is None
    assert [run.look(10.0) is None for _ in range(4)] == [True, True, False, False]


def test_a_driver_whose_clock_is_set_back_goes_on_living():
    run = Elsewhere()
    run.beat()
    assert run.look() is None
    for _ in range(20):
        run.beat(-120.0)
        assert run.look(5.0) is None


def test_a_store_that_was_away_for_minutes_is_no_silence_of_the_driver():
    run = Elsewhere()
    assert run.look() is None
    assert run.look(after=300.0) is None  # the store answers again, with the heartbeat from before
    run.beat()
    assert run.look(5.0) is None
    assert [run.look(5.0) is None for _ in range(7)] == [True] * 5 + [False] * 2


@pytest.mark.parametrize("pause", [20.0, 60.0, 600.0])
def test_a_client_that_looks_rarely_tells_the_living_from_the_dead(pause):
    run = Elsewhere()
    for _ in range(20):
        for _ in range(int(pause / 5)):
            run.beat()
        assert run.look(pause) is None
    # The store may have been away since the last look, so one look proves nothing.
    assert [run.look(pause) is None for _ in range(4)] == [True, False, False, False]
    run.beat()
    assert run.look(pause) is None


@pytest.mark.parametrize(
    ("job", "is_dead"),
    [
        (("RUNNING", ""), False),
        (("PENDING", ""), False),
        (("FAILED", "out of memory"), True),
        (RunException("no answer"), False),
    ],
)
@pytest.mark.parametrize("age", [5.0, 120.0])
def test_a_client_that_looks_once_asks_the_target_about_an_old_heartbeat(job, is_dead, age):
    run = Elsewhere(target="automlcl")
    run.beat(-age)
    death = death_of(run.record, workspace(job, run.record), run.silence)
    assert (death is not None) == (is_dead and age > 30)


def test_a_new_driver_whose_clock_is_slow_is_no_dead_one():
    run = Elsewhere()
    run.beat(-300.0)
    taken = dataclasses.replace(RECORD, driver=run.record.driver)
    assert death_of(RECORD, workspace(again=taken), run.silence) is None


def test_the_target_is_not_asked_about_a_driver_whose_clock_is_slow():
    run = Elsewhere(target="automlcl")
    for number in range(10):
        run.beat(-300.0)
        run.now += 5.0
        job = ("RUNNING", "") if number == 0 else AssertionError("asked")
        assert death_of(run.record, workspace(job, run.record), run.silence) is None


def test_a_driver_that_died_days_ago_is_dead_at_the_first_look():
    run = Elsewhere()
    run.beat(-3 * 86_400.0)
    assert run.look() is not None


def test_a_run_that_nobody_has_ever_driven_is_dead_in_the_end():
    record = dataclasses.replace(
        RECORD, run_id="undriven", status=RunStatus.NOT_STARTED, driver=None, started=time.time()
    )
    now = [0.0]
    silence = Silence(clock=lambda: now[0])
    place = workspace(again=record)
    assert death_of(record, place, silence) is None
    for now[0] in (15.0, 30.0):
        death = death_of(record, place, silence)
    assert death is not None


def watched(monkeypatch, *records):
    """A workspace whose run is in these states, one after the other, a second apart."""
    now, left = [0.0], list(records)
    monkeypatch.setattr(liveness, "_silence", Silence(clock=lambda: now[0]))
    monkeypatch.setattr(
        liveness.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds)
    )
    place = workspace()
    place.store.run = lambda run_id: left.pop(0) if len(left) > 1 else left[0]
    return place, now


def test_who_wants_to_be_certain_watches_a_driver_elsewhere(monkeypatch):
    run = Elsewhere()
    place, now = watched(monkeypatch, run.record)
    assert "has died" in certain_death_of(place, "id")[1]
    assert 29.0 <= now[0] <= 31.0


def test_a_driver_elsewhere_that_beats_is_certainly_alive(monkeypatch):
    run = Elsewhere()
    before = run.record
    run.beat()
    place, now = watched(monkeypatch, before, before, before, run.record)
    record, death = certain_death_of(place, "id")
    assert (record.driver.beats, death) == (1, None)
    assert now[0] <= 5.0


@pytest.mark.parametrize("driver", [ALIVE, DEAD])
def test_a_driver_of_this_machine_needs_no_watching(monkeypatch, driver):
    place, now = watched(monkeypatch, dataclasses.replace(RECORD, driver=driver))
    assert (certain_death_of(place, "id")[1] is None) == (driver is ALIVE)
    assert now[0] == 0.0
