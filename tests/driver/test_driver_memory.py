"""Runs of recorded trials within the memory of their machines."""

from __future__ import annotations

import copy
import gc
import weakref
from functools import partial

import pytest

from engine.driver.recorded_platform import RecordedPlatform
from engine.driver.trial_backends.recorded import RecordedTrial, Recording
from engine.show.view import DATA_FILE
from engine.store.status import IterationStatus
from tests.driver.replay import Replay, scored

pytestmark = pytest.mark.usefixtures("store_in_memory")

SMALL = scored(0.5, start_memory_mb=200.0, peak_memory_mb=220.0)
LARGE = scored(0.9, start_memory_mb=200.0, peak_memory_mb=5000.0)
OUT = RecordedTrial(
    (), 1.0, IterationStatus.FAILED, dies=True,
    reason="out of memory: Ray ended it because its node had no memory left",
)  # fmt: skip
OVER = RecordedTrial(
    (), 1.0, IterationStatus.FAILED, reason="over mem_in_mb=100: it used 260 MB", dies=True
)


def of_estimators(others=SMALL, **trials):
    return Recording("accuracy", by_pipeline=trials, others=others)


def with_memory(megabytes):
    return partial(RecordedPlatform, memory_mb=megabytes)


def estimators(replay):
    return [child.get_properties()["run_algorithm"] for child in replay.run.get_children()]


def note_of(replay):
    (note,) = [n for n in replay.store.run(replay.run_id).notes if "want of memory" in n]
    return note


def test_what_a_trial_needed_is_kept_with_its_iteration(experiment):
    replay = Replay(experiment, of_estimators(), iterations=1)
    replay.drive()
    (child,) = replay.run.get_children()
    properties = child.get_properties()
    assert (properties["start_memory_mb"], properties["peak_memory_mb"]) == ("200.0", "220.0")


def test_an_estimator_that_would_not_fit_again_is_left_out(experiment):
    replay = Replay(experiment, of_estimators(KNN=LARGE), iterations=12)
    replay.drive(platform=with_memory(2000.0))
    assert replay.status == "Completed"
    assert estimators(replay).count("KNN") == 1
    assert len(estimators(replay)) == 12
    assert "KNN (" in note_of(replay)


def test_with_enough_memory_it_is_tried_again(experiment):
    replay = Replay(experiment, of_estimators(KNN=LARGE), iterations=12)
    replay.drive(platform=with_memory(20_000.0))
    assert estimators(replay).count("KNN") > 1
    assert not any("memory" in note for note in replay.store.run(replay.run_id).notes)


def test_an_estimator_that_ran_out_of_memory_is_left_out(experiment):
    replay = Replay(experiment, of_estimators(KNN=OUT), iterations=12)
    statuses = replay.drive(concurrency=2)
    assert replay.status == "Completed"
    failed = [n for n, status in statuses.items() if status == "Failed"]
    assert len(failed) == 1
    assert replay.reasons[failed[0]].startswith("out of memory: ")
    assert estimators(replay).count("KNN") == 1
    assert len(statuses) == 12
    assert "KNN (" in note_of(replay)


def test_another_driver_of_the_run_knows_what_ran_out_of_memory(experiment):
    replay = Replay(experiment, of_estimators(KNN=OUT, SGD=LARGE), iterations=8)
    replay.drive(platform=with_memory(2000.0))
    replay.add_iterations(10)
    replay.drive(platform=with_memory(2000.0))
    assert len(estimators(replay)) == 18
    assert estimators(replay).count("KNN") == estimators(replay).count("SGD") == 1


def test_a_run_in_which_nothing_fits_ends_with_the_reason(experiment):
    replay = Replay(experiment, of_estimators(others=OVER), iterations=50)
    statuses = replay.drive(platform=with_memory(100.0))
    assert replay.status == "Failed"
    assert statuses == {0: "Failed"}
    error = replay.run.get_details()["error"]
    assert "no iteration gave a model; Failed: over mem_in_mb=100: it used 260 MB" in error


def test_expectations_that_are_too_high_do_not_end_a_run(experiment):
    modest = scored(0.5, start_memory_mb=20.0, peak_memory_mb=30.0)
    replay = Replay(experiment, of_estimators(others=modest))
    replay.drive(platform=with_memory(100.0))
    assert replay.status == "Completed"
    assert len(set(estimators(replay))) > 1


class HandedOver(RecordedPlatform):
    """Machines that have a copy of the data, as Ray's store has."""

    def share(self, given):
        HandedOver.original = weakref.ref(given.dataset)
        return [copy.deepcopy(given.dataset)]


def test_the_driver_lets_go_of_data_that_the_machines_have(experiment):
    replay = Replay(experiment, iterations=2)
    driver = replay.driver(platform=HandedOver)
    replay._given = None
    alive = []

    def look():
        gc.collect()
        alive.append(HandedOver.original() is not None)

    replay.after(0.5, look)
    driver.claim()
    driver.run()
    assert replay.status == "Completed"
    assert alive == [False]
    assert DATA_FILE in replay.run.get_file_names()  # the description of the machines' copy
