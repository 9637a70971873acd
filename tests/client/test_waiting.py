"""Waiting for the end of a run."""

from __future__ import annotations

import dataclasses
import threading
import time
from functools import partial
from types import SimpleNamespace

import pytest

from engine import ConfigException, DataException, ModelException, RunException
from engine.client import waiting
from engine.client.waiting import failure_of, wait_for_end
from engine.pace import Pace
from engine.store.driver_identity import DriverIdentity
from engine.store.status import RunStatus
from tests.client.recorded import record_run

pytestmark = pytest.mark.usefixtures("store_in_memory")


def test_the_final_state_is_returned(run, capsys):
    assert run.wait_for_completion() == "Completed"
    assert type(run.wait_for_completion()) is str
    assert capsys.readouterr().out == ""


def test_the_table_is_printed_meanwhile(run, capsys):
    assert run.wait_for_completion(show_output=True) == "Completed"
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["Running on local compute", f"Parent Run ID: {run.id}"]
    rows = [line.split() for line in lines if "PCA DecisionTree" in line]
    assert [(row[0], row[4], row[5]) for row in rows] == [
        ("0", "0.7000", "0.7000"),
        ("1", "Failed", "0.7000"),
        ("2", "0.9000", "0.9000"),
        ("3", "0.8000", "0.9000"),
    ]
    assert rows[1][6:] == ["ValueError:", "bad"]


def test_a_run_that_goes_on_for_longer(experiment):
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    with pytest.raises(TimeoutError, match="is still Running after 0 s"):
        run.wait_for_completion(timeout_seconds=0)

    def end():
        time.sleep(0.2)
        run.store.set_status(run.id, RunStatus.CANCELED)

    ending = threading.Thread(target=end)
    ending.start()
    assert run.wait_for_completion(timeout_seconds=60) == "Canceled"
    ending.join()


def test_who_waits_for_a_slow_store_asks_less_often(run, monkeypatch):
    now, pauses = [0.0], []
    going = dataclasses.replace(
        run.store.run(run.id),
        status=RunStatus.RUNNING,
        driver=DriverIdentity.of_this_process(),
    )
    answers = [going, going, going, run.store.run(run.id)]

    class Store:
        def with_patience(self, patience):
            return self

        def run(self, run_id):
            now[0] += 0.001 if len(answers) > 2 else 0.3
            return answers.pop(0)

    monkeypatch.setattr(waiting, "Pace", partial(Pace, clock=lambda: now[0]))
    monkeypatch.setattr(waiting, "time", SimpleNamespace(monotonic=lambda: 0, sleep=pauses.append))
    place = SimpleNamespace(store=Store(), compute_targets={})
    assert wait_for_end(place, run.id, False, None).status is RunStatus.COMPLETED
    assert pauses == pytest.approx([0.5, 0.5, 2.7])


def test_a_run_whose_driver_has_died(experiment):
    run = record_run(experiment, RunStatus.RUNNING)
    dead = dataclasses.replace(DriverIdentity.of_this_process(), pid=999_999_999)
    run.store.tag_driver(run.id, dead)
    assert run.get_status() == "Failed"
    assert "has died" in run.get_details()["error"]
    with pytest.raises(RunException, match=r"the driver of run \w+ has died"):
        run.wait_for_completion()


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (DataException("y has one class"), DataException),
        (ModelException("no counterpart"), ModelException),
        (ConfigException(["task='x'"]), ConfigException),
        (KeyError("of somebody else"), RunException),
    ],
)
def test_the_error_of_the_driver_is_raised_again(experiment, raised, expected):
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.set_status(run.id, RunStatus.FAILED, raised)
    with pytest.raises(expected) as caught:
        run.wait_for_completion()
    assert type(caught.value) is expected
    assert str(caught.value) == str(raised)


def test_a_failure_without_an_error(run):
    record = run.store.run(run.id)
    assert str(failure_of(record)) == "the run failed"
