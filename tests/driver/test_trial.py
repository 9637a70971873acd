"""A trial on its actor: announcement, outcome, log, data."""

from __future__ import annotations

import logging
import os
import tempfile
from dataclasses import replace

import pytest
import ray

from engine.data.check import check_data
from engine.data.splits import SplitPlan
from engine.driver.data_host import LoadedData
from engine.driver.data_source import DataSource
from engine.driver.node_data import log_folder
from engine.driver.time_budget import IterationLimits
from engine.driver.trial import IterationTrial, check_loaded
from engine.driver.trial_settings import TrialSettings
from engine.errors import DataException
from engine.pipelines.spec import PipelineSpec
from tests.driver.in_process_ray import Handle, Reference, actor_died, stdout_of_a_process
from tests.driver.replay import X, Y

DATA = check_data({"X": X, "y": Y}, "classification")
LOADED = LoadedData([Reference(DATA)], DATA.summary(), None, "hello\n", 1.0)
SPEC = PipelineSpec("LogisticRegression")


class Node:
    """What a trial asks of its node."""

    def __init__(self, loaded=LOADED):
        self.loaded, self.loads = loaded, 0

    def load(self):
        self.loads += 1
        return self.loaded

    def features(self, part):
        return []

    def keep_features(self, part, features, size):
        """Keep nothing."""

    def watch_memory(self, file, pid, turn, megabytes):
        self.watched = file, pid, turn, megabytes

    def memory_use(self, file, pid, turn):
        assert (file, pid, turn) == self.watched[:3]
        return 210.0, 350.5


class Metrics:
    """Gauges of a trial that remember."""

    def __init__(self, run_id):
        self.fits, self.loads = [], []

    def fitted(self, seconds):
        self.fits.append(seconds)

    def loaded(self, seconds):
        self.loads.append(seconds)


@pytest.fixture
def trial(in_process_ray, monkeypatch, tmp_path):
    """Make a trial's actor, set up for its first iteration."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr("engine.driver.trial.TrialMetrics", Metrics)
    root = logging.getLogger("raysmith")
    monkeypatch.setattr(root, "handlers", [logging.NullHandler()])
    monkeypatch.setattr(root, "level", root.level)

    def trial(node=None, shared=None, fingerprint=LOADED.summary.fingerprint, **config):
        node = Node() if node is None else node
        nodes = list(node) if isinstance(node, tuple) else [node]
        monkeypatch.setattr(
            "engine.driver.trial.node_data",
            lambda source: Handle(nodes.pop(0) if len(nodes) > 1 else nodes[0]),
        )
        source = DataSource("run12345", SplitPlan(3), shared=shared)
        settings = TrialSettings(
            source, fingerprint, "accuracy", 1, 0, None, logging.INFO, IterationLimits()
        )
        actor = IterationTrial.__new__(IterationTrial)
        actor.setup({"iteration": 4, "pipeline": SPEC.to_json()} | config, settings)
        return actor

    return trial


def test_the_steps_announce_where_get_the_data_and_do_the_work(trial):
    actor = trial()
    announcement = actor.step()["announcement"]
    assert not announcement.has_data
    assert actor.step() == {"loaded": True}
    assert announcement.actor == "this actor"
    assert announcement.node_ip == "10.0.0.1"
    assert announcement.pid == os.getpid()
    with stdout_of_a_process():
        result = actor.step()
    assert result["done"]
    assert result["end"].status == "Completed"
    assert result["end"].metrics["accuracy"] > 0.8
    assert "--- get_data() on this node printed:\nhello\n---" in result["end"].log
    assert not list(log_folder("run12345").iterdir())
    assert repr(actor) == "trial-run12345-4"


def test_an_actor_goes_on_with_the_data_that_it_has(trial):
    node = Node()
    actor = trial(node)
    for number, estimator in enumerate(["KNN", "NoSuchEstimator", "SGD"]):
        spec = PipelineSpec(estimator)
        assert actor.reset_config({"iteration": number, "pipeline": spec.to_json()})
        assert actor.step()["announcement"].has_data == (number > 0)
        if number == 0:
            assert actor.step() == {"loaded": True}
        end = actor.step()["end"]
        assert end.status == ("Failed" if estimator == "NoSuchEstimator" else "Completed")
    assert node.loads == 1
    assert actor._metrics.loads == [1.0]
    assert len(actor._metrics.fits) == 2


def test_data_that_the_driver_shares(trial):
    node = Node()
    actor = trial(node, shared=[Reference(DATA)])
    actor.step()
    assert actor.step() == {"loaded": True}
    assert actor.step()["end"].status == "Completed"
    assert node.loads == 0


def test_other_data_on_this_node_is_the_nodes_failure(trial):
    actor = trial(fingerprint="another")
    actor.step()
    result = actor.step()
    assert result["done"]
    assert result["unfit"].startswith("get_data() returned other data on this node")


def test_the_outcome_says_what_memory_the_node_has_seen(trial):
    node = Node()
    actor = trial(node)
    actor.step(), actor.step()
    properties = actor.step()["end"].properties
    file, pid, _, megabytes = node.watched
    assert (file, pid, megabytes) == ("4.log", os.getpid(), None)
    assert (properties.start_memory_mb, properties.peak_memory_mb) == (210.0, 350.5)
    assert properties.folds == 3


@pytest.mark.parametrize("answer", [lambda: None, actor_died])
def test_where_the_node_does_not_know_the_memory_the_trial_looks_itself(trial, monkeypatch, answer):
    def memory_use(self, file, pid, turn):
        value = answer()
        if isinstance(value, Exception):
            raise value
        return value

    monkeypatch.setattr(Node, "memory_use", memory_use)
    actor = trial()
    actor.step(), actor.step()
    end = actor.step()["end"]
    assert end.status.value == "Completed"
    assert 10 < end.properties.start_memory_mb <= end.properties.peak_memory_mb


class Dead(Node):
    """A node's actor that died."""

    def load(self):
        raise actor_died()


