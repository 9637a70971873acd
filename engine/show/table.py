"""The table of iterations on the console, a row as each one ends."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TextIO

from engine.metrics import Metric
from engine.records import IterationRecord

_RULE = "*" * 99
_LEGEND = f"""{_RULE}
ITERATION: The iteration being evaluated.
PIPELINE:  The preprocessor and the estimator being evaluated.
DURATION:  Time taken for the current iteration.
METRIC:    The {{metric}} of the fitted pipeline, mean over the folds.
BEST:      The best {{metric}} so far.
{_RULE}
"""


class Table:
    """Prints rows to ``stream``; on a terminal also a line of progress under them.

    Parameters
    ----------
    metric:
        The primary metric.
    stream:
        Default: ``sys.stdout``.
    """

    def __init__(self, metric: Metric, stream: TextIO | None = None) -> None:
        self._metric = metric
        self._stream = sys.stdout if stream is None else stream
        self._is_tty = self._stream.isatty()
        self._progress = ""
        self._best: float | None = None

    def header(self) -> None:
        self._print(_LEGEND.format(metric=self._metric.name))
        self._print(_line("ITERATION", "PIPELINE", "DURATION", "METRIC", "BEST"))

    def row(self, record: IterationRecord) -> None:
        score = record.metrics.get(self._metric.name, math.nan)
        completed = record.status == "Completed"
        if completed and self._metric.is_better(score, self._best):
            self._best = score
        reason = "" if completed else first_line(record.reason)
        line = _line(
            str(record.iteration),
            record.pipeline,
            format_seconds(record.seconds),
            format_score(score) if completed else record.status,
            format_score(self._best),
        )
        self._print(f"{line}   {reason}".rstrip())

    def message(self, text: str) -> None:
        self._print(text)

    def progress(self, done: int, running: Sequence[IterationRecord]) -> None:
        """How things stand, rewritten in place; only on a terminal."""
        if not self._is_tty:
            return
        names = ", ".join(f"{r.iteration} {r.pipeline} {r.seconds:.0f} s" for r in running)
        self._clear()
        self._progress = f"{done} done; running: {names or 'nothing'}"[:110]
        self._stream.write(self._progress)
        self._stream.flush()

    def close(self) -> None:
        self._clear()

    def _print(self, text: str) -> None:
        self._clear()
        self._stream.write(text + "\n")
        self._stream.flush()

    def _clear(self) -> None:
        if self._progress:
            self._stream.write("\r" + " " * len(self._progress) + "\r")
            self._progress = ""


def _line(iteration: str, pipeline: str, duration: str, metric: str, best: str) -> str:
    return f"{iteration:>9}   {pipeline:<42} {duration:<8}{metric:>11}{best:>10}"


def format_seconds(seconds: float) -> str:
    """``h:mm:ss``; anything above nothing is at least a second."""
    return str(timedelta(seconds=math.ceil(seconds)))


def format_score(score: float | None) -> str:
    if score is None or math.isnan(score):
        return "nan"
    return f"{score:.4f}" if abs(score) < 1000 else f"{score:.5g}"


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
