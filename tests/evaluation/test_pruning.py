from __future__ import annotations

import pytest

from engine.evaluation.pruning import IMPATIENT, pruning_reason
from engine.metrics.metric import METRICS

BEST = [0.95, 0.96, 0.94, 0.95, 0.95]


@pytest.mark.parametrize(
    ("metric", "scores", "best", "is_hopeless"),
    [
        ("accuracy", [0.5], BEST, True),
        ("accuracy", [0.94], BEST, False),
        ("accuracy", [0.88, 0.87], BEST, True),
        ("accuracy", [0.96], BEST, False),
        ("accuracy", [0.5], [0.9, 0.5, 0.95, 0.6, 0.7], False),  # folds differ as much
        ("accuracy", [0.5], [], False),
        ("accuracy", [0.5], [0.95, 0.95], False),  # two folds say little
        ("accuracy", [float("nan")], BEST, False),
        ("AUC_weighted", [0.97], [0.9999] * 5, False),  # small differences at the top may help
        ("root_mean_squared_error", [50.0], [10.0, 11.0, 10.0], True),
        ("root_mean_squared_error", [18.0], [10.0, 11.0, 10.0], False),
        ("root_mean_squared_error", [5e-3], [1e-3, 1.1e-3, 1e-3], True),
        ("log_loss", [0.9], [0.2, 0.25, 0.22], True),
    ],
)
def test_far_behind_the_best_an_iteration_is_pruned(metric, scores, best, is_hopeless):
    reason = pruning_reason(METRICS[metric], scores, best)
    assert (reason is not None) == is_hopeless
    if reason:
        assert f"{len(scores)} of {len(best)} folds" in reason


@pytest.mark.parametrize(
    ("metric", "scores", "best", "is_hopeless"),
    [
        ("root_mean_squared_error", [14.0], [10.0, 10.2, 10.1], True),
        ("root_mean_squared_error", [12.5], [10.0, 10.2, 10.1], False),
        ("root_mean_squared_error", [14.0], [10.0, 16.0, 13.0], False),
        ("AUC_weighted", [0.99], [0.9999] * 5, True),
        ("AUC_weighted", [0.996], [0.9999] * 5, False),
        ("AUC_weighted", [0.8], [0.86] * 5, True),
        ("AUC_weighted", [0.83], [0.86] * 5, False),
    ],
)
def test_less_is_hopeless_where_time_counts(metric, scores, best, is_hopeless):
    assert (pruning_reason(METRICS[metric], scores, best, IMPATIENT) is not None) == is_hopeless
    assert pruning_reason(METRICS[metric], scores, best) is None
