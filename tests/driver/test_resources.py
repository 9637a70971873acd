"""What a cluster has, and what trials take of it."""

from __future__ import annotations

import pytest

from engine.config.settings import Settings
from engine.driver import resources
from engine.errors import ConfigException
from tests.driver.in_process_ray import NODE

GIB = 2.0**30


def node(cpu, memory=4 * GIB, alive=True):
    return {**NODE, "Alive": alive, "Resources": {"CPU": cpu, "memory": memory}}


def settings(**more):
    return Settings("regression", "r2_score", **more)


@pytest.mark.parametrize(
    ("wanted", "nodes", "cores"),
    [(1, [4, 8], 1), (8, [4, 8], 8), (-1, [4, 8], 4), (-1, [0, 8], 8)],
)
def test_cores_of_a_trial(in_process_ray, wanted, nodes, cores):
    in_process_ray.nodes = [node(cpu) for cpu in nodes]
    assert resources.trial_cores(settings(max_cores_per_iteration=wanted)) == cores


@pytest.mark.parametrize(
    ("nodes", "wanted", "match"),
    [
        ([], {}, "the Ray cluster has no node with a CPU core"),
        ([node(0)], {}, "the Ray cluster has no node with a CPU core"),
        ([node(9, alive=False)], {}, "the Ray cluster has no node with a CPU core"),
        ([node(4)], {"max_cores_per_iteration": 5}, "=5: the largest node has 4 cores"),
        ([node(4)], {"mem_in_mb": 5000}, "=5000: the largest node has 4096 MB for trials"),
    ],
)
def test_trials_larger_than_every_node(in_process_ray, nodes, wanted, match):
    in_process_ray.nodes = nodes
    with pytest.raises(ConfigException, match=match):
        resources.trial_cores(settings(**wanted))


def test_nodes_that_the_autoscaler_would_bring_count(in_process_ray, monkeypatch):
    monkeypatch.setenv("RAYSMITH_WORKER", '{"CPU": 16, "memory": 68719476736}')
    in_process_ray.nodes = [node(2)]
    wanted = settings(max_cores_per_iteration=16, mem_in_mb=40_000)
    assert resources.trial_cores(wanted) == 16


def test_how_many_at_a_time(in_process_ray):
    in_process_ray.nodes = [node(4), node(4)]
    assert resources.concurrency(settings(), 3) == 2
    assert resources.concurrency(settings(), 100) == 1
    assert resources.concurrency(settings(max_concurrent_iterations=7), 3) == 7
    assert resources.concurrency(settings(compute_target="far"), 1) == 1


def test_a_growing_cluster_is_asked_for_nodes_and_they_are_given_back(in_process_ray):
    far = settings(compute_target="far", max_concurrent_iterations=3, mem_in_mb=100)
    resources.ask_for_nodes(far, 2)
    resources.give_nodes_back(far)
    assert in_process_ray.requested == [[{"CPU": 2, "memory": 100 * 2**20}] * 3, []]


def test_no_more_nodes_are_asked_for_than_there_are_iterations(in_process_ray):
    far = settings(compute_target="far", max_concurrent_iterations=9, iterations=2)
    resources.ask_for_nodes(far, 1)
    assert len(in_process_ray.requested[0]) == 2


def test_this_machine_does_not_grow(in_process_ray):
    resources.ask_for_nodes(settings(), 1)
    resources.give_nodes_back(settings())
    assert in_process_ray.requested == []
