"""One bad node among good ones: its iterations go elsewhere."""

from __future__ import annotations

import math

import pytest

from engine.driver.data_host import RunData
from engine.driver.trial_backends.recorded import UnfitNode
from tests.driver.replay import Replay, scored

REASON = "get_data() failed\nOSError: /data is not mounted"
NOTE = "node 10.0.0.1 takes no part in the run: OSError: /data is not mounted"


pytestmark = pytest.mark.usefixtures("store_in_memory")


@pytest.fixture
def replay(experiment):
    def replay(**settings):
        trials = {0: scored(0.9)}
        return Replay(experiment, trials, **({"iterations": 40} | settings))

    return replay


def retries(replay):
    return {r.iteration: r.retries for r in replay.store.iterations(replay.run_id) if r.retries}


def test_its_iterations_go_elsewhere_and_are_no_standstill(replay):
    run = replay(enable_early_stopping=True, early_stopping_n_iters=20, iterations=15)
    run.drive(2, nodes=2, slots=1, unfit=[UnfitNode(1, REASON)])
    assert run.status == "Completed"
    assert run.statuses == dict.fromkeys(range(15), "Completed")
    assert run.store.run(run.run_id).notes == (NOTE,)
    assert retries(run) == {1: ("its node cannot have the data: OSError: /data is not mounted",)}


def test_a_bad_node_does_not_end_a_run_by_early_stopping(replay):
    run = replay(enable_early_stopping=True, early_stopping_n_iters=5, iterations=4)
    run.drive(2, nodes=2, slots=1, unfit=[UnfitNode(1, REASON, seconds=0.001)])
    assert run.statuses == dict.fromkeys(range(4), "Completed")


def test_a_node_that_hangs_is_barred_after_an_iterations_time(replay):
    run = replay(iteration_timeout_minutes=0.5, iterations=8)
    run.drive(2, nodes=2, slots=1, unfit=[UnfitNode(1, "get_data() did not return", math.inf)])
    assert run.statuses == dict.fromkeys(range(8), "Completed")
    (note,) = run.store.run(run.run_id).notes
    assert note.endswith("longer than iteration_timeout_minutes=0.5")
    assert run.now < 60


def test_more_bad_nodes_than_an_iteration_may_be_lost(replay):
    run = replay(iterations=6)
    bad = [UnfitNode(node, REASON) for node in range(5)]
    run.drive(1, nodes=6, slots=1, unfit=bad)
    assert run.statuses == dict.fromkeys(range(6), "Completed")
    assert len(run.store.run(run.run_id).notes) == 5


def test_a_run_fails_with_the_scripts_error_when_no_node_is_left(replay):
    run = replay(iterations=6)
    run.drive(2, nodes=2, slots=1, unfit=[UnfitNode(node, REASON) for node in range(2)])
    assert run.status == "Failed"
    assert run.store.run(run.run_id).error == REASON
    assert set(run.statuses.values()) == {"Canceled"}


def test_cancel_of_an_iteration_whose_node_reads_for_ever(replay):
    run = replay(iterations=3)
    run.after(5.0, lambda: run.run.cancel_iteration(1))
    run.drive(2, nodes=2, slots=1, unfit=[UnfitNode(1, "hangs", math.inf)])
    assert run.statuses[1] == "Canceled"


def test_nodes_that_were_barred_before_the_trials_are_avoided(replay):
    run = replay(iterations=4)
    driver = run.driver(2, nodes=2, slots=1, unfit=[UnfitNode(0, REASON)])
    step = driver._platform
    share = step.trial_backend

    def trial_backend(data: RunData, *others):
        object.__setattr__(data, "barred", {"node-0": NOTE})
        return share(data, *others)

    step.trial_backend = trial_backend
    driver.claim()
    driver.run()
    assert run.statuses == dict.fromkeys(range(4), "Completed")
    assert retries(run) == {}
