"""The contract of the store, on each kind of tracking URI."""

from __future__ import annotations

import math
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import TEMPORARILY_UNAVAILABLE

from engine import RunException, WorkspaceException
from engine.errors import StoreUnavailable
from engine.metrics.metric import METRICS
from engine.store.choice import best_iteration
from engine.store.driver_identity import DriverIdentity
from engine.store.files import LOG_FILE, MODEL_FILE
from engine.store.mlflow_store import RunStore
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.retrying import NONE
from engine.store.status import IterationStatus, RunStatus
from engine.store.tracking import configure_mlflow
from tests.conftest import copied_database
from tests.faults.stores import FaultyClient
from tests.store.conftest import SETTINGS
from tests.store.memory_client import MemoryClient

WHERE = IterationProperties(node_ip="x")
NOTHING = IterationProperties()


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
        metrics={"accuracy": 0.6, "AUC_macro": math.nan}, fold_metrics=folds,
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
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, NOTHING, 1.0)
    folds = tuple({f"m{i}": float(fold) for i in range(20)} for fold in range(100))
    store.end_iteration(child, IterationEnd(IterationStatus.COMPLETED, fold_metrics=folds))
    assert store.fold_metrics(child, "m19") == [float(fold) for fold in range(100)]


def test_long_reasons_are_cut(store, run_id):
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, NOTHING, 1.0)
    store.end_iteration(child, IterationEnd(IterationStatus.FAILED, reason="x" * 100_000))
    assert len(store.iteration(child).reason) <= 4000


def test_ids_that_are_no_runs(store, run_id):
    with pytest.raises(RunException, match="there is no run 'x'"):
        store.run("x")
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, NOTHING, 1.0)
    with pytest.raises(RunException, match="is not an AutoML run"):
        store.run(child)


def test_data_and_specification_come_back(store, run_id):
    store.save_spec(run_id, {"settings": {"a": 1}})
    store.save_data(run_id, {"X": [1, 2]}, "data.pkl")
    assert store.load_spec(run_id) == {"settings": {"a": 1}}
    assert store.load_data(run_id, "data.pkl") == {"X": [1, 2]}


def test_a_heartbeat_is_read_with_the_run(store, run_id):
    me = DriverIdentity.of_this_process()
    store.tag_driver(run_id, me)
    assert store.run(run_id).driver == me
    assert store.run(run_id).is_driven_by(me.beat())
    assert not store.run(run_id).is_driven_by(DriverIdentity.of_this_process())


def test_a_run_has_its_creator_as_its_first_driver(store, experiment_id):
    me = DriverIdentity.of_this_process()
    run_id = store.create_run(experiment_id, SETTINGS, None, me)
    assert store.run(run_id).driver == me


def test_of_many_drivers_that_claim_a_run_at_once_one_wins(store, run_id):
    before = None
    for _ in range(3):
        drivers = [DriverIdentity.of_this_process() for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            won = list(pool.map(lambda d, after=before: store.claim(run_id, d, after), drivers))
        [winner] = [d for d, has_won in zip(drivers, won, strict=True) if has_won]
        assert store.run(run_id).driver == winner
        # One that comes later knows a driver that has the run no more.
        assert not store.claim(run_id, DriverIdentity.of_this_process(), before)
        assert store.run(run_id).driver == winner
        before = winner.token


def test_a_heartbeat_of_a_driver_that_has_lost_the_run_changes_nothing(store, run_id):
    first, second = (DriverIdentity.of_this_process() for _ in range(2))
    assert store.claim(run_id, first, None)
    assert store.claim(run_id, second, first.token)
    store.tag_driver(run_id, first.beat())
    assert store.run(run_id).driver == second
    store.tag_driver(run_id, second.beat())
    assert store.run(run_id).driver.beats == 1


def test_a_claim_whose_answer_is_lost_is_known_by_its_value(store, run_id, monkeypatch):
    me = DriverIdentity.of_this_process()
    once = store.client.once
    log_param = once.log_param
    calls = []

    def lost(*arguments):
        calls.append(arguments)
        log_param(*arguments)
        if len(calls) == 1:
            raise MlflowException("the connection broke", TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(once, "log_param", lost)
    assert store.claim(run_id, me, None)
    assert len(calls) == 2


def test_a_claim_that_cannot_be_written_is_an_error(store, run_id, monkeypatch):
    def away(*arguments):
        raise MlflowException("the store is away", TEMPORARILY_UNAVAILABLE)

    monkeypatch.setattr(store.client.once, "log_param", away)
    with pytest.raises(StoreUnavailable, match="is away"):
        store.with_patience(NONE).claim(run_id, DriverIdentity.of_this_process(), None)


def test_a_store_used_from_many_threads(store, run_id):
    record = store.run(run_id)

    def one(number):
        child = store.start_iteration(record, number, "KNN", {}, NOTHING, 1.0)
        store.end_iteration(
            child, IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.5})
        )

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(one, range(12)))
    assert [r.iteration for r in store.iterations(run_id)] == list(range(12))


