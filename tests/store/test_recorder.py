"""The thread that writes a run's events."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from engine.pipelines.spec import PipelineSpec
from engine.store.files import LOG_FILE
from engine.store.properties import IterationProperties
from engine.store.recorder import Recorder
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus

SPEC = PipelineSpec("KNN", "PCA", {"n_neighbors": 5})
END = IterationEnd(IterationStatus.COMPLETED)


class Store:
    """Keeps the calls; waits for ``gate`` before it writes an end."""

    def __init__(self):
        self.calls = []
        self.gate = threading.Event()
        self.gate.set()

    def start_iteration(self, record, iteration, pipeline, params, properties, started):
        self.calls.append(("start", iteration, pipeline, properties, started))
        return f"child {iteration}"

    def restart_iteration(self, child_id, properties, started):
        self.calls.append(("restart", child_id, properties.iteration, started))

    def end_iteration(self, child_id, end):
        self.gate.wait(10)
        self.calls.append(("end", child_id, end.status))

    def log_best(self, run_id, iteration, scores):
        self.calls.append(("best", run_id, iteration, dict(scores)))

    def retry_iteration(self, child_id, reasons):
        self.calls.append(("retry", child_id, list(reasons)))

    def write_text(self, run_id, file, text):
        self.calls.append(("text", run_id, file, text))


@pytest.fixture
def store():
    return Store()


@pytest.fixture
def recorder(store):
    return Recorder(store, SimpleNamespace(run_id="run"))


def test_events_are_written_in_their_order(store, recorder):
    reasons = ["a lost node"]
    recorder.started(0, SPEC, IterationProperties(pid=1), 1.0)
    recorder.retried(0, reasons)
    reasons.clear()
    recorder.started(0, SPEC, IterationProperties(pid=2), 2.0)
    recorder.log(0, "so far")
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
        ("text", "child 0", LOG_FILE, "so far"),
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


def test_the_first_failure_is_kept_and_later_events_are_written(store, recorder):
    recorder.ended(9, END, {})  # an iteration that never started
    recorder.retried(8, ["lost"])
    recorder.started(0, SPEC, IterationProperties(), 1.0)
    recorder.close()
    assert isinstance(recorder.error, KeyError)
    assert recorder.error.args == (9,)
    assert [call[0] for call in store.calls] == ["start"]


def test_the_driver_waits_while_four_ends_are_to_be_written(store, recorder):
    for number in range(5):
        recorder.started(number, SPEC, IterationProperties(), 1.0)
    store.gate.clear()
    for number in range(4):
        recorder.ended(number, END, {})
    fifth = threading.Thread(target=recorder.ended, args=(4, END, {}))
    fifth.start()
    fifth.join(0.2)
    assert fifth.is_alive()
    store.gate.set()
    fifth.join(10)
    assert not fifth.is_alive()
    recorder.close()
    assert [call[1] for call in store.calls if call[0] == "end"] == [
        f"child {number}" for number in range(5)
    ]