class Hanging(Node):
    """A node whose ``get_data()`` does not return."""

    def load(self):
        raise ray.exceptions.GetTimeoutError("not ready")


def test_an_actor_of_the_node_that_has_died_is_replaced(trial):
    actor = trial((Dead(), Node()))
    actor.step()
    assert actor.step() == {"loaded": True}
    assert actor.step()["end"].status == "Completed"


def test_the_next_iteration_of_an_actor_takes_the_nodes_handle_anew(trial):
    first, second = Node(), Node()
    actor = trial((first, second))
    assert actor.step()["announcement"].node.actor is first
    actor.reset_config({"iteration": 5, "pipeline": SPEC.to_json()})
    assert actor.step()["announcement"].node.actor is second


def test_a_node_whose_process_dies_again_and_again_is_unfit(trial):
    actor = trial(Dead())
    actor.step()
    assert actor.step()["unfit"] == "the process that ran get_data() died again and again"


def test_a_node_that_does_not_answer_is_unfit(trial):
    actor = trial(Hanging())
    actor._settings = replace(actor._settings, load_seconds=600.0)
    actor.step()
    assert actor.step()["unfit"] == "get_data() did not return within 600 s"


def test_a_node_without_data_is_unfit(trial):
    actor = trial(Node(LoadedData([], None, "KeyError: 'my key'", "", 0.1)))
    actor.step()
    assert actor.step() == {"unfit": "KeyError: 'my key'", "done": True}
    with pytest.raises(DataException, match="my key"):
        check_loaded(LoadedData([], None, "KeyError: 'my key'", "", 0.1), "")


@pytest.mark.parametrize("place", ["_get_data", "_run"])
def test_a_process_that_ray_ends_ends_at_once(trial, monkeypatch, place):
    """Tune takes an orderly exit for the end of the trial."""

    class Gone(BaseException):
        pass

    def gone(code):
        raise Gone(code)

    def sigterm(self):
        raise SystemExit(1)

    monkeypatch.setattr(os, "_exit", gone)
    monkeypatch.setattr(IterationTrial, place, sigterm)
    actor = trial(shared=[Reference(DATA)])
    actor.step()  # the announcement
    if place == "_run":
        actor.step()
    with pytest.raises(Gone, match="1"):
        actor.step()


def test_log_lines_of_a_process_go_to_its_stderr(trial, monkeypatch):
    root = logging.getLogger("raysmith")
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(root, "propagate", True)
    trial()
    (handler,) = root.handlers
    assert isinstance(handler, logging.StreamHandler)
    assert not root.propagate
    trial()
    assert root.handlers == [handler]