def test_an_experiment_is_made_once(store, experiment_id, tmp_path):
    [name] = [name for name, found in store.experiments().items() if found == experiment_id]
    assert store.experiment_id(name, tmp_path.as_uri()) == experiment_id
    run_id = store.create_run(experiment_id, SETTINGS, None)
    assert store.experiment_of(run_id) == name
    assert [record.run_id for record in store.runs(experiment_id)] == [run_id]
    store.client.delete_experiment(experiment_id)
    with pytest.raises(WorkspaceException, match="was deleted; restore it"):
        store.experiment_id(name, tmp_path.as_uri())


def test_runs_are_listed_newest_first_without_their_iterations(store, experiment_id):
    ids = [store.create_run(experiment_id, SETTINGS, None) for _ in range(3)]
    store.start_iteration(store.run(ids[0]), 0, "KNN", {}, NOTHING, 1.0)
    found = store.runs(experiment_id)
    assert {record.run_id for record in found} == set(ids)
    times = [record.started for record in found]
    assert times == sorted(times, reverse=True)


def test_everything_else_that_a_run_holds(store, run_id):
    store.tag_notes(run_id, ["one", "two"])
    store.move_run(run_id, "automlcl")
    store.tag_best(run_id, 3, "child")
    store.tag(run_id, "team", "x" * 10_000)
    record = store.run(run_id)
    assert (record.notes, record.target) == (("one", "two"), "automlcl")
    assert len(record.tags["team"]) == 4000
    assert set(record.tags) == {"mine", "team"}
    assert f"/runs/{run_id}" in store.page_of(run_id)


def test_only_news_are_read_again(store, run_id):
    record = store.run(run_id)
    children = [store.start_iteration(record, n, "KNN", {}, NOTHING, 1.0) for n in range(3)]
    for child in children[:2]:
        store.end_iteration(child, IterationEnd(IterationStatus.FAILED))
    ended = [r.ended for r in store.iterations(run_id)[:2]]
    assert [r.iteration for r in store.iterations(run_id, max(ended) + 10)] == [2]
    assert [r.iteration for r in store.iterations(run_id, min(ended))] == [0, 1, 2]


def test_an_iteration_is_tried_again_on_another_node(store, run_id):
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, WHERE, 1.0)
    store.retry_iteration(child, ["node a was lost", "node b was lost"])
    waiting = store.iteration(child)
    assert (waiting.status, waiting.reason) == (IterationStatus.RETRIED, "node b was lost")
    assert waiting.retries == ("node a was lost", "node b was lost")
    store.restart_iteration(child, IterationProperties(node_ip="y"), 7.0)
    again = store.iteration(child)
    assert (again.status, again.reason, again.started) == (IterationStatus.RUNNING, "", 7.0)
    assert (again.properties.node_ip, again.ended) == ("y", None)
    assert again.retries == waiting.retries


def test_an_end_that_is_written_twice_is_one_end(store, run_id):
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, WHERE, 1.0)
    end = IterationEnd(
        IterationStatus.COMPLETED,
        metrics={"accuracy": 0.6},
        fold_metrics=({"accuracy": 0.5}, {"accuracy": 0.7}),
        model=b"model",
    )
    store.end_iteration(child, end)
    once = store.iteration(child), store.fold_metrics(child, "accuracy"), store.files(child)
    store.end_iteration(child, end)
    again, folds, files = (
        store.iteration(child),
        store.fold_metrics(child, "accuracy"),
        store.files(child),
    )
    assert (folds, files) == once[1:]
    assert (again.status, again.metrics, again.properties) == (
        once[0].status,
        once[0].metrics,
        once[0].properties,
    )


def test_the_final_state_is_the_last_write(store, run_id, monkeypatch):
    """Whatever fails before, nobody sees a final state with a part of its files or scores."""
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, WHERE, 1.0)

    def away(*_, **__):
        raise MlflowException("the server is away")

    end = IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.6}, model=b"model")
    for call in ("log_batch", "log_artifacts", "set_terminated"):
        with monkeypatch.context() as patch:
            patch.setattr(store.client.once, call, away)
            with pytest.raises(StoreUnavailable, match="is away"):
                store.with_patience(NONE).end_iteration(child, end)
        assert store.iteration(child).status == IterationStatus.RUNNING
    store.end_iteration(child, end)
    assert store.iteration(child).status == IterationStatus.COMPLETED


def test_the_curves_of_a_run(store, run_id):
    for iteration, score in enumerate((0.5, math.nan, 0.7)):
        store.log_best(run_id, iteration, {"accuracy": score})
    assert store.metric_history(run_id, "accuracy") == {0: 0.5, 2: 0.7}


def test_files_in_folders(store, run_id, tmp_path):
    store.write_files(run_id, "explanation", {"a.json": b"1", "plots/b.png": b"2"})
    store.write_text(run_id, "logs/a.log", "text")
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "c").write_bytes(b"3")
    store.upload_folder(run_id, tmp_path / "more", "model")
    assert store.files(run_id, "explanation") == ["explanation/a.json", "explanation/plots/b.png"]
    assert store.files(run_id)[-2:] == ["logs/a.log", "model/c"]
    (tmp_path / "here").mkdir()
    copy = store.download(run_id, "explanation", str(tmp_path / "here"))
    assert (tmp_path / "here" / "explanation" / "plots" / "b.png").read_bytes() == b"2"
    assert copy == str(tmp_path / "here" / "explanation")


