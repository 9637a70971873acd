"""The table that follows a run."""

from __future__ import annotations

import time

import pytest

from engine.pipelines.spec import PipelineSpec
from engine.show.follower import Follower
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus
from tests.client.recorded import record_run

pytestmark = pytest.mark.usefixtures("store_in_memory")


@pytest.fixture
def run(experiment):
    return record_run(experiment)


def look(run, follower, capsys):
    """Lines that a look prints."""
    follower.look(run.store.run(run.id))
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def start(run, number):
    store, spec = run.store, PipelineSpec("KNN")
    properties = IterationProperties.of_pipeline(spec, number)
    return store.start_iteration(store.run(run.id), number, spec.name, {}, properties, time.time())


def test_only_news_are_printed(run, capsys):
    follower = Follower(run.store, run.id)
    capsys.readouterr()
    assert [line[0] for line in look(run, follower, capsys)] == ["0", "1", "2", "3"]
    assert look(run, follower, capsys) == []

    run.store.tag_notes(run.id, ["the first"])
    child = start(run, 4)
    assert look(run, follower, capsys) == [["Warning:", "the", "first"]]

    run.store.tag_notes(run.id, ["the first", "the second"])
    end = IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.95})
    run.store.end_iteration(child, end)
    warning, row = look(run, follower, capsys)
    assert warning == ["Warning:", "the", "second"]
    assert (row[0], row[-2:]) == ("4", ["0.9500", "0.9500"])
    assert look(run, follower, capsys) == []
    follower.end()


def test_each_retry_is_a_row(run, capsys):
    follower = Follower(run.store, run.id)
    look(run, follower, capsys)
    child = start(run, 4)
    run.store.retry_iteration(child, ["node a was lost"])
    [row] = look(run, follower, capsys)
    assert row[:2] == ["4", "KNN"]
    assert row[3:] == ["Retried", "0.9000", "node", "a", "was", "lost"]
    assert look(run, follower, capsys) == []
    run.store.retry_iteration(child, ["node a was lost", "node b was lost"])
    [row] = look(run, follower, capsys)
    assert row[-4:] == ["node", "b", "was", "lost"]
