"""The wait for workers, which asks for them, without a cluster."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from cluster import AmlCompute, ComputeTarget, ComputeTargetException
from cluster.providers import kinds
from cluster.targets import node_request
from cluster.targets import target as ray_target
from cluster.targets.node_request import NodeRequest
from tests.cluster.targets.clusters import AtOnce


class Head:
    """Has ``count`` workers once it was asked for some."""

    def __init__(self):
        self.count, self.jobs = 0, {}
        self.submitted = []
        self.refuses = self.comes_by_itself = False

    def nodes(self):
        there = self.count if self.submitted or self.comes_by_itself else 0
        return [SimpleNamespace(state="ALIVE", is_head=False, node_id=str(n)) for n in range(there)]

    def submit(self, entrypoint, submission_id, runtime_env, metadata):
        if self.refuses:
            raise ComputeTargetException("the cluster takes no jobs")
        self.submitted.append(entrypoint.split()[1:4])
        self.jobs[submission_id] = "RUNNING"

    def stop(self, submission_id):
        self.jobs[submission_id] = "STOPPED"


@pytest.fixture
def head(monkeypatch):
    found = Head()
    monkeypatch.setitem(kinds.KINDS, "local", AtOnce)
    monkeypatch.setattr(ray_target, "Head", lambda *arguments: found)
    monkeypatch.setattr(node_request, "_POLL_SECONDS", 0.001)
    return found


@pytest.fixture
def target(tmp_path, head):
    config = AmlCompute.provisioning_configuration("STANDARD_D2_V2", max_nodes=3)
    return ComputeTarget.create(SimpleNamespace(folder=tmp_path), "x", config)


def test_workers_are_asked_for_once_and_given_back(target, head):
    head.count = 2
    assert target.wait_for_completion(min_node_count=2).current_node_count == 2
    assert head.submitted == [["-m", "cluster.jobs.wanted_nodes", "2"]]
    assert list(head.jobs.values()) == ["STOPPED"]


def test_workers_that_do_not_come(target, head):
    with pytest.raises(ComputeTargetException, match="has 0 of 1 nodes after"):
        target.wait_for_completion(min_node_count=1, timeout_in_minutes=0.001)
    assert list(head.jobs.values()) == ["STOPPED"]


def test_an_interrupted_wait_gives_them_back(target, head, monkeypatch):
    def interrupt(seconds):
        raise KeyboardInterrupt

    monkeypatch.setattr(node_request.time, "sleep", interrupt)
    with pytest.raises(KeyboardInterrupt):
        target.wait_for_completion(min_node_count=1)
    assert list(head.jobs.values()) == ["STOPPED"]


def test_a_cluster_that_takes_no_jobs(target, head):
    head.refuses = True
    with pytest.raises(ComputeTargetException, match="takes no jobs"):
        target.wait_for_completion(min_node_count=1)


def test_the_least_number_of_the_scale_settings(target, head):
    target.wait_for_completion()
    assert head.submitted == []
    target.update(min_nodes=1)
    head.count, head.comes_by_itself = 1, True
    assert target.wait_for_completion().current_node_count == 1
    assert head.submitted == []


@pytest.mark.parametrize("count", [-1, 1.5, "1", True])
def test_what_is_no_number_of_workers(target, count):
    with pytest.raises(ComputeTargetException, match="min_node_count="):
        target.wait_for_completion(min_node_count=count)


def test_more_than_there_may_be(target, head):
    with pytest.raises(ComputeTargetException, match=r"at most 3 nodes; update\(max_nodes"):
        target.wait_for_completion(min_node_count=4)
    assert head.submitted == []


def test_a_head_that_has_gone_meanwhile_ends_the_wait_all_the_same(head):
    def gone(submission_id):
        raise ComputeTargetException("no answer")

    head.stop = gone
    with NodeRequest(60) as request:
        request.make(head, "python", 1)
    assert len(head.submitted) == 1
