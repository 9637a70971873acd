"""What a node's trials share: features that one has made and others need."""

from __future__ import annotations

import uuid

import numpy as np
import pytest
import ray

from engine import RunException
from engine.data.splits import SplitPlan
from engine.driver.data_source import DataSource
from engine.driver.node_data import (
    NodeFeatures,
    actor_prefix,
    end_node_data,
    node_data,
    node_features,
)
from engine.driver.ray_cluster import has_ended
from tests.live.helpers import quick_config, slow_config, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]


@pytest.fixture
def run_id():
    run_id = uuid.uuid4().hex
    yield run_id
    end_node_data(run_id)


@pytest.fixture
def node(run_id):
    source = DataSource(run_id, SplitPlan(3), shared=[None])
    node = node_data(source)
    ray.get(node.ready.remote())
    return node


def made_of(rows, log):
    def make():
        log.append(rows)
        return "encoder", np.full((rows, 2), 7.0), np.zeros((3, 2), dtype=np.float32)

    return make


def wait_for(node, part):
    """Until the node has what it was told to keep: it does several things at once."""
    wait_until(lambda: ray.get(node.features.remote(part)))


def test_features_are_made_once_a_part(node):
    log: list[int] = []
    NodeFeatures(node)(0, made_of(5, log))
    wait_for(node, 0)
    encoder, features, others = NodeFeatures(node)(0, made_of(5, log))
    assert (encoder, log) == ("encoder", [5])
    np.testing.assert_array_equal(features, np.full((5, 2), 7.0))
    assert others.dtype == np.float32
    NodeFeatures(node)(1, made_of(6, log))
    assert log == [5, 6]


def test_another_process_finds_them(run_id, node):
    NodeFeatures(node)(0, made_of(5, []))
    wait_for(node, 0)

    @ray.remote
    def elsewhere(run_id):
        return node_features(run_id)(0, lambda: pytest.fail("is there"))[1].sum()

    assert ray.get(elsewhere.remote(run_id)) == 70.0


def test_what_there_is_no_room_for_is_made_again(node):
    log: list[int] = []
    ray.get(node.keep_features.remote(0, ("encoder", None, None), 1 << 60))
    NodeFeatures(node)(0, made_of(5, log))
    assert log == [5]


def test_features_of_a_process_that_is_gone_are_made_again(node):
    log: list[int] = []
    kept = NodeFeatures(node)
    kept(0, made_of(5, log))
    ray.kill(node)
    assert kept(0, made_of(5, log))[1].shape == (5, 2)
    assert log == [5, 5]


def test_a_run_without_trials_on_this_node_has_none():
    assert node_features("never-ran") is None


def test_the_job_of_this_process_has_not_ended(node):
    assert not has_ended(ray.get_runtime_context().get_job_id())
    assert not has_ended("ffffffff")


def test_a_run_survives_the_death_of_an_actor_with_data(experiment):
    """As when the kernel ends the process that has most memory."""
    run = experiment.submit(quick_config(iterations=6, max_concurrent_iterations=1))

    def kill():
        found = [
            actor
            for actor in ray.util.list_named_actors(all_namespaces=True)
            if actor["name"].startswith(actor_prefix(run.id))
        ]
        for actor in found:
            ray.kill(ray.get_actor(actor["name"], namespace=actor["namespace"]))
        return bool(found)

    wait_until(lambda: run.get_status() == "Running" and kill(), 60)
    assert run.wait_for_completion(timeout_seconds=120) == "Completed"
    assert set(run.summary()["status"]) <= {"Completed", "Pruned"}


@pytest.mark.long
def test_a_trial_over_its_memory_is_ended(experiment):
    run = experiment.submit(slow_config(mem_in_mb=20))
    with pytest.raises(RunException):
        run.wait_for_completion(timeout_seconds=120)
    reasons = [child.get_details()["reason"] for child in run.get_children()]
    # After the first one it is clear that nothing fits.
    assert 1 <= len(reasons) <= 2  # two may run at a time
    assert all("over mem_in_mb=20: it used" in reason for reason in reasons), reasons
