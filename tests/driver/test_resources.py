"""What a cluster has, and what trials take of it."""

from __future__ import annotations

import math

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
    ("wanted", "match"),
    [
        ({"max_cores_per_iteration": 5}, "=5: the largest node has 4 cores"),
        ({"mem_in_mb": 5000}, "=5000: the largest node has 4096 MB for trials"),
    ],
)
def test_trials_larger_than_every_node(in_process_ray, wanted, match):
    in_process_ray.nodes = [node(4)]
    with pytest.raises(ConfigException, match=match):
        resources.trial_cores(settings(**wanted))


@pytest.mark.parametrize("nodes", [[], [node(0)], [node(9, alive=False)]])
def test_a_cluster_without_workers_may_still_get_some(in_process_ray, nodes):
    in_process_ray.nodes = nodes
    assert resources.trial_cores(settings()) is None


def test_a_trial_larger_than_the_nodes_that_are_up_may_still_get_one(in_process_ray):
    in_process_ray.nodes = [node(2)]
    in_process_ray.autoscaler_refuses({"CPU": 99.0})
    assert resources.trial_cores(settings(max_cores_per_iteration=8)) is None


@pytest.mark.parametrize(
    ("nodes", "wanted", "refused", "match"),
    [
        ([node(0)], {}, {"CPU": 1.0}, "the Ray cluster has no node with a CPU core"),
        ([node(2)], {"max_cores_per_iteration": 8}, {"CPU": 8.0}, "the largest node has 2 cores"),
    ],
)
def test_what_the_autoscaler_refuses_never_comes(in_process_ray, nodes, wanted, refused, match):
    in_process_ray.nodes = nodes
    in_process_ray.autoscaler_refuses(refused)
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


def test_a_growing_cluster_is_asked_for_nodes(in_process_ray):
    far = settings(compute_target="far", max_concurrent_iterations=3, mem_in_mb=100)
    assert resources.ask_for_nodes(far, "me", 2)
    assert in_process_ray.requested == [[{"CPU": 2, "memory": 100 * 2**20}] * 3]


def test_a_script_on_a_growing_cluster_asks_for_nodes_too(in_process_ray):
    in_process_ray.autoscaler_refuses()
    assert resources.ask_for_nodes(settings(max_concurrent_iterations=3), "me", 2)
    assert in_process_ray.requested == [[{"CPU": 2}] * 3]


@pytest.mark.parametrize(("wanted", "asked"), [(1, 1), (-1, 1), (4, 4)])
def test_the_first_node_is_asked_for_before_cores_are_known(in_process_ray, wanted, asked):
    assert resources.ask_for_nodes(settings(max_cores_per_iteration=wanted), "me")
    assert in_process_ray.requested == [[{"CPU": asked}]]


def test_no_more_nodes_are_asked_for_than_there_are_iterations(in_process_ray):
    far = settings(compute_target="far", max_concurrent_iterations=9, iterations=2)
    resources.ask_for_nodes(far, "me", 1)
    assert len(in_process_ray.requested[0]) == 2


def test_this_machine_does_not_grow(in_process_ray):
    assert not resources.ask_for_nodes(settings(), "me", 1)
    assert in_process_ray.requested == []


@pytest.mark.parametrize(
    ("wanted", "nodes", "megabytes"),
    [
        ({"mem_in_mb": 300}, [node(2)], 300.0),
        ({}, [node(2), node(2, memory=8 * GIB)], 8192.0),
        ({}, [node(4), node(1, memory=8 * GIB)], 4096.0),  # too few cores
        ({}, [node(2), node(2, memory=8 * GIB, alive=False)], 4096.0),
        ({}, [node(2, memory=0)], math.inf),
        ({}, [], math.inf),
    ],
)
def test_the_memory_of_a_trial_is_the_users_limit_or_the_largest_nodes(
    in_process_ray, wanted, nodes, megabytes
):
    in_process_ray.nodes = nodes
    assert resources.trial_memory_mb(settings(**wanted), 2) == megabytes


def test_a_cluster_that_may_grow_says_nothing_of_memory_to_come(in_process_ray, monkeypatch):
    assert resources.trial_memory_mb(settings(), 1, grows=True) == math.inf
    monkeypatch.setenv("RAYSMITH_WORKER", '{"CPU": 16, "memory": 68719476736}')
    assert resources.trial_memory_mb(settings(), 1, grows=True) == pytest.approx(0.7 * 65536)


def test_room_for_a_trial_that_asks_for_memory():
    nodes = [{"CPU": 2.0, "memory": 100.0}, {"CPU": 1.0, "memory": 900.0}]
    assert resources.has_room(nodes, settings(), 2, memory=100)
    assert not resources.has_room(nodes, settings(), 2, memory=101)
    assert resources.has_room([{"CPU": 2.0}], settings(), 2)


def test_room_besides_some_nodes(in_process_ray):
    assert resources.node_resources([NODE["NodeID"]]) == []
    assert resources.node_resources(["another"]) == [NODE["Resources"]]


def test_a_node_besides_those_that_cannot_have_the_data(in_process_ray):
    """Those that are up count, whether or not they are busy."""
    in_process_ray.nodes = [node(4), {**node(4), "NodeID": "b"}]
    here = NODE["NodeID"]
    assert resources.has_node_besides(settings(), "me", 2, [here])
    assert not resources.has_node_besides(settings(), "me", 8, [here])
    assert not resources.has_node_besides(settings(), "me", 2, [here, "b"])
    assert in_process_ray.requested == []


def test_a_growing_cluster_is_asked_for_a_node_besides_the_barred_ones(in_process_ray):
    here = NODE["NodeID"]
    in_process_ray.autoscaler_refuses()
    assert resources.has_node_besides(settings(), "me", 2, [here])
    assert in_process_ray.requested == [[{"CPU": 2}]]
    assert in_process_ray.selectors == [[{"ray.io/node-id": f"!in({here})"}]]
    # The answer to another request is none to this one.
    in_process_ray.autoscaler_refuses({"CPU": 2.0})
    assert resources.has_node_besides(settings(), "me", 2, [here])
    in_process_ray.autoscaler_refuses({"CPU": 2.0}, avoid=[here])
    assert not resources.has_node_besides(settings(), "me", 2, [here])


def test_nodes_for_all_trials_besides_the_barred_ones(in_process_ray):
    far = settings(compute_target="far", max_concurrent_iterations=2)
    assert resources.ask_for_nodes(far, "me", 1, ["b", "a"])
    assert in_process_ray.selectors == [[{"ray.io/node-id": "!in(a,b)"}] * 2]
