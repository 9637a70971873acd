"""The list of runs, whatever has become of their drivers and clusters."""

from __future__ import annotations

import dataclasses
import threading
from types import SimpleNamespace

import pytest

from engine import Experiment
from engine.client.overview import overview_of
from engine.errors import RunException
from engine.store.driver_identity import DriverIdentity
from engine.store.status import RunStatus
from tests.store.counting import counted

SETTINGS = {"task": "classification", "primary_metric": "accuracy"}
#: A driver on another machine whose heartbeat stopped long ago.
GONE = dataclasses.replace(DriverIdentity.of_this_process(), host="elsewhere", heartbeat=0.0)


class Cluster:
    """A target that counts the questions; ``answer`` makes the states or raises."""

    def __init__(self, answer):
        self._answer = answer
        self.asked = 0

    def job_states(self):
        self.asked += 1
        return self._answer()


def lost():
    raise RunException("no answer")


def start(experiment, target="local", status=RunStatus.RUNNING, driver=GONE):
    store = experiment.workspace.store
    run_id = store.create_run(experiment.id, SETTINGS | {"compute_target": target}, {})
    if driver is not None:
        store.tag_driver(run_id, driver)
    store.set_status(run_id, status)
    return run_id


def overview(workspace, clusters=(), **options):
    """Run -> its line in the list."""
    seen = SimpleNamespace(
        tracking_uri=workspace.tracking_uri,
        artifact_location=workspace.artifact_location,
        store=workspace.store,
        compute_targets=dict(clusters),
    )
    ids = {name: one.id for name, one in workspace.experiments.items()}
    return {one.run_id: one for one in overview_of(seen, ids, **options)}


def test_each_target_is_asked_once_whatever_it_answers(workspace):
    first, second = Experiment(workspace, "first"), Experiment(workspace, "second")
    on_lost = [start(experiment, "lost") for experiment in (first, second) for _ in range(3)]
    going, ended, unknown = (start(second, "good") for _ in range(3))
    states = {going: ("RUNNING", ""), ended: ("FAILED", "out of memory")}
    clusters = {"lost": Cluster(lost), "good": Cluster(lambda: states)}
    found = overview(workspace, clusters)
    assert {cluster.asked for cluster in clusters.values()} == {1}
    assert [found[run_id].status for run_id in on_lost] == [RunStatus.FAILED] * 6
    assert found[going].status == RunStatus.RUNNING
    assert found[ended].status == found[unknown].status == RunStatus.FAILED
    assert all(one.is_certain for one in found.values())
    assert {found[run_id].experiment for run_id in states} == {"second"}
    names = [one.experiment for one in found.values()]
    assert sorted(names, key=names.index) == names  # together by experiment


def test_a_target_that_does_not_answer_holds_nothing_up(workspace):
    experiment = Experiment(workspace, "tests")
    answers = threading.Event()
    slow = Cluster(lambda: answers.wait(60) and {})
    try:
        stuck, other = start(experiment, "slow"), start(experiment, "lost")
        found = overview(workspace, {"slow": slow, "lost": Cluster(lost)}, answer_seconds=0.5)
        assert (found[stuck].status, found[stuck].is_certain) == (RunStatus.RUNNING, False)
        assert (found[other].status, found[other].is_certain) == (RunStatus.FAILED, True)
    finally:
        answers.set()


def test_runs_that_need_no_question(workspace):
    experiment = Experiment(workspace, "tests")
    cluster = Cluster(lost)
    alive = start(experiment, "automlcl", driver=DriverIdentity.of_this_process())
    final = start(experiment, "automlcl", status=RunStatus.COMPLETED)
    dead = start(experiment, driver=dataclasses.replace(GONE, host=""))
    deleted = start(experiment, "deleted")
    found = overview(workspace, {"automlcl": cluster})
    expected = {alive: "Running", final: "Completed", dead: "Failed", deleted: "Failed"}
    assert {run_id: one.status.value for run_id, one in found.items()} == expected
    assert cluster.asked == 0


def test_there_are_no_runs(workspace):
    assert overview(workspace) == {}
    Experiment(workspace, "empty")
    assert overview(workspace) == {}


@pytest.mark.parametrize("n_runs", [1, 6])
def test_requests_do_not_grow_with_runs(workspace, n_runs):
    for name in ("first", "second"):
        for _ in range(n_runs):
            start(Experiment(workspace, name), status=RunStatus.COMPLETED)
    with counted() as calls:
        assert len(overview(workspace)) == 2 * n_runs
    assert calls == {"search_experiments": 1, "search_runs": 1}
    experiment = Experiment(workspace, "first")
    with counted() as calls:
        assert len(experiment.get_runs()) == n_runs
    assert calls == {"search_runs": 1}
    assert experiment.get_runs()[0].metric.name == "accuracy"
