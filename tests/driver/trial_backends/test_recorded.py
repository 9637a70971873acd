"""Recorded trials keep the contract of trial backends, and what they say of themselves."""

from __future__ import annotations

import pytest

from engine.driver.clock import SimulatedClock
from engine.driver.trial_backends.backend import Proposal
from engine.driver.trial_backends.recorded import (
    NodeLoss,
    RecordedBackend,
    RecordedTrial,
    Recording,
)
from engine.pipelines.spec import PipelineSpec
from engine.store.status import IterationStatus
from tests.driver.trial_backends.suite import ListHost, TrialBackendSuite

QUICK, SLOW = PipelineSpec("KNN"), PipelineSpec("SVM")
FAILING, DYING = PipelineSpec("SGD"), PipelineSpec("LightGBM")
RECORDING = Recording(
    "accuracy",
    by_pipeline={
        "KNN": RecordedTrial((0.5, 0.7), 1.0),
        "SVM": RecordedTrial((0.9, 0.9), 600.0, log="iteration 0: SVM\n"),
        "SGD": RecordedTrial((), 1.0, IterationStatus.FAILED, "ValueError: no"),
        "LightGBM": RecordedTrial((), 2.0, reason="out of memory", dies=True),
    },
)


class TestContract(TrialBackendSuite):
    quick, slow, failing = QUICK, SLOW, FAILING

    @pytest.fixture(autouse=True)
    def _clock(self):
        self.clock = SimulatedClock(1000.0)

    def make(self):
        return RecordedBackend(RECORDING, self.clock, slots=2)

    def later(self, seconds, do):
        self.clock.at(self.clock.time() + seconds, do)


@pytest.fixture
def clock():
    return SimulatedClock(1000.0)


@pytest.mark.parametrize(
    ("nodes", "slots", "concurrency", "seconds"),
    [(1, 1, 9, 8), (1, 4, 2, 4), (2, 2, 9, 2), (8, 1, 9, 1), (3, 1, 9, 3)],
)
def test_nodes_slots_and_concurrency_limit_what_runs_at_a_time(
    clock, nodes, slots, concurrency, seconds
):
    host, backend = ListHost(*[QUICK] * 8), RecordedBackend(RECORDING, clock, nodes, slots)
    backend.run(host, concurrency)
    assert clock.time() == 1000.0 + seconds
    assert host.most_at_once == min(nodes * slots, concurrency, 8)
    assert backend.busy_seconds == 8.0


def test_the_score_is_the_mean_over_the_folds(clock):
    host = ListHost(QUICK)
    RecordedBackend(RECORDING, clock).run(host, 1)
    assert host.last(0).metrics["accuracy"] == pytest.approx(0.6)
    assert [fold["accuracy"] for fold in host.last(0).fold_metrics] == [0.5, 0.7]


def test_a_process_that_dies(clock):
    host = ListHost(DYING, QUICK)
    RecordedBackend(RECORDING, clock).run(host, 1)
    assert host.of(0) == ["begun", "died"]
    assert host.last(0) == "out of memory"
    assert host.of(1) == ["begun", "ended"]


def test_a_lost_node_takes_its_trials_and_its_slots_with_it(clock):
    host = ListHost(SLOW, SLOW, QUICK, QUICK)
    backend = RecordedBackend(RECORDING, clock, nodes=2, slots=1, losses=[NodeLoss(10.0, 0)])
    backend.run(host, 9)
    assert host.of(0) == ["begun", "lost"]
    assert host.last(0) == "node-0 was lost"
    assert host.of(1) == host.of(2) == host.of(3) == ["begun", "ended"]
    nodes = {n: what.node_id for name, n, what in host.events if name == "begun"}
    assert nodes == {0: "node-0", 1: "node-1", 2: "node-1", 3: "node-1"}
    assert clock.time() == 1602.0
    assert backend.busy_seconds == 10 + 600 + 2


def test_a_trial_that_was_lost_can_be_proposed_again(clock):
    class Again(ListHost):
        def lost(self, number, reason, log):
            super().lost(number, reason, log)
            self.to_come.append(Proposal(number, QUICK))

    host = Again(SLOW, QUICK)
    RecordedBackend(RECORDING, clock, nodes=2, losses=[NodeLoss(0.5, 0)]).run(host, 2)
    assert host.of(0) == ["begun", "lost", "begun", "ended"]


def test_one_node_must_stay(clock):
    with pytest.raises(ValueError, match="all 2 nodes would be lost: one at least must stay"):
        RecordedBackend(RECORDING, clock, nodes=2, losses=[NodeLoss(1.0, 0), NodeLoss(2.0, 1)])


def test_a_recording_looks_by_number_then_pipeline_then_estimator():
    spec = PipelineSpec("KNN", "", {"n_neighbors": 5})
    by_number, by_pipeline, by_estimator, other = (
        RecordedTrial((score,), 1.0) for score in (0.1, 0.2, 0.3, 0.4)
    )
    recording = Recording(
        "accuracy", {3: by_number}, {spec.to_json(): by_pipeline, "KNN": by_estimator}, other
    )
    assert recording.of(3, spec) is by_number
    assert recording.of(4, spec) is by_pipeline
    assert recording.of(4, PipelineSpec("KNN")) is by_estimator
    assert recording.of(4, PipelineSpec("SVM")) is other
    with pytest.raises(KeyError, match="no trial for iteration 4"):
        Recording("accuracy").of(4, spec)
