from __future__ import annotations

import pytest

from engine import RunException
from engine.metrics.metric import METRICS
from engine.store.choice import best_iteration
from engine.store.driver_identity import DriverIdentity
from engine.store.files import LOG_FILE, MODEL_FILE
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus, RunStatus

WHERE = IterationProperties(node_ip="x")
SETTINGS = {"task": "classification", "primary_metric": "accuracy", "iterations": 3, "name": None}


@pytest.fixture
def store(workspace):
    return workspace.store


@pytest.fixture
def run_id(store, experiment):
    return store.create_run(experiment.id, SETTINGS, {"mine": "1"})


def test_a_run_goes_through_its_states(store, run_id):
    record = store.run(run_id)
    assert (record.status, record.primary_metric, record.ended) == ("NotStarted", "accuracy", None)
    assert record.tags == {"mine": "1"}
    for status in (
        RunStatus.PREPARING,
        RunStatus.RUNNING,
        RunStatus.FINALIZING,
        RunStatus.COMPLETED,
    ):
        store.set_status(run_id, status)
        assert store.run(run_id).status == status
    assert store.run(run_id).ended is not None
    assert store.client.get_run(run_id).info.status == "FINISHED"


def test_requests_are_seen_and_forgotten(store, run_id):
    store.request_pause(run_id, True)
    store.request_cancel(run_id)
    store.request_cancel_iteration(run_id, 7)
    store.set_status(run_id, RunStatus.FAILED, ValueError("no"))
    record = store.run(run_id)
    assert (record.requests.cancel, record.requests.pause) == (True, True)
    assert record.requests.cancel_iterations == {7}
    assert (record.error, record.error_type) == ("no", "ValueError")
    store.clear_requests(run_id)
    record = store.run(run_id)
    assert not record.requests.cancel
    assert not record.requests.cancel_iterations
    assert record.error is None


def test_an_iteration_from_start_to_end(store, run_id):
    record = store.run(run_id)
    child = store.start_iteration(record, 0, "PCA SGD", {"alpha": 0.1}, WHERE, 1.0)
    (running,) = store.iterations(run_id)
    assert (running.status, running.ended, running.started) == ("Running", None, 1.0)
    folds = tuple({"accuracy": value, "log_loss": 0.5} for value in (0.5, 0.7))
    store.end_iteration(child, IterationEnd(
        IterationStatus.COMPLETED,
        metrics={"accuracy": 0.6, "AUC_macro": float("nan")}, fold_metrics=folds,
        properties=IterationProperties(cores=1), model=b"model", predictions=b"p", log="a log",
    ))  # fmt: skip
    (ended,) = store.iterations(run_id)
    assert ended.metrics == {"accuracy": 0.6}
    assert ended.properties == IterationProperties(node_ip="x", cores=1)
    assert ended.pipeline == "PCA SGD"
    assert store.fold_metrics(child, "accuracy") == [0.5, 0.7]
    assert store.read_bytes(child, MODEL_FILE) == b"model"
    assert store.read_bytes(child, LOG_FILE) == b"a log"
    assert store.files(child, "outputs") == ["outputs/model.pkl.zst", "outputs/predictions.npy"]
    with pytest.raises(FileNotFoundError, match="has no file 'nothing'"):
        store.read_bytes(child, "nothing")
    assert best_iteration([running, ended], METRICS["accuracy"]) == ended


def test_many_folds_are_more_than_one_batch(store, run_id):
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, IterationProperties(), 1.0)
    folds = tuple({f"m{i}": float(fold) for i in range(20)} for fold in range(100))
    store.end_iteration(child, IterationEnd(IterationStatus.COMPLETED, fold_metrics=folds))
    assert store.fold_metrics(child, "m19") == [float(fold) for fold in range(100)]


def test_long_reasons_are_cut(store, run_id):
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, IterationProperties(), 1.0)
    store.end_iteration(child, IterationEnd(IterationStatus.FAILED, reason="x" * 100_000))
    assert len(store.iteration(child).reason) <= 4000


def test_ids_that_are_no_runs(store, run_id):
    with pytest.raises(RunException, match="there is no run 'x'"):
        store.run("x")
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, IterationProperties(), 1.0)
    with pytest.raises(RunException, match="is not an AutoML run"):
        store.run(child)


def test_data_and_specification_come_back(store, run_id):
    store.save_spec(run_id, {"settings": {"a": 1}})
    store.save_data(run_id, {"X": [1, 2]})
    assert store.load_spec(run_id) == {"settings": {"a": 1}}
    assert store.load_data(run_id) == {"X": [1, 2]}


def test_a_driver_is_known_to_live_or_not(store, run_id):
    me = DriverIdentity.of_this_process()
    store.tag_driver(run_id, me)
    assert store.run(run_id).driver == me
    assert store.run(run_id).driver_is_alive
    gone = DriverIdentity.from_json(me.to_json().replace(f'"pid": {me.pid}', '"pid": 999999999'))
    assert not gone.is_alive()
    elsewhere = DriverIdentity("t", "other/host", 1, 0.0, me.heartbeat)
    assert elsewhere.is_alive()
    assert not DriverIdentity("t", "other/host", 1, 0.0, me.heartbeat - 60).is_alive()


def test_a_store_used_from_many_threads(store, run_id):
    from concurrent.futures import ThreadPoolExecutor

    record = store.run(run_id)

    def one(number):
        child = store.start_iteration(record, number, "KNN", {}, IterationProperties(), 1.0)
        store.end_iteration(
            child, IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.5})
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    assert [r.iteration for r in store.iterations(run_id)] == list(range(12))
