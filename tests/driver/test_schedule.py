from __future__ import annotations

import math

from engine.driver.schedule import Goals, Next, Schedule
from engine.metrics.metric import METRICS

ACCURACY, LOSS = METRICS["accuracy"], METRICS["log_loss"]


def test_each_number_once_and_then_over():
    schedule = Schedule(Goals(3), ACCURACY)
    assert [schedule.next() for _ in range(4)] == [0, 1, 2, Next.OVER]


def test_what_is_done_is_not_repeated_and_what_was_interrupted_comes_first():
    schedule = Schedule(Goals(6), ACCURACY, done={0: 0.5, 1: 0.9, 3: 0.1}, interrupted=[4, 2, 3])
    assert schedule.best == (1, 0.9)
    assert [schedule.next() for _ in range(4)] == [2, 4, 5, Next.OVER]


def test_pause():
    schedule = Schedule(Goals(1), ACCURACY)
    schedule.paused = True
    assert schedule.next() is Next.WAIT
    schedule.paused = False
    assert schedule.next() == 0


def test_exit_score_in_both_directions():
    for metric, bad, good, goal in ((ACCURACY, 0.7, 0.91, 0.9), (LOSS, 0.5, 0.2, 0.3)):
        schedule = Schedule(Goals(9, exit_score=goal), metric)
        assert schedule.ended(0, bad)
        assert schedule.stopped is None
        assert schedule.ended(1, good)
        assert schedule.next() is Next.OVER
        assert schedule.stopped_at_once
        assert "experiment_exit_score" in schedule.stopped


def test_patience_counts_from_the_last_best():
    schedule = Schedule(Goals(99, patience=2), ACCURACY)
    for number, score in enumerate([0.5, 0.4, 0.6, math.nan]):
        schedule.ended(number, score)
        assert schedule.stopped is None
    schedule.ended(4, 0.6)
    assert schedule.stopped == "the best score has stood still for 2 iterations"
    assert not schedule.stopped_at_once


def test_patience_waits_for_a_first_score_and_starts_anew_on_resume():
    schedule = Schedule(Goals(99, patience=2), ACCURACY)
    for number in range(5):
        schedule.ended(number, math.nan)
    assert schedule.stopped is None
    schedule = Schedule(Goals(99, patience=2), ACCURACY, done={0: 0.9, 1: 0.1, 2: 0.1, 3: 0.1})
    schedule.ended(4, 0.2)
    assert schedule.stopped is None


def test_the_first_reason_counts():
    schedule = Schedule(Goals(9), ACCURACY)
    schedule.stop("one")
    schedule.stop("two", at_once=True)
    assert schedule.stopped == "one"
    assert schedule.stopped_at_once


def test_a_number_whose_node_was_lost_comes_again():
    schedule = Schedule(Goals(3), METRICS["accuracy"])
    assert [schedule.next(), schedule.next()] == [0, 1]
    assert schedule.to_come == 1
    schedule.again(0)
    assert schedule.to_come == 2
    assert [schedule.next(), schedule.next(), schedule.next()] == [0, 2, Next.OVER]
    schedule.again(2)
    assert schedule.next() == 2
    schedule.stop("enough")
    assert schedule.to_come == 0
