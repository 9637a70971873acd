"""Markdown as text: tables and the escapes that their cells need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A pipe table.

    Parameters
    ----------
    heading:
        Titles of the columns.
    rows:
        Cells in Markdown; line breaks become spaces and pipes are escaped.

    Examples
    --------
    >>> print(table(["name", "default"], [["`iterations`", "100"]]))
    | name | default |
    | --- | --- |
    | `iterations` | 100 |
    """
    lines = [_line(heading), _line(["---"] * len(heading)), *(_line(row) for row in rows)]
    return "\n".join(lines)


def code(text: object) -> str:
    """``text`` as inline code; nothing for an empty text.

    Examples
    --------
    >>> code("LightGBM"), code("")
    ('`LightGBM`', '')
    """
    shown = str(text)
    if not shown:
        return ""
    fence = "``" if "`" in shown else "`"
    return f"{fence}{shown}{fence}"


def codes(texts: Iterable[object]) -> str:
    """Several texts as inline code, with commas between them."""
    return ", ".join(code(text) for text in texts)


def fenced(text: str, language: str = "text") -> str:
    """A block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(' '.join(cell.split()).replace('|', chr(92) + '|') for cell in cells)} |"
