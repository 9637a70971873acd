"""Codecs between MLflow runs and records."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine import RunException
from engine.store import tags
from engine.store.driver_identity import DriverIdentity
from engine.store.properties import IterationProperties
from engine.store.status import IterationStatus, RunStatus

SETTINGS = {"task": "classification", "primary_metric": "accuracy", "compute_target": "automlcl"}


def mlflow_run(of, metrics=None, end_time=5_000, params=None):
    info = SimpleNamespace(run_id="r", experiment_id="e", start_time=1_500, end_time=end_time)
    data = SimpleNamespace(tags=of, metrics=metrics or {}, params=params or {})
    return SimpleNamespace(info=info, data=data)


def test_every_state_has_a_status_in_mlflow():
    for state in (*RunStatus, *IterationStatus):
        status = tags.MLFLOW_STATUS[state]
        assert (status in ("FINISHED", "KILLED", "FAILED")) == state.is_final


def test_a_new_run():
    record = tags.run_record(mlflow_run(tags.tags_of_new_run("a run", SETTINGS, {"team": "x"})))
    assert (record.run_id, record.experiment_id, record.name) == ("r", "e", "a run")
    assert (record.status, record.metric.name) == (RunStatus.NOT_STARTED, "accuracy")
    assert (record.target, record.tags) == ("automlcl", {"team": "x"})
    assert (record.started, record.ended, record.driver) == (1.5, None, None)
    assert not record.is_final


def test_a_run_with_requests_and_a_driver():
    driver = DriverIdentity.of_this_process()
    found = {
        **tags.tags_of_new_run("a run", SETTINGS, {}),
        tags.STATUS: RunStatus.COMPLETED.value,
        tags.CANCEL: "true",
        tags.PAUSE: "false",
        tags.cancel_iteration(7): "true",
        tags.cancel_iteration(12): "true",
        tags.NOTES: "one\ntwo",
        tags.DRIVER: driver.to_json(),
        "mlflow.user": "somebody",
    }
    record = tags.run_record(mlflow_run(found))
    assert (record.requests.cancel, record.requests.pause) == (True, False)
    assert record.requests.cancel_iterations == {7, 12}
    assert (record.notes, record.driver, record.tags) == (("one", "two"), driver, {})
    assert (record.ended, record.is_final) == (5.0, True)
    cleared = {key for key in found if tags.is_request_or_error(key)}
    assert cleared == {tags.CANCEL, tags.PAUSE, tags.cancel_iteration(7), tags.cancel_iteration(12)}


def test_the_last_claim_says_who_the_driver_is():
    first, second = (DriverIdentity.of_this_process() for _ in range(2))
    new = tags.tags_of_new_run("a run", SETTINGS, {}, first)
    assert tags.run_record(mlflow_run(new)).driver == first
    claims = {tags.claim(9): first.to_json(), tags.claim(10): second.to_json()}
    for beating, expected in (
        (first.beat(), second),  # a heartbeat of the driver that has lost the run
        (second.beat().beat(), second.beat().beat()),
    ):
        found = {**new, tags.DRIVER: beating.to_json()}
        driver = tags.run_record(mlflow_run(found, params=claims)).driver
        assert (driver.token, driver.beats) == (expected.token, expected.beats)


def test_a_final_state_without_a_time_has_no_end_yet():
    found = {**tags.tags_of_new_run("a run", SETTINGS, {}), tags.STATUS: "Failed"}
    assert tags.run_record(mlflow_run(found, end_time=None)).ended is None


def test_an_iteration_is_no_run():
    found = tags.tags_of_new_iteration("parent", 0, "KNN", IterationProperties())
    with pytest.raises(RunException, match="run r is not an AutoML run"):
        tags.run_record(mlflow_run(found))


def test_an_iteration_through_its_states():
    found = tags.tags_of_new_iteration("parent", 4, "PCA KNN", IterationProperties(pid=1))
    record = tags.iteration_record(mlflow_run(found))
    assert (record.iteration, record.pipeline, record.started) == (4, "PCA KNN", 1.5)
    assert (record.status, record.ended) == (IterationStatus.RUNNING, None)

    found |= tags.tags_of_retry(["x" * 1000, "a lost node"])
    record = tags.iteration_record(mlflow_run(found))
    assert (record.status, record.reason) == (IterationStatus.RETRIED, "a lost node")
    assert [len(reason) for reason in record.retries] == [300, 11]

    found |= tags.tags_of_restart(IterationProperties(pid=2), 3.25)
    record = tags.iteration_record(mlflow_run(found))
    assert (record.status, record.reason, record.started) == (IterationStatus.RUNNING, "", 3.25)

    end = IterationProperties(folds=5)
    found |= tags.tags_of_end(IterationStatus.COMPLETED, "", end)
    record = tags.iteration_record(mlflow_run(found, {"accuracy": 0.5, "folds/accuracy": 0.4}))
    assert (record.is_completed, record.ended) == (True, 5.0)
    assert record.metrics == {"accuracy": 0.5}
    assert record.properties == IterationProperties(pid=2, folds=5)


@pytest.mark.parametrize("key", ["raysmith.status", "mlflow.note.content"])
def test_tags_that_are_not_the_users(key):
    assert tags.is_reserved(key)
    assert not tags.is_reserved(f"my.{key}")
