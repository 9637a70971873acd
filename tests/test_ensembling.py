"""Which iterations are candidates, and which numbers are left for pipelines."""

from __future__ import annotations

import pytest

from engine.driver import _goal
from engine.ensembling import candidates
from engine.metrics import METRICS
from engine.records import IterationRecord


def record(number, score, status="Completed", algorithm="KNN", metric="accuracy"):
    metrics = {} if score is None else {metric: score}
    properties = {"run_algorithm": algorithm}
    return IterationRecord(
        str(number), number, status, algorithm, "", metrics, properties, 0.0, 1.0
    )


def test_the_best_completed_ones_best_first():
    iterations = [
        record(0, 0.7),
        record(1, 0.9),
        record(2, 0.8, status="Pruned"),
        record(3, None, status="Failed"),
        record(4, 0.9),
        record(5, 0.95, algorithm="VotingEnsemble"),
        record(6, 0.6),
    ]
    chosen = candidates(iterations, METRICS["accuracy"], 3)
    assert [r.iteration for r in chosen] == [1, 4, 0]


def test_an_iteration_that_left_folds_out_is_no_candidate():
    iterations = [record(0, 0.7), record(1, 0.99), record(2, 0.8)]
    for one, folds in zip(iterations, "525", strict=True):
        one.properties["folds"] = folds
    chosen = candidates(iterations, METRICS["accuracy"], 3)
    assert [r.iteration for r in chosen] == [2, 0]


def test_smaller_is_better_for_errors():
    iterations = [record(n, s, metric="log_loss") for n, s in enumerate([0.5, 0.2, 0.9])]
    chosen = candidates(iterations, METRICS["log_loss"], 2)
    assert [r.iteration for r in chosen] == [1, 0]


@pytest.mark.parametrize(
    ("iterations", "ensembles", "expected"),
    [(20, [], 20), (20, [20, 21], 20), (4, [3, 4], 6), (5, [3, 4], 7), (7, [3, 4, 7, 8], 11)],
)
def test_ensembles_come_on_top_of_the_iterations(iterations, ensembles, expected):
    goal = _goal(iterations, ensembles)
    assert goal == expected
    assert len(set(range(goal)) - set(ensembles)) == iterations
