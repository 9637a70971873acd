"""Drivers that die, that finish, and that lose their run to another one."""

from __future__ import annotations

import time
from functools import partial

import pytest

from cluster import ComputeTargetException
from engine.driver.recorded_platform import RecordedPlatform
from engine.driver.trial_backends.recorded import NodeLoss
from engine.store.driver_identity import DriverIdentity
from engine.store.properties import IterationProperties
from engine.store.status import RunStatus
from tests.driver.replay import Replay, scored

#: For runs whose iterations are not read before they have ended: the clock outruns the recorder.
in_memory = pytest.mark.usefixtures("store_in_memory")


class DriverDied(BaseException):
    """As a signal would end the process."""


def die():
    raise DriverDied


def drive_to_death(replay, monkeypatch):
    with monkeypatch.context() as patch:
        # A killed process writes nothing more.
        patch.setattr("engine.driver.progress.Progress.end_unfinished", lambda *_: None)
        with pytest.raises(DriverDied):
            replay.drive()


@in_memory
def test_a_new_driver_goes_on_where_the_earlier_one_died(experiment, monkeypatch):
    replay = Replay(experiment, {2: scored(0.9, 10.0)})
    replay.after(5.0, die)
    drive_to_death(replay, monkeypatch)
    before = replay.store.iterations(replay.run_id)
    assert [r.status for r in before] == ["Completed", "Completed", "Running"]
    assert replay.drive() == dict.fromkeys(range(6), "Completed")
    after = replay.store.iterations(replay.run_id)
    assert [r.run_id for r in after[:3]] == [r.run_id for r in before]
    assert [r.ended for r in after[:2]] == [r.ended for r in before[:2]]
    assert after[2].properties.pipeline_spec == before[2].properties.pipeline_spec
    assert len({r.properties.pipeline_spec for r in after}) == 6


@in_memory
def test_ensembles_of_a_driver_that_died_are_not_made_again(experiment, monkeypatch):
    replay = Replay(experiment, iterations=3, enable_voting_ensemble=True)
    with monkeypatch.context() as patch:
        patch.setattr("engine.driver.steps.keep_best", lambda *_: die())
        with pytest.raises(DriverDied):
            replay.drive()
    before = replay.store.iterations(replay.run_id)
    assert [r.kind for r in before][3:] == ["VotingEnsemble"]
    assert replay.drive() == dict.fromkeys(range(4), "Completed")
    after = replay.store.iterations(replay.run_id)
    assert [(r.run_id, r.ended) for r in after] == [(r.run_id, r.ended) for r in before]
    replay.add_iterations(1)
    replay.drive()
    kinds = [r.kind for r in replay.store.iterations(replay.run_id)]
    assert kinds.count("VotingEnsemble") == 2
    assert kinds[-1] == "VotingEnsemble"


@in_memory
def test_another_driver_takes_the_run_over(experiment):
    replay = Replay(experiment, {1: scored(0.9, 100.0)})
    other = DriverIdentity.of_this_process()

    def take_over():
        # The recorder needs real time, and writes nothing more once the claim is lost.
        while replay.statuses != {0: "Completed", 1: "Running"}:
            time.sleep(0.01)
        replay.take_over(other)

    replay.after(10.1, take_over)
    assert replay.drive() == {0: "Completed", 1: "Running"}
    assert replay.status == "Running"  # the other one sets it
    assert replay.store.run(replay.run_id).driver.token == other.token
    assert replay.now < 12.1
    replay.store.set_status(replay.run_id, RunStatus.CANCELED)


@in_memory
def test_the_driver_shows_that_it_is_alive(experiment):
    replay = Replay(experiment, {0: scored(0.9, 20.0)}, iterations=1)
    beats = set()
    for second in range(1, 20):
        replay.after(second, lambda: beats.add(replay.store.run(replay.run_id).driver.heartbeat))
    replay.drive()
    assert len(beats) >= 3


class Finishing(RecordedPlatform):
    """Machines whose explanation takes a while, in which something happens."""

    loss = None

    def __init__(self, *arguments, clock, during=lambda: None):
        super().__init__(*arguments)
        self.clock, self.during = clock, during

    def explain(self, store, iteration, data, rows, until, stop):
        self.clock.sleep(120.0)
        self.during()
        self.clock.sleep(10.0)
        self.stopped = stop()


def finish(replay, during=lambda: None):
    platform = partial(Finishing, clock=replay.clock, during=during)
    return replay.drive(platform=platform)


@in_memory
def test_the_driver_shows_that_it_is_alive_while_it_finishes(experiment):
    replay = Replay(experiment, model_explainability=True, iterations=1)
    seen = []
    for second in range(2, 120, 20):
        replay.after(second, lambda: seen.append(replay.store.run(replay.run_id)))
    finish(replay)
    assert {record.status for record in seen} == {"Finalizing"}
    assert len({record.driver.beats for record in seen}) == len(seen)


@in_memory
def test_a_driver_that_loses_its_run_while_it_finishes_writes_no_state(experiment):
    replay = Replay(experiment, model_explainability=True, iterations=1)
    other = DriverIdentity.of_this_process()

    def take_over():
        replay.take_over(other)
        replay.store.set_status(replay.run_id, RunStatus.RUNNING)

    finish(replay, take_over)
    assert replay.platform.stopped
    assert replay.status == "Running"
    assert "report.html" not in replay.run.get_file_names()
    replay.store.set_status(replay.run_id, RunStatus.CANCELED)


