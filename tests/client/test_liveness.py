"""Dead drivers, here and on clusters."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace

import pytest

from engine import RunException
from engine.client.liveness import death_of, status_of
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
        {"status": RunStatus.NOT_STARTED, "driver": None},
    ],
)
def test_runs_that_nobody_needs_to_worry_about(changes):
    record = dataclasses.replace(RECORD, **changes)
    assert death_of(record, workspace()) is None
    assert status_of(record, workspace()) == record.status


def test_a_dead_driver_of_this_machine():
    assert "has died; run.resume()" in death_of(RECORD, workspace())
    assert status_of(RECORD, workspace()) == RunStatus.FAILED


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
