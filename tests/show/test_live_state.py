"""The state of a run that goes on, and its changes."""

from __future__ import annotations

import json
import random
import time
from types import SimpleNamespace

import pytest

from engine.pipelines.spec import PipelineSpec
from engine.show.live_state import LiveState, changes_of, merged
from engine.store import records
from engine.store.driver_identity import DriverIdentity
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus, RunStatus
from tests.client.recorded import leave_open, record_run
from tests.store.counting import counted

pytestmark = pytest.mark.usefixtures("store_in_memory")


@pytest.fixture
def run(experiment):
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    yield run
    run.store.set_status(run.id, RunStatus.CANCELED)


class Events:
    """What happens to a run, in an order that a seed decides."""

    def __init__(self, run, seed):
        self._run, self._rng = run, random.Random(seed)
        self._going, self._next = {}, 10

    def happen(self):
        do = self._rng.choice([self._start, self._start, self._end, self._end, self._retry,
                               self._note])  # fmt: skip
        do()

    def _start(self):
        store, number = self._run.store, self._next
        self._next += 1
        spec = PipelineSpec("KNN")
        properties = IterationProperties.of_pipeline(spec, number)
        record = store.run(self._run.id)
        child = store.start_iteration(record, number, spec.name, {}, properties, time.time())
        self._going[number] = (child, [])

    def _end(self):
        if self._going:
            child, _ = self._going.pop(self._rng.choice(list(self._going)))
            status = self._rng.choice([IterationStatus.COMPLETED, IterationStatus.FAILED])
            score = self._rng.random()
            metrics = {"accuracy": score} if status is IterationStatus.COMPLETED else {}
            end = IterationEnd(status, "why", metrics=metrics, fold_metrics=(metrics,))
            self._run.store.end_iteration(child, end.with_fold_scores("accuracy"))

    def _retry(self):
        if self._going:
            child, reasons = self._going[self._rng.choice(list(self._going))]
            reasons.append(f"node {len(reasons)} was lost")
            self._run.store.retry_iteration(child, reasons)

    def _note(self):
        self._run.store.tag_notes(self._run.id, [str(self._rng.random())])


@pytest.mark.parametrize("seed", [0, 1])
def test_changes_add_up_to_the_whole(run, monkeypatch, seed):
    now = time.time() + 60
    monkeypatch.setattr(records, "time", SimpleNamespace(time=lambda: now))
    live, events, chance = LiveState(run.view()), Events(run, seed), random.Random(seed)
    browser = json.loads(json.dumps(live.whole()))
    revision = 0
    for number in range(30):
        events.happen()
        if chance.random() < 0.4 or number == 29:
            changes = live.look()
            if changes is not None:
                revision += 1
                assert changes["revision"] == revision
                browser = merged(browser, json.loads(json.dumps(changes)))
            expected = json.loads(json.dumps(LiveState(run.view()).whole()))
            assert browser["iterations"] == expected["iterations"]
            assert {**browser, "revision": 0} == expected
    assert live.look() is None


def test_a_look_costs_the_same_whatever_has_ended(run):
    live = LiveState(run.view())
    with counted() as calls:
        live.look()
    assert calls == {"get_run": 1, "search_runs": 2}


def test_the_log_of_the_chosen_iteration_is_read_until_it_has_ended(run):
    live = LiveState(run.view())
    assert live.look(chosen=1)["logs"] == {"1": "log of 1\n"}
    with counted() as calls:
        assert live.look(chosen=1) is None
    assert calls == {"get_run": 1, "search_runs": 2}
    child = run.store.start_iteration(
        run.store.run(run.id), 9, "KNN", {}, IterationProperties(), time.time()
    )
    for text in ("one\n", "one\ntwo\n"):
        run.store.write_text(child, "logs/iteration.log", text)
        assert live.look(chosen=9)["logs"] == {"9": text}
    assert live.bring_log(77) is None


def test_the_end_of_a_run_brings_everything(run):
    live = LiveState(run.view())
    assert not live.is_over
    run.store.set_status(run.id, RunStatus.COMPLETED)
    changes = live.look()
    assert live.is_over
    assert changes["run"]["status"] == "Completed"
    assert {"settings", "versions", "snippet", "data"} <= set(changes)
    assert "iterations" not in changes


def test_a_driver_that_dies_is_seen(run):
    alive = leave_open(run, iteration=7)
    run.store.tag_driver(run.id, alive)
    live = LiveState(run.view())
    assert live.state["iterations"][-1]["status"] == "Running"
    leave_open(run, iteration=8)
    changes = live.look()
    assert live.is_over
    assert changes["run"]["status"] == "Failed"
    assert "has died" in changes["run"]["error"]
    states = {one["iteration"]: one["status"] for one in live.state["iterations"]}
    assert (states[7], states[8]) == ("Failed", "Failed")


def test_files_of_a_run_that_has_ended_are_read_once(run):
    run.store.set_status(run.id, RunStatus.COMPLETED)
    live = LiveState(run.view())
    assert live.state["snippet"]
    with counted() as calls:
        assert live.look() is None
    assert calls == {"get_run": 1, "search_runs": 2}


def test_only_fields_that_are_different_are_sent():
    one = {"iteration": 3, "seconds": 1.5, "status": "Running", "metrics": {"accuracy": 0.5}}
    before = {"run": {"status": "Running"}, "iterations": [one], "best": None}
    now = {**before, "iterations": [{**one, "seconds": 2.5}], "best": 3}
    changes = changes_of(before, now)
    assert changes == {"iterations": [{"iteration": 3, "seconds": 2.5}], "best": 3}
    assert merged(before, changes) == now
    assert changes_of(now, now) == {}
