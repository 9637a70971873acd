"""The thread that writes a run's events."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from engine.errors import StoreUnavailable
from engine.pipelines.spec import PipelineSpec
from engine.store.files import LOG_FILE
from engine.store.properties import IterationProperties
from engine.store.recorder import Recorder
from engine.store.records import IterationEnd
from engine.store.spool import Spool
from engine.store.status import IterationStatus

SPEC = PipelineSpec("KNN", "PCA", {"n_neighbors": 5})
END = IterationEnd(IterationStatus.COMPLETED)
#: Seconds that a test waits for the thread at most.
LONG = 30.0


class Store:
    """Keeps the calls. Waits for ``gate`` before it writes an end, or fails as it is told."""

    def __init__(self):
        self.calls = []
        self.gate = threading.Event()
        self.gate.set()
        self.ending = threading.Event()
        self.log_written = threading.Semaphore(0)
        self.fails = {}

    def with_patience(self, patience):
        return self

    def start_iteration(self, record, iteration, pipeline, params, properties, started):
        self._call("start", iteration, pipeline, properties, started)
        return f"child {iteration}"

    def restart_iteration(self, child_id, properties, started):
        self._call("restart", child_id, properties.iteration, started)

    def end_iteration(self, child_id, end, ended):
        self.ending.set()
        assert self.gate.wait(LONG)
        self._call("end", child_id, end.status)

    def log_best(self, run_id, iteration, scores):
        self._call("best", run_id, iteration, dict(scores))

    def retry_iteration(self, child_id, reasons):
        self._call("retry", child_id, list(reasons))

    def write_text(self, run_id, file, text):
        self._call("text", run_id, file, text)
        self.log_written.release()

    def _call(self, name, *values):
        errors = self.fails.get(name)
        if errors:
            raise errors.pop(0)
        self.calls.append((name, *values))

    def ends(self):
        return [call[1] for call in self.calls if call[0] == "end"]


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def spool(tmp_path):
    return Spool("run", tmp_path)


@pytest.fixture
def recorder(store, spool):
    return Recorder(store, SimpleNamespace(run_id="run"), spool)


def start(recorder, *numbers):
    for number in numbers:
        recorder.started(number, SPEC, IterationProperties(), 1.0)


def test_events_are_written_in_their_order(store, recorder):
    reasons = ["a lost node"]
    recorder.started(0, SPEC, IterationProperties(pid=1), 1.0)
    recorder.retried(0, reasons)
    reasons.clear()
    recorder.started(0, SPEC, IterationProperties(pid=2), 2.0)
    recorder.ended(0, END, {"accuracy": 0.5})
    recorder.started(1, SPEC, IterationProperties(), 3.0)
    recorder.ended(1, END, {})
    recorder.close()
    assert recorder.error is None
    first = IterationProperties(pid=1).with_pipeline(SPEC, 0)
    second = IterationProperties().with_pipeline(SPEC, 1)
    assert store.calls == [
        ("start", 0, "PCA KNN", first, 1.0),
        ("retry", "child 0", ["a lost node"]),
        ("restart", "child 0", 0, 2.0),
        ("end", "child 0", "Completed"),
        ("best", "run", 0, {"accuracy": 0.5}),
        ("start", 1, "PCA KNN", second, 3.0),
        ("end", "child 1", "Completed"),
    ]


def test_an_iteration_of_an_earlier_driver_is_started_again(store, recorder):
    recorder.adopt({4: "old child"})
    recorder.started(4, SPEC, IterationProperties(), 1.0)
    recorder.close()
    assert store.calls == [("restart", "old child", 4, 1.0)]


def test_nothing_is_written_of_nothing(store, recorder):
    recorder.close()
    assert (store.calls, recorder.error, recorder.is_behind) == ([], None, False)


def test_the_first_failure_is_kept_and_later_events_are_written(store, recorder):
    recorder.ended(9, END, {})  # an iteration that never started
    recorder.retried(8, ["lost"])
    start(recorder, 0)
    recorder.close()
    assert isinstance(recorder.error, KeyError)
    assert recorder.error.args == (9,)
    assert [call[0] for call in store.calls] == ["start"]


def test_the_driver_never_waits_and_begins_nothing_while_four_ends_wait(store, recorder):
    start(recorder, *range(6))
    store.gate.clear()
    for number in range(3):
        recorder.ended(number, END, {})
    assert not recorder.is_behind
    for number in range(3, 6):
        recorder.ended(number, END, {})
    assert recorder.is_behind
    assert not recorder.wait_until_ready(0.01)
    store.gate.set()
    assert recorder.wait_until_ready(LONG)
    recorder.close()
    assert not recorder.is_behind
    assert store.ends() == [f"child {number}" for number in range(6)]


def test_a_running_iterations_log_is_brought(store, recorder):
    start(recorder, 0)
    recorder.log(0, "so far")
    assert store.log_written.acquire(timeout=LONG)
    recorder.close()
    assert store.calls[-1] == ("text", "child 0", LOG_FILE, "so far")


def test_of_a_log_only_the_latest_is_written_and_nothing_after_the_end(store, recorder):
    start(recorder, 0, 1)
    store.gate.clear()
    recorder.ended(0, END, {})
    assert store.ending.wait(LONG)
    for line in range(100):
        recorder.log(1, f"line {line}")
    store.gate.set()
    assert store.log_written.acquire(timeout=LONG)
    recorder.log(1, "too late")
    recorder.ended(1, END, {})
    recorder.close()
    assert [call for call in store.calls if call[0] == "text"] == [
        ("text", "child 1", LOG_FILE, "line 99")
    ]
    assert store.ends() == ["child 0", "child 1"]


def test_no_log_is_written_before_the_start_or_over_the_last_one(store, recorder):
    """Another thread brings the logs: it may be a moment early, or late."""
    recorder.log(0, "too early")
    start(recorder, 0, 1)
    recorder.ended(0, END, {})
    recorder.log(0, "too late")
    recorder.log(1, "so far")
    assert store.log_written.acquire(timeout=LONG)
    recorder.close()
    assert recorder.error is None
    assert [call for call in store.calls if call[0] == "text"] == [
        ("text", "child 1", LOG_FILE, "so far")
    ]


def test_logs_come_after_everything_else(store, recorder):
    start(recorder, *range(5))
    store.gate.clear()
    recorder.ended(0, END, {})
    assert store.ending.wait(LONG)
    recorder.log(4, "so far")
    for number in range(1, 4):
        recorder.ended(number, END, {})
    store.gate.set()
    assert store.log_written.acquire(timeout=LONG)
    recorder.close()
    assert [call[0] for call in store.calls][5:] == ["end"] * 4 + ["text"]


@pytest.mark.parametrize("error", [StoreUnavailable("away"), OSError("full")])
def test_a_log_that_is_not_written_is_no_failure(store, recorder, error):
    store.fails["text"] = [error]
    start(recorder, 0)
    recorder.log(0, "lost")
    recorder.log(1, "of none")
    recorder.log(0, "so far")
    recorder.ended(0, END, {})
    recorder.close()
    assert recorder.error is None
    assert store.ends() == ["child 0"]


def test_what_a_lost_store_lacks_is_kept_on_disk(store, recorder, spool):
    lost = threading.Event()
    recorder.when_lost(lost.set)
    start(recorder, *range(4))
    store.fails["end"] = [StoreUnavailable("away for 330 s")]
    end = IterationEnd(
        IterationStatus.COMPLETED,
        metrics={"accuracy": 0.5},
        fold_metrics=({"accuracy": 0.25}, {"accuracy": 0.75}),
        properties=IterationProperties(folds=2),
        model=b"\x00model",
        predictions=b"\x00predictions",
        log="a log",
    )
    recorder.ended(0, end, {"accuracy": 0.5})
    assert lost.wait(LONG)
    recorder.ended(1, IterationEnd(IterationStatus.FAILED, "ValueError"), {})
    recorder.ended(2, IterationEnd(IterationStatus.CANCELED, "the store could not be written"), {})
    recorder.close()
    assert store.ends() == []
    assert isinstance(recorder.error, StoreUnavailable)
    assert f"away for 330 s; 2 finished iterations are kept in {spool.path}" in str(recorder.error)
    first, second = spool.iterations()
    assert (first.end, first.scores) == (end, {"accuracy": 0.5})
    assert (second.start.iteration, second.end.reason) == (1, "ValueError")
    assert second.start.properties == IterationProperties().with_pipeline(SPEC, 1)


def test_a_full_disk_is_told_too(store, tmp_path):
    (tmp_path / "file").touch()
    recorder = Recorder(store, SimpleNamespace(run_id="run"), Spool("run", tmp_path / "file"))
    start(recorder, 0)
    store.fails["end"] = [StoreUnavailable("away")]
    recorder.ended(0, END, {})
    recorder.close()
    assert "1 finished iterations are lost: " in str(recorder.error)


def test_results_that_the_store_refuses_cost_one_iteration(store, recorder):
    start(recorder, 0, 1)
    store.fails["end"] = [ValueError("413 too large")]
    recorder.ended(0, END, {"accuracy": 0.5})
    recorder.ended(1, END, {})
    recorder.close()
    assert recorder.error is None
    ends = [call for call in store.calls if call[0] == "end"]
    assert ends == [("end", "child 0", "Failed"), ("end", "child 1", "Completed")]


def test_a_write_that_never_returns_is_given_up(store, recorder, spool, monkeypatch):
    monkeypatch.setattr("engine.store.recorder._HUNG_SECONDS", 0.1)
    start(recorder, 0, 1)
    store.gate.clear()
    recorder.ended(0, END, {})
    recorder.ended(1, END, {})
    assert store.ending.wait(LONG)
    recorder.close()
    assert "a write to the store did not return; 2 finished iterations" in str(recorder.error)
    assert [iteration.start.iteration for iteration in spool.iterations()] == [0, 1]
    store.gate.set()


def test_an_outage_ends_the_driver_before_it_ends_the_thread(store, recorder):
    """The callback may stop the schedule while other threads use the recorder."""
    stopped = threading.Event()

    def stop():
        thread = threading.Thread(target=lambda: (recorder.log(0, "x"), stopped.set()))
        thread.start()

    recorder.when_lost(stop)
    start(recorder, 0)
    store.fails["end"] = [StoreUnavailable("away")]
    recorder.ended(0, END, {})
    assert stopped.wait(LONG)
    recorder.close()
