"""Reading only what is new."""

from __future__ import annotations

import time

import pytest

from engine.pipelines.spec import PipelineSpec
from engine.store.driver_identity import DriverIdentity
from engine.store.iteration_reader import IterationReader
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus, RunStatus
from tests.client.recorded import SCORES, record_run
from tests.store.counting import counted

pytestmark = pytest.mark.usefixtures("store_in_memory")

END = IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.5})


@pytest.fixture
def run(experiment):
    run = record_run(experiment, RunStatus.RUNNING)
    yield run
    run.store.set_status(run.id, RunStatus.CANCELED)  # it has no driver that would


def start(run, number):
    spec = PipelineSpec("KNN")
    properties = IterationProperties.of_pipeline(spec, number)
    record = run.store.run(run.id)
    return run.store.start_iteration(record, number, spec.name, {}, properties, time.time())


def numbers(reader, run):
    return [record.iteration for record in reader.read(run.store.run(run.id))]


def end_long_ago(run, child):
    """As a driver does whose clock is an hour behind."""
    run.store.end_iteration(child, END)
    run.store.client.set_terminated(child, "FINISHED", int(1000 * (time.time() - 3600)))


def test_only_news_are_read(run):
    reader = IterationReader(run.store, run.id)
    assert numbers(reader, run) == list(range(len(SCORES)))
    assert (reader.ended_count, reader.going) == (len(SCORES), [])
    assert numbers(reader, run) == []
    child = start(run, 7)
    assert numbers(reader, run) == [7]
    assert [record.iteration for record in reader.going] == [7]
    assert numbers(reader, run) == []
    run.store.retry_iteration(child, ["node a was lost"])
    assert numbers(reader, run) == [7]
    run.store.end_iteration(child, END)
    assert numbers(reader, run) == [7]
    assert (reader.ended_count, reader.going) == (len(SCORES) + 1, [])
    assert numbers(reader, run) == []


def test_a_reading_is_two_requests(run):
    start(run, 7)
    reader = IterationReader(run.store, run.id)
    numbers(reader, run)
    record = run.store.run(run.id)
    with counted() as calls:
        reader.read(record)
    assert calls == {"search_runs": 2}


def since(monkeypatch, store):
    """The end times from which the store is asked for iterations, in order."""
    asked, read = [], store.iterations
    monkeypatch.setattr(
        store, "iterations", lambda run_id, since=None: asked.append(since) or read(run_id, since)
    )
    return asked


def test_the_end_of_a_run_is_no_reason_to_read_everything_again(run, monkeypatch):
    """Thousands of iterations would be read by all clients in the same second."""
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    reader = IterationReader(run.store, run.id)
    numbers(reader, run)
    child = start(run, len(SCORES))
    assert numbers(reader, run) == [len(SCORES)]
    run.store.end_iteration(child, END)
    run.store.set_status(run.id, RunStatus.COMPLETED)
    asked = since(monkeypatch, run.store)
    assert numbers(reader, run) == [len(SCORES)]
    assert numbers(reader, run) == []
    assert len(asked) == 2
    assert None not in asked


@pytest.mark.parametrize("sign", ["another driver", "a gap in the numbers", "a clock was set"])
def test_what_may_have_been_missed_is_read_at_the_end(run, monkeypatch, sign):
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    going = start(run, len(SCORES))
    reader = IterationReader(run.store, run.id)
    numbers(reader, run)
    missed = len(SCORES) + 1
    end_long_ago(run, start(run, missed))
    if sign == "another driver":
        run.store.tag_driver(run.id, DriverIdentity.of_this_process())
        run.store.end_iteration(going, END)
    elif sign == "a gap in the numbers":
        run.store.end_iteration(going, END)
        run.store.end_iteration(start(run, missed + 1), END)
    else:
        end_long_ago(run, going)
    assert missed not in numbers(reader, run)
    run.store.set_status(run.id, RunStatus.COMPLETED)
    asked = since(monkeypatch, run.store)
    assert numbers(reader, run) == [missed]
    assert asked[-1] is None
    assert numbers(reader, run) == []
    assert len(asked) == 3


def test_what_ended_long_ago_is_not_asked_for_again(run):
    child = start(run, 7)
    end_long_ago(run, child)
    reader = IterationReader(run.store, run.id)
    numbers(reader, run)
    since = max(one.ended for one in run.store.iterations(run.id)) - 60
    asked = run.store.iterations(run.id, since)
    assert 7 not in [one.iteration for one in asked]


def test_clocks_of_drivers_may_differ(run):
    going = start(run, 7)
    reader = IterationReader(run.store, run.id)
    numbers(reader, run)
    end_long_ago(run, going)
    assert numbers(reader, run) == [7]
    end_long_ago(run, start(run, 8))  # began and ended between two readings
    assert numbers(reader, run) == []
    run.store.set_status(run.id, RunStatus.COMPLETED)
    assert numbers(reader, run) == [8]
    assert reader.ended_count == len(SCORES) + 2


def test_an_iteration_that_is_begun_again(run):
    child = start(run, 7)
    reader = IterationReader(run.store, run.id)
    numbers(reader, run)
    run.store.restart_iteration(child, IterationProperties(pid=4711), time.time())
    [record] = reader.read(run.store.run(run.id))
    assert record.properties.pid == 4711


def test_a_run_that_is_continued(run):
    run.store.set_status(run.id, RunStatus.COMPLETED)
    reader = IterationReader(run.store, run.id)
    numbers(reader, run)
    run.store.set_status(run.id, RunStatus.RUNNING)
    start(run, 7)
    assert numbers(reader, run) == [7]
