"""Which iteration is best, handed over, picked by a user, or combined by an ensemble."""

from __future__ import annotations

import dataclasses
import math

import pytest

from engine import ConfigException, RunException
from engine.metrics.metric import METRICS
from engine.store.choice import (
    BestSoFar,
    best_iteration,
    by_end,
    candidates,
    chosen_iteration,
    pick,
)
from engine.store.properties import IterationProperties
from engine.store.records import IterationRecord
from engine.store.status import IterationStatus

ACCURACY = METRICS["accuracy"]


def record(
    number, score, status=IterationStatus.COMPLETED, algorithm="KNN", metric="accuracy", **more
):
    metrics = {} if score is None else {metric: score}
    properties = IterationProperties(run_algorithm=algorithm, **more)
    return IterationRecord(
        str(number), number, status, algorithm, "", metrics, properties, 0.0, 1.0
    )


def test_the_best_completed_ones_best_first():
    iterations = [
        record(0, 0.7),
        record(1, 0.9),
        record(2, 0.8, status=IterationStatus.PRUNED),
        record(3, None, status=IterationStatus.FAILED),
        record(4, 0.9),
        record(5, 0.95, algorithm="VotingEnsemble"),
        record(6, 0.6),
    ]
    chosen = candidates(iterations, METRICS["accuracy"], 3)
    assert [r.iteration for r in chosen] == [1, 4, 0]


def test_two_of_each_estimator_come_before_a_third_of_one():
    kinds = ["LightGBM"] * 4 + ["KNN"] * 3 + ["SVM"]
    iterations = [record(n, 0.9 - 0.1 * n, algorithm=kind) for n, kind in enumerate(kinds)]
    for number, expected in (
        (2, [0, 1]),
        (4, [0, 1, 4, 5]),
        (5, [0, 1, 4, 5, 7]),
        (6, [0, 1, 2, 4, 5, 7]),
        (99, list(range(8))),
    ):
        chosen = candidates(iterations, METRICS["accuracy"], number)
        assert [r.iteration for r in chosen] == expected


def test_smaller_is_better_for_errors():
    iterations = [record(n, s, metric="log_loss") for n, s in enumerate([0.5, 0.2, 0.9])]
    chosen = candidates(iterations, METRICS["log_loss"], 2)
    assert [r.iteration for r in chosen] == [1, 0]


def test_an_iteration_that_left_folds_out_is_no_candidate():
    iterations = [record(0, 0.7, folds=5), record(1, 0.99, folds=2), record(2, 0.8, folds=5)]
    chosen = candidates(iterations, METRICS["accuracy"], 3)
    assert [r.iteration for r in chosen] == [2, 0]


def test_a_preferred_ensemble_is_handed_over_until_more_is_tried():
    metric = METRICS["accuracy"]
    iterations = [
        record(0, 0.7),
        record(1, 0.9),
        record(2, 0.89, algorithm="VotingEnsemble"),
        record(3, 0.88, algorithm="StackEnsemble"),
    ]
    assert chosen_iteration(iterations, metric).iteration == 1
    iterations[2] = record(2, 0.89, algorithm="VotingEnsemble", preferred="0.89 against 0.88")
    assert chosen_iteration(iterations, metric).iteration == 2
    assert best_iteration(iterations, metric).iteration == 1
    iterations[3] = record(3, 0.88, algorithm="StackEnsemble", preferred="better still")
    assert chosen_iteration(iterations, metric).iteration == 3
    assert chosen_iteration([*iterations, record(4, 0.6)], metric).iteration == 1
    assert (
        chosen_iteration(
            [*iterations, record(4, 0.6, status=IterationStatus.FAILED)], metric
        ).iteration
        == 3
    )
    assert chosen_iteration([], metric) is None


def test_the_best_so_far_is_the_first_of_equals():
    best = BestSoFar(ACCURACY)
    added = [
        best.add(record(0, math.nan)),
        best.add(record(1, 0.7)),
        best.add(record(2, 0.7)),
        best.add(record(3, 0.9, status=IterationStatus.PRUNED)),
        best.add(record(4, None)),
        best.add(record(5, 0.8)),
    ]
    assert added == [False, True, False, False, False, True]
    assert (best.score, best.record.iteration) == (0.8, 5)


def test_the_best_goes_down_where_less_is_better():
    best = BestSoFar(METRICS["log_loss"])
    for number, loss in enumerate((0.5, 0.2, 0.4)):
        best.add(record(number, loss, metric="log_loss"))
    assert (best.score, best.record.iteration) == (0.2, 1)


def test_iterations_in_the_order_in_which_they_ended():
    ends = {0: 5.0, 1: None, 2: 3.0}
    records = [dataclasses.replace(record(n, 0.5), ended=end) for n, end in ends.items()]
    assert [r.iteration for r in by_end(records)] == [2, 0, 1]


def test_a_user_picks_by_number_or_by_another_metric():
    iterations = [
        dataclasses.replace(record(0, 0.7), metrics={"accuracy": 0.7, "log_loss": 0.2}),
        dataclasses.replace(record(1, 0.9), metrics={"accuracy": 0.9, "log_loss": 0.3}),
    ]
    assert pick(iterations, ACCURACY).iteration == 1
    assert pick(iterations, ACCURACY, number=0).iteration == 0
    assert pick(iterations, ACCURACY, by="log_loss").iteration == 0
    assert pick([record(0, None, IterationStatus.RUNNING)], ACCURACY) is None


@pytest.mark.parametrize(
    ("asked", "error", "match"),
    [
        ({"number": 0, "by": "accuracy"}, ConfigException, "not both"),
        ({"by": "r2_score"}, ConfigException, "metric='r2_score': allowed is one of"),
        ({"number": 7}, RunException, r"there is no iteration 7; there are \[0\]"),
        ({"number": 0}, RunException, "iteration 0 has no model: Failed, ValueError: bad$"),
    ],
)
def test_what_cannot_be_picked_says_why(asked, error, match):
    failed = record(0, None, IterationStatus.FAILED)
    failed = dataclasses.replace(failed, reason="ValueError: bad\nmore")
    with pytest.raises(error, match=match):
        pick([failed], ACCURACY, **asked)
