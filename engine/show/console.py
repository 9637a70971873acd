"""Output on the console: tables and progress on a terminal, plain lines in a pipe.

rich leaves colours out when ``NO_COLOR`` is set or ``TERM`` is ``dumb``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping, Sequence
from typing import TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from engine.store.status import IterationStatus
from engine.store.texts import plain_text

_STYLES: Mapping[str, str] = {
    IterationStatus.COMPLETED: "green",
    IterationStatus.RUNNING: "cyan",
    IterationStatus.RETRIED: "yellow",
    IterationStatus.PRUNED: "dim",
    IterationStatus.CANCELED: "yellow",
    IterationStatus.TIMEOUT: "yellow",
    IterationStatus.FAILED: "red",
    "Succeeded": "green",  # a compute target
    "ok": "green",  # a check of `raysmith doctor`
    "BAD": "bold red",
}


def style_of(status: str) -> str:
    """Return the colour of a state, as rich names it; empty for texts that are no state.

    Examples
    --------
    >>> style_of("Failed"), style_of("Preparing")
    ('red', '')
    """
    return _STYLES.get(status, "")


def print_table(
    columns: Sequence[str], rows: Sequence[Mapping[str, object]], stream: TextIO | None = None
) -> None:
    """Print a table; on a terminal it fits the width, and states have colours.

    Parameters
    ----------
    columns:
        Keys of the rows, which are the headings too.
    rows:
        Values by column; ``None`` and NaN leave the cell empty.
    stream:
        Default: ``sys.stdout``.

    Examples
    --------
    >>> print_table(["run", "best"], [{"run": "a1", "best": 0.912345678}, {"run": "b22"}])
    run  best
    a1   0.91235
    b22
    """
    stream = sys.stdout if stream is None else stream
    cells = [[_text(row.get(column)) for column in columns] for row in rows]
    if not stream.isatty():
        widths = [
            max([len(column), *(len(line[index]) for line in cells)])
            for index, column in enumerate(columns)
        ]
        for line in (list(columns), *cells):
            shown = (text.ljust(width) for text, width in zip(line, widths, strict=True))
            stream.write("  ".join(shown).rstrip() + "\n")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        number = all(isinstance(row.get(column), int | float | None) for row in rows)
        table.add_column(escape(column), justify="right" if number and rows else "left")
    for line in cells:
        # Text, not markup: names and reasons come from data.
        table.add_row(*(Text(text, style=style_of(text)) for text in line))
    Console(file=stream, highlight=False).print(table)


def progress_bar(stream: TextIO) -> Progress:
    """Make a line under the output: number of finished items, a bar, the time, and a text."""
    return Progress(
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        console=Console(file=stream, highlight=False, soft_wrap=False),
        transient=True,
        # The caller refreshes it: a thread would go on after a client that was stopped.
        auto_refresh=False,
    )


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.5g}" if isinstance(value, float) else plain_text(str(value))