def test_models_are_registered_in_versions(store, run_id):
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, NOTHING, 1.0)
    name = f"model of {run_id}"
    versions = [store.register_model(name, child, text, {"a": "1"}) for text in ("one", None)]
    assert [int(version.version) for version in versions] == [1, 2]
    assert versions[0].source.endswith(f"{child}/artifacts/model")
    assert (versions[0].description, versions[0].tags) == ("one", {"a": "1"})
    assert name in store.registered_models()


def test_an_alias_moves_to_the_newest_version(store, run_id):
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, NOTHING, 1.0)
    name = f"alias of {run_id}"
    first = store.register_model(name, child, None, None, "champion")
    assert list(first.aliases) == ["champion"]
    second = store.register_model(name, child, None, None, "champion")
    assert (int(second.version), list(second.aliases)) == (2, ["champion"])
    assert list(store.client.get_model_version(name, "1").aliases) == []
    assert list(store.register_model(name, child, None, None).aliases) == []


def test_the_run_of_an_iteration(store, run_id):
    child = store.start_iteration(store.run(run_id), 0, "KNN", {}, NOTHING, 1.0)
    assert store.run_of(child) == store.run_of(run_id) == run_id


def test_iterations_that_do_not_exist(store):
    with pytest.raises(RunException, match="there is no run 'nothing'"):
        store.iteration("nothing")


def test_the_page_of_a_run(store, run_id):
    uri = store.tracking_uri
    base = uri if uri.startswith("http://") else "http://127.0.0.1:5000"
    assert store.page_of(run_id).startswith(f"{base}/#/experiments/")


@pytest.mark.parametrize(("by_user", "expected"), [(None, "false"), ("true", "true")])
def test_progress_bars_of_mlflow_stay_off_the_console(monkeypatch, by_user, expected):
    variable = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
    monkeypatch.delenv(variable, raising=False)
    if by_user is not None:
        monkeypatch.setenv(variable, by_user)
    configure_mlflow()
    assert os.environ[variable] == expected


def test_lists_have_all_their_pages(tmp_path):
    class Pages(MemoryClient):
        def search_experiments(self, page_token=None, max_results=3):
            return super().search_experiments(page_token, 3)

        def search_registered_models(self, page_token=None, max_results=3):
            return super().search_registered_models(page_token, 3)

    client = Pages(tmp_path)
    store = RunStore("memory", client=client)
    for number in range(10):
        store.experiment_id(f"e{number}", None)
        client.create_registered_model(f"m{number}")
    assert len(store.experiments()) == 10
    assert len(store.registered_models()) == 10


def test_a_tag_of_the_user_cannot_be_one_of_ours(store, experiment_id):
    tags = {"raysmith.status": "Completed", "raysmith.kind": "x", "mine": "1"}
    record = store.run(store.create_run(experiment_id, SETTINGS, tags))
    assert (record.status, record.tags) == (RunStatus.NOT_STARTED, {"mine": "1"})


def test_only_what_is_needed_is_asked_of_the_store(tmp_path):
    """One read a poll, and the calls of an iteration."""
    client = FaultyClient(MemoryClient(tmp_path))
    store = RunStore("memory", client=client)
    run_id = store.create_run(store.experiment_id("e", None), SETTINGS, None)
    record = store.run(run_id)
    client.calls.clear()
    store.run(run_id)
    assert client.calls == ["get_run"]
    client.calls.clear()
    store.iterations(run_id)
    assert client.calls == ["search_runs"]
    client.calls.clear()
    child = store.start_iteration(record, 0, "KNN", {"k": 1}, NOTHING, 1.0)
    assert client.calls == ["create_run", "log_batch"]
    client.calls.clear()
    store.end_iteration(
        child, IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.5}, model=b"m")
    )
    assert client.calls == ["log_batch", "log_artifacts", "set_terminated", "log_batch"]


def test_processes_that_set_a_tag_for_the_first_time_at_once_get_along(
    tmp_path, workspace_template
):
    """Each client has a connection of its own, as each process has."""
    copied_database(tmp_path, workspace_template)
    clients = [RunStore(f"sqlite:///{tmp_path}{dots}/mlflow.db") for dots in ("", "/.", "/./.")]
    run_id = clients[0].create_run(clients[0].experiment_id("e", tmp_path.as_uri()), SETTINGS, {})
    together = threading.Barrier(len(clients))

    def ask(client):
        for number in range(10):
            together.wait(60)
            client.request_cancel_iteration(run_id, number)

    with ThreadPoolExecutor(len(clients)) as pool:
        assert list(pool.map(ask, clients)) == [None] * len(clients)
    assert clients[0].run(run_id).requests.cancel_iterations == {*range(10)}
