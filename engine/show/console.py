"""What the terminal shows: tables and progress by rich on a terminal, plain lines in a pipe.

rich leaves colours out when ``NO_COLOR`` is set or ``TERM`` is ``dumb``.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_STYLES = {
    "Completed": "green",
    "Succeeded": "green",
    "Running": "cyan",
    "Retried": "yellow",
    "Pruned": "dim",
    "Canceled": "yellow",
    "Timeout": "yellow",
    "Failed": "red",
    "ok": "green",
    "BAD": "bold red",
}


def style_of(status: str) -> str:
    """The colour of a state, as rich names it; empty for what is no state."""
    return _STYLES.get(status, "")


def print_table(
    columns: Sequence[str], rows: Sequence[Mapping[str, Any]], stream: TextIO | None = None
) -> None:
    """Rows under a heading each column; on a terminal it fits its width, and states have colours.

    Parameters
    ----------
    columns:
        Keys of the rows, which are the headings too.
    rows:
        Values; ``None`` and NaN are shown as nothing.
    stream:
        Default: ``sys.stdout``.
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
    """A line under what is printed: how many are done, a bar, the time, and a text."""
    return Progress(
        MofNCompleteColumn(),
        BarColumn(bar_width=20),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}", markup=False),
        console=Console(file=stream, highlight=False, soft_wrap=False),
        transient=True,
        # The caller says when there is something new: a thread of its own would go on after a
        # client that was stopped in between.
        auto_refresh=False,
    )


def _text(value: Any) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.5g}" if isinstance(value, float) else str(value)
