"""What several runs want of one cluster's autoscaler."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine.driver.node_requests import give_back_of_the_dead, request_nodes
from engine.driver.ray_cluster import refuses


class Job:
    """The id of a Ray job."""

    def __init__(self, digits):
        self.hex = lambda: digits


@pytest.fixture
def cluster(in_process_ray):
    in_process_ray.jobs = {Job("01000000"): SimpleNamespace(is_dead=False)}
    return in_process_ray


def test_two_runs_get_the_nodes_of_both(cluster):
    request_nodes("one", [{"CPU": 2}] * 2)
    request_nodes("two", [{"CPU": 4, "memory": 100}])
    assert cluster.requested[-1] == [{"CPU": 2}, {"CPU": 2}, {"CPU": 4, "memory": 100}]
    # Another request of a driver takes the place of its own.
    request_nodes("one", [{"CPU": 1}])
    assert cluster.requested[-1] == [{"CPU": 1}, {"CPU": 4, "memory": 100}]


def test_what_a_run_gives_back_leaves_the_others(cluster):
    request_nodes("one", [{"CPU": 2}])
    request_nodes("two", [{"CPU": 4}])
    request_nodes("one", [])
    assert cluster.requested[-1] == [{"CPU": 4}]
    request_nodes("two", [])
    assert cluster.requested[-1] == []
    assert cluster.kept == {}


def test_the_nodes_of_a_dead_driver_are_given_back(cluster):
    request_nodes("dead", [{"CPU": 2}])
    [job] = cluster.jobs
    cluster.jobs = {job: SimpleNamespace(is_dead=True)}
    give_back_of_the_dead()
    assert cluster.requested[-1] == []
    assert cluster.kept == {}
    # Nobody else's request is touched after that.
    give_back_of_the_dead()
    assert len(cluster.requested) == 2


def test_a_request_that_comes_while_another_is_made_is_not_lost(cluster, monkeypatch):
    """The first one's sum does not have the second, and reaches the autoscaler after it."""
    ask = cluster.request_resources
    inside = []

    def slow(bundles, bundle_label_selectors=None):
        if not inside:
            inside.append(1)
            request_nodes("two", [{"CPU": 4}])
        ask(bundles, bundle_label_selectors)

    monkeypatch.setattr("ray.autoscaler.sdk.request_resources", slow)
    request_nodes("one", [{"CPU": 2}])
    assert cluster.requested[-1] == [{"CPU": 2}, {"CPU": 4}]


def test_nodes_with_labels(cluster):
    request_nodes("one", [{"CPU": 2}])
    assert cluster.selectors == [None]
    request_nodes("two", [{"CPU": 1}], {"ray.io/node-id": "!in(f00d)"})
    assert cluster.requested[-1] == [{"CPU": 2}, {"CPU": 1}]
    assert cluster.selectors[-1] == [{}, {"ray.io/node-id": "!in(f00d)"}]


def test_a_sum_that_the_cluster_cannot_hold_does_not_keep_a_run_from_its_first_node(cluster):
    """The autoscaler brings up all of a request or nothing of it."""
    request_nodes("one", [{"CPU": 2}] * 2)
    request_nodes("two", [{"CPU": 1}])
    cluster.autoscaler_refuses({"CPU": 2.0}, {"CPU": 2.0}, {"CPU": 1.0})
    assert not refuses({"CPU": 1})
    request_nodes("two", [{"CPU": 1}])
    assert cluster.requested[-1] == [{"CPU": 1}]
    # That alone is refused: no node is large enough.
    cluster.autoscaler_refuses({"CPU": 1.0})
    assert refuses({"CPU": 1})
    # With other wishes the sum is tried again.
    request_nodes("one", [{"CPU": 1}])
    assert cluster.requested[-1] == [{"CPU": 1}, {"CPU": 1}]
