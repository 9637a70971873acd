"""The table of iterations on the console, with a row as each iteration ends."""

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
from engine.store.choice import BestSoFar
from engine.store.records import IterationRecord
from engine.store.texts import plain_text

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
    """Print rows to ``stream``; on a terminal also a line of progress under them.

    Parameters
    ----------
    metric:
        The primary metric.
    stream:
        Default: ``sys.stdout``.
    total:
        Largest number of iterations that the run may have, for the progress; ``None``: not known.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> Table(METRICS["accuracy"]).message("Running on local compute")
    Running on local compute
    """

    def __init__(
        self, metric: Metric, stream: TextIO | None = None, total: int | None = None
    ) -> None:
        self._metric = metric
        self._stream = sys.stdout if stream is None else stream
        self._total = total
        self._bar: Progress | None = None
        self._best = BestSoFar(metric)

    def header(self) -> None:
        """Print the legend and the headings."""
        self._print(_LEGEND.format(metric=self._metric.name))
        self._print(_line("ITERATION", "PIPELINE", "DURATION", "METRIC", "BEST"))

    def row(self, record: IterationRecord) -> None:
        """Print an iteration; one without a score shows its status and its reason.

        Examples
        --------
        >>> from engine.metrics.metric import METRICS
        >>> from engine.store.status import IterationStatus
        >>> record = IterationRecord(
        ...     "id", 3, IterationStatus.FAILED, "PCA KNN", "out of memory", ended=1.5
        ... )
        >>> Table(METRICS["accuracy"]).row(record)  # doctest: +NORMALIZE_WHITESPACE
        3   PCA KNN   0:00:02   Failed   nan   out of memory
        """
        self._best.add(record)
        completed = record.is_completed
        score = format_score(self._metric.of(record.metrics))
        reason = "" if completed else first_line(record.reason)
        line = _line(
            str(record.iteration),
            record.pipeline,
            format_seconds(record.seconds),
            score if completed else record.status.value,
            format_score(self._best.score),
        )
        self._print(f"{line}   {reason}".rstrip(), "" if completed else style_of(record.status))

    def message(self, text: str) -> None:
        """Print a line, or several."""
        self._print(text)

    def progress(self, done: int, running: Sequence[IterationRecord]) -> None:
        """Show the number of ended iterations and the running ones; only on a terminal."""
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
        """Remove the line of progress."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _print(self, text: str, style: str = "") -> None:
        text = plain_text(text)
        if self._bar is None:
            self._stream.write(text + "\n")
            self._stream.flush()
        else:
            # As plain text above the line of progress: names and reasons come from data.
            self._bar.console.print(Text(text, style=style), soft_wrap=True)


def _line(iteration: str, pipeline: str, duration: str, metric: str, best: str) -> str:
    return f"{iteration:>9}   {pipeline:<42} {duration:<8}{metric:>11}{best:>10}"


def format_seconds(seconds: float) -> str:
    """Format a duration as ``h:mm:ss``, rounded up to whole seconds.

    Examples
    --------
    >>> format_seconds(0.01), format_seconds(3661)
    ('0:00:01', '1:01:01')
    """
    return str(timedelta(seconds=math.ceil(seconds)))


def format_score(score: float | None) -> str:
    """Format a score with four decimals, or five digits from 1,000 on.

    Examples
    --------
    >>> format_score(0.98765), format_score(12345.678), format_score(None)
    ('0.9877', '12346', 'nan')
    """
    if score is None or math.isnan(score):
        return "nan"
    return f"{score:.4f}" if abs(score) < 1000 else f"{score:.5g}"


def first_line(text: str) -> str:
    """Return the first line of a text that is not blank.

    Examples
    --------
    >>> first_line("ValueError: bad\\nmore")
    'ValueError: bad'
    """
    return text.strip().partition("\n")[0]
