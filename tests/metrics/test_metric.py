from __future__ import annotations

import math
import subprocess
import sys

import pytest

from engine.metrics.metric import (
    BINARY_METRICS,
    CLASSIFICATION_METRICS,
    DEFAULT_METRIC,
    METRICS,
    metrics_in,
    metrics_of,
    primary_metrics_of,
)


def test_directions():
    assert METRICS["accuracy"].is_better(0.9, 0.8)
    assert METRICS["log_loss"].is_better(0.1, 0.2)
    assert not METRICS["log_loss"].is_better(math.nan, None)
    assert METRICS["r2_score"].is_better(-3.0, math.nan)
    assert METRICS["log_loss"].reaches(0.1, 0.1)
    assert not METRICS["accuracy"].reaches(0.89, 0.9)


@pytest.mark.parametrize("name", METRICS)
def test_less_loss_is_better(name):
    metric = METRICS[name]
    assert metric.is_better(0.6, 0.5) == (metric.loss(0.6) < metric.loss(0.5))


def test_a_missing_score_is_nan():
    assert METRICS["accuracy"].of({"accuracy": 0.5}) == 0.5
    assert math.isnan(METRICS["accuracy"].of({}))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_default_is_a_metric_of_its_task(task):
    assert metrics_of(task)[DEFAULT_METRIC[task]].task == task


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_what_can_be_primary_is_recorded(task):
    primary = primary_metrics_of(task)
    assert primary.items() < metrics_of(task).items()
    assert {m.name for m in metrics_of(task).values() if m.can_be_primary} == set(primary)
    assert set(primary) == {name for name, metric in METRICS.items() if metric.task == task}


def test_metrics_of_a_positive_class_are_listed_where_they_were_computed():
    assert metrics_in("classification", [{"accuracy": 1.0}]) == CLASSIFICATION_METRICS
    both = metrics_in("classification", [{}, dict.fromkeys(BINARY_METRICS, 0.5)])
    assert set(both) == {*CLASSIFICATION_METRICS, *BINARY_METRICS}


def test_names_come_without_scikit_learn():
    code = "import sys, engine.metrics.metric; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
