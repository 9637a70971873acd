from __future__ import annotations

import dataclasses
import io
import re

import pytest

from engine.metrics.metric import METRICS
from engine.show.table import Table, format_score, format_seconds
from engine.store.properties import IterationProperties
from engine.store.records import IterationRecord
from engine.store.status import IterationStatus


def record(
    number=2, status=IterationStatus.COMPLETED, score=0.954, reason="", seconds=1.4, name="PCA SGD"
):
    metrics = {} if score is None else {"accuracy": score}
    return IterationRecord(
        "id", number, status, name, reason, metrics, IterationProperties(), 100.0, 100.0 + seconds
    )


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_rows_line_up_with_the_header():
    stream = io.StringIO()
    table = Table(METRICS["accuracy"], stream)
    table.header()
    table.row(record(name="StandardScalerWrapper SGD"))
    table.row(record(3, score=0.5))
    lines = stream.getvalue().splitlines()
    header, first, second = lines[-3:]
    assert header.split() == ["ITERATION", "PIPELINE", "DURATION", "METRIC", "BEST"]
    assert first.split() == ["2", "StandardScalerWrapper", "SGD", "0:00:02", "0.9540", "0.9540"]
    assert second.split()[-2:] == ["0.5000", "0.9540"]
    assert len(header) == len(first) == len(second)
    assert first.index("StandardScaler") == header.index("PIPELINE")


def test_rows_without_a_score_say_why_in_one_line():
    stream = io.StringIO()
    table = Table(METRICS["accuracy"], stream)
    table.row(record(0, IterationStatus.FAILED, None, "ValueError: bad\nmore\nlines"))
    table.row(record(1, IterationStatus.TIMEOUT, None, "too long"))
    failed, timeout = stream.getvalue().splitlines()
    assert failed.split()[-4:] == ["Failed", "nan", "ValueError:", "bad"]
    assert timeout.split()[-4:] == ["Timeout", "nan", "too", "long"]


def test_escape_sequences_do_not_reach_the_terminal():
    for stream in (io.StringIO(), Terminal()):
        table = Table(METRICS["accuracy"], stream)
        table.message("a\x1b]0;title\x07b")
        table.row(record(0, IterationStatus.FAILED, None, "\x1b[2Jgone"))
        assert "ab\n" in stream.getvalue()
        assert "gone" in stream.getvalue()
        assert "\x1b" not in stream.getvalue()


def test_the_best_goes_down_when_less_is_better():
    stream = io.StringIO()
    table = Table(METRICS["log_loss"], stream)
    for loss in (0.5, 0.2, 0.4):
        table.row(dataclasses.replace(record(), metrics={"log_loss": loss}))
    assert [line.split()[-1] for line in stream.getvalue().splitlines()] == [
        "0.5000",
        "0.2000",
        "0.2000",
    ]


def test_progress_only_on_a_terminal(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    pipe, terminal = io.StringIO(), Terminal()
    for stream in (pipe, terminal):
        table = Table(METRICS["accuracy"], stream, total=5)
        table.progress(3, [record()])
        table.row(record(4, IterationStatus.FAILED, None, "[bold]no markup[/bold]"))
        table.close()
    assert "running" not in pipe.getvalue()
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", terminal.getvalue())
    assert "3/5" in shown
    assert "running: 2 PCA SGD" in shown
    # The row does not share its line with the progress, and is in red.
    assert pipe.getvalue().rstrip() in [line.strip("\r") for line in shown.splitlines()]
    assert "\x1b[31m" in terminal.getvalue()


def test_no_colour_when_the_user_wants_none(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    table = Table(METRICS["accuracy"], terminal)
    table.progress(0, [])
    table.row(record(0, IterationStatus.FAILED, None, "bad"))
    table.close()
    assert "\x1b[3" not in terminal.getvalue()
    assert "Failed" in terminal.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.01, "0:00:01"), (59.2, "0:01:00"), (3661, "1:01:01")]
)
def test_seconds(seconds, text):
    assert format_seconds(seconds) == text


def test_scores():
    assert format_score(None) == "nan"
    assert format_score(-0.12345) == "-0.1235"
    assert format_score(123456.789) == "1.2346e+05"
