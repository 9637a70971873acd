"""The data frame of all iterations."""

from __future__ import annotations

import dataclasses
import math

from engine.metrics.metric import BINARY_METRICS, METRICS
from engine.show.summary import TABLE_COLUMNS, summary_of
from engine.store.properties import IterationProperties
from engine.store.records import IterationRecord
from engine.store.status import IterationStatus


def record(number, score, ended, status=IterationStatus.COMPLETED):
    metrics = {} if score is None else {"log_loss": score}
    properties = IterationProperties(node_id="n1", node_ip="10.0.0.1")
    return IterationRecord(
        "id", number, status, "KNN", "bad\nworse", metrics, properties, 100.0, ended
    )


def test_the_best_so_far_is_that_of_the_iterations_that_had_ended():
    records = [
        record(0, 0.3, 140.0),
        record(1, 0.2, 130.0),
        record(2, 0.1, 120.0, IterationStatus.TIMEOUT),
        record(3, 0.4, 110.0),
        record(4, None, None, IterationStatus.RUNNING),
    ]
    summary = summary_of(records, METRICS["log_loss"])
    assert summary["iteration"].tolist() == [0, 1, 2, 3, 4]
    assert summary["best"].tolist() == [0.2, 0.2, 0.4, 0.4, 0.2]
    assert summary["metric"].tolist()[:4] == [0.3, 0.2, 0.1, 0.4]
    assert math.isnan(summary["metric"][4])
    assert summary["status"].tolist()[2:] == ["Timeout", "Completed", "Running"]
    assert all(type(status) is str for status in summary["status"])
    assert summary["duration"].tolist()[:4] == ["0:00:40", "0:00:30", "0:00:20", "0:00:10"]
    assert set(summary["reason"]) == {"bad"}
    assert set(summary["node_ip"]) == {"10.0.0.1"}


def test_the_columns_are_there_without_iterations():
    summary = summary_of([], METRICS["accuracy"])
    assert len(summary) == 0
    assert tuple(summary.columns[: len(TABLE_COLUMNS)]) == TABLE_COLUMNS
    assert {"node_id", "node_ip", "seconds", "accuracy", "log_loss"} <= set(summary.columns)


def test_metrics_of_a_positive_class_have_columns_where_there_are_some():
    one = record(0, 0.3, 110.0)
    [name, *_] = BINARY_METRICS
    assert name not in summary_of([one], METRICS["log_loss"]).columns
    scored = dataclasses.replace(one, metrics={**one.metrics, name: 0.5})
    assert summary_of([one, scored], METRICS["log_loss"])[name].tolist()[1] == 0.5
