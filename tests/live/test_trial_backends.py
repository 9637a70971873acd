"""Ray Tune keeps the contract of trial backends."""

from __future__ import annotations

import threading
import uuid

import numpy as np
import pytest
import ray

from engine.data.check import check_data
from engine.data.splits import SplitPlan
from engine.driver.data_source import DataSource
from engine.driver.node_data import end_node_data, node_data
from engine.driver.resources import node_resources
from engine.driver.time_budget import IterationLimits
from engine.driver.trial_backends.backend import Proposal
from engine.driver.trial_backends.tune import TuneBackend
from engine.driver.trial_settings import TrialSettings
from engine.pipelines.spec import PipelineSpec
from tests.driver.trial_backends.suite import ListHost, TrialBackendSuite

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]


class TestTune(TrialBackendSuite):
    quick = PipelineSpec("BernoulliNaiveBayes")
    #: Random labels: libsvm is busy with them for minutes.
    slow = PipelineSpec("SVM", "", {"kernel": "poly", "degree": 3, "C": 100.0})
    failing = PipelineSpec("KNN", "", {"n_neighbors": 10**6})

    @pytest.fixture(scope="class")
    @staticmethod
    def data():
        rng = np.random.default_rng(0)
        X, y = rng.normal(size=(9000, 60)), rng.integers(2, size=9000)
        return check_data({"X": X, "y": y}, "classification")

    @pytest.fixture(scope="class")
    @staticmethod
    def reference(data):
        return ray.put(data)

    @pytest.fixture(autouse=True)
    def _settings(self, data, reference):
        run_id = uuid.uuid4().hex
        plan = SplitPlan(3)
        source = DataSource(run_id, plan, shared=[reference])
        self.settings = TrialSettings(
            source, data.summary().fingerprint, self.metric, 1, 0, None, 20, IterationLimits()
        )
        yield
        end_node_data(run_id)

    def make(self):
        return TuneBackend(self.settings.source.run_id, self.settings, {"cpu": 1})

    def later(self, seconds, do):
        threading.Timer(seconds, do).start()

    @pytest.mark.parametrize(
        "shares",
        [pytest.param([0.9, 0.9, 0.9], marks=pytest.mark.long), [0.1, 0.9, 0.1, 0.6, 0.6]],
    )
    def test_trials_that_do_not_fit_together_run_one_after_the_other(self, shares):
        (node,) = node_resources()
        expected = [share * node["memory"] / 2**20 for share in shares]
        host = ListHost()
        host.to_come = [
            Proposal(number, self.quick, expected_mb=megabytes)
            for number, megabytes in enumerate(expected)
        ]
        together, running = [], {}

        def begun(number):
            ended = {n for name, n, _ in host.events if name == "ended"}
            running[number] = expected[number]
            together.append(sum(mb for n, mb in running.items() if n not in ended))

        host.when_begun = begun
        self.make().run(host, concurrency=2)
        assert [host.of(number)[-1] for number in range(len(shares))] == ["ended"] * len(shares)
        assert max(together) <= node["memory"] / 2**20 + 1e-6  # the shares are rounded

    def test_an_outcome_says_what_memory_the_trial_had(self):
        node = node_data(self.settings.source)
        ray.get(node.ready.remote())  # else the trial might be over before
        host = ListHost(self.quick)
        self.make().run(host, concurrency=1)
        properties = host.last(0).properties
        assert 20 < properties.start_memory_mb <= properties.peak_memory_mb < 2000
