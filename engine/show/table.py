"""The table of iterations on the console, a row as each one ends."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TextIO

from rich.progress import Progress
from rich.text import Text

from engine.metrics.metric import Metric
from engine.show.console import progress_bar, style_of
from engine.store.records import IterationRecord

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
    total:
        Iterations that there will be at most, for the progress; ``None``: not known.
    """

    def __init__(
        self, metric: Metric, stream: TextIO | None = None, total: int | None = None
    ) -> None:
        self._metric = metric
        self._stream = sys.stdout if stream is None else stream
        self._total = total
        self._bar: Progress | None = None
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
        self._print(f"{line}   {reason}".rstrip(), "" if completed else style_of(record.status))

    def message(self, text: str) -> None:
        self._print(text)

    def progress(self, done: int, running: Sequence[IterationRecord]) -> None:
        """How things stand, rewritten in place; only on a terminal."""
        if not self._stream.isatty():
            return
        if self._bar is None:
            self._bar = progress_bar(self._stream)
            self._bar.add_task("", total=self._total, text="")
            self._bar.start()
        names = ", ".join(f"{r.iteration} {r.pipeline} {r.seconds:.0f} s" for r in running)
        text = f"running: {names or 'nothing'}"
        self._bar.update(self._bar.task_ids[0], completed=done, text=text, refresh=True)

    def close(self) -> None:
        """Take the line of progress away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _print(self, text: str, style: str = "") -> None:
        if self._bar is None:
            self._stream.write(text + "\n")
            self._stream.flush()
        else:
            # Above the line of progress; not as markup, as names and reasons come from data.
            self._bar.console.print(Text(text, style=style), soft_wrap=True)


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