@in_memory
def test_a_driver_that_has_lost_its_run_hands_the_machines_over(experiment):
    called = []

    class Machines(RecordedPlatform):
        def close(self):
            called.append("close")

        def hand_over(self):
            called.append("hand over")

    replay = Replay(experiment, {1: scored(0.9, 100.0)})
    replay.after(10.1, lambda: replay.take_over(DriverIdentity.of_this_process()))
    replay.drive(platform=Machines)
    assert called == ["hand over"]
    replay.store.set_status(replay.run_id, RunStatus.CANCELED)
    Replay(experiment, iterations=1).drive(platform=Machines)
    assert called == ["hand over", "close"]


class Mortal(RecordedPlatform):
    """Machines that can be lost, all of them and for good."""

    loss = None

    def lose(self):
        self.loss = "their head has ended"
        raise ComputeTargetException(f"the Ray cluster was lost: {self.loss}")


@in_memory
def test_what_was_open_when_all_machines_were_lost_is_begun_again(experiment):
    replay = Replay(experiment, {1: scored(0.7), 2: scored(0.9, 30.0)}, iterations=4)
    replay.after(12.0, lambda: replay.platform.lose())
    assert replay.drive(platform=Mortal) == {0: "Completed", 1: "Completed", 2: "Running"}
    assert replay.status == "Failed"
    assert replay.store.run(replay.run_id).error == (
        "the Ray cluster was lost: their head has ended"
    )
    assert replay.run.summary()["status"].tolist() == ["Completed", "Completed", "Failed"]
    ended = {r.iteration: r.ended for r in replay.store.iterations(replay.run_id)}
    assert replay.drive() == dict.fromkeys(range(4), "Completed")
    assert replay.status == "Completed"
    after = {r.iteration: r.ended for r in replay.store.iterations(replay.run_id)}
    assert [after[n] for n in (0, 1)] == [ended[n] for n in (0, 1)]


@in_memory
def test_nothing_is_asked_of_machines_that_are_lost(experiment):
    """A thread that hangs in a call to them may wake up later."""
    replay = Replay(experiment, model_explainability=True, iterations=1)

    def lose():
        replay.platform.loss = "their head has ended"

    finish(replay, lose)
    assert replay.platform.stopped


@pytest.mark.parametrize("minutes", [-10, 10])
@in_memory
def test_setting_the_machines_clock_changes_nothing(experiment, minutes):
    """Neither the run's time nor an iteration's, nor who is alive."""
    settings = {"iterations": 1000, "experiment_timeout_minutes": 0.5}
    replay = Replay(experiment, {3: scored(0.9, 60.0)}, iteration_timeout_minutes=0.1, **settings)
    began, seen = replay.clock.monotonic(), []
    replay.after(7.0, lambda: replay.clock.set(60.0 * minutes))
    replay.after(8.0, lambda: seen.append(replay.run.get_status()))
    statuses = replay.drive()
    assert seen == ["Running"]
    assert [n for n, status in statuses.items() if status == "Timeout"] == [3]
    assert replay.status == "Completed"
    assert 20 < replay.clock.monotonic() - began < 27


@in_memory
def test_a_lost_node_after_early_stopping_ends_its_iteration(experiment):
    replay = Replay(
        experiment, {0: scored(0.9), 1: scored(0.5, 60.0)}, iterations=50,
        enable_early_stopping=True, early_stopping_n_iters=3,
    )  # fmt: skip
    statuses = replay.drive(concurrency=2, nodes=2, slots=1, losses=[NodeLoss(20.0, 1)])
    assert statuses[1] == "Canceled"
    assert replay.reasons[1] == (
        "node-1 was lost; it was not tried again: the best score has stood still for 3 iterations"
    )
    assert replay.status == "Completed"
    assert set(statuses.values()) == {"Completed", "Canceled"}


def test_an_iteration_that_waits_for_a_node_is_cancelled_though_the_run_is_paused(experiment):
    replay = Replay(experiment, {0: scored(0.5, 600.0), 1: scored(0.6, 30.0)}, iterations=3)
    seen = []
    replay.after(3.0, replay.run.pause)
    replay.after(8.0, lambda: seen.append(replay.statuses))
    replay.after(8.1, lambda: replay.run.cancel_iteration(0))
    replay.after(11.0, lambda: seen.append(replay.statuses))
    replay.after(12.0, lambda: replay.store.request_pause(replay.run_id, False))
    statuses = replay.drive(concurrency=2, nodes=3, slots=1, losses=[NodeLoss(5.5, 0)])
    assert [found[0] for found in seen] == ["Retried", "Canceled"]
    assert replay.reasons[0] == "canceled by the user"
    assert statuses == {0: "Canceled", 1: "Completed", 2: "Completed"}


@in_memory
def test_what_a_dead_driver_has_left_open_ends_with_the_run(experiment, monkeypatch):
    """Here a pipeline, and an ensemble that the next driver does not make."""
    replay = Replay(experiment, {2: scored(0.9, 10.0)})
    replay.after(5.0, die)
    drive_to_death(replay, monkeypatch)
    assert replay.statuses[2] == "Running"
    # The store is left as it is; who looks sees that nobody executes the iteration.
    assert replay.run.get_status() == "Failed"
    assert replay.run.summary()["status"].tolist() == ["Completed", "Completed", "Failed"]
    assert "has died" in replay.run.get_children()[2].get_details()["reason"]
    voting = IterationProperties(run_algorithm="VotingEnsemble")
    record = replay.store.run(replay.run_id)
    replay.store.start_iteration(record, 9, "VotingEnsemble", {}, voting, replay.clock.time())
    replay.store.request_cancel(replay.run_id)
    statuses = replay.drive()
    assert (statuses[2], statuses[9]) == ("Canceled", "Canceled")
    assert replay.reasons[9] == "the run ended before it was begun again"
    assert replay.status == "Canceled"
