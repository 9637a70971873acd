"""Lines of notebook cells that are IPython's, not Python's: hidden while a cell is rewritten."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import count

#: Cell magics whose body is Python that sees the notebook's names.
_OF_PYTHON = {"time", "timeit", "capture", "prun", "mprun", "memit"}
_WRITES = {"writefile", "file"}
#: First line of a Databricks cell in another language.
_OTHER_LANGUAGE = re.compile(r"\s*%(sh|sql|md|r|scala|fs)\b.*\n")
_MAGIC = re.compile(r"%%(\w+)[ \t]*(.*)")


@dataclass(frozen=True)
class MaskedCell:
    """A cell of code, in parts.

    Attributes
    ----------
    head:
        Cell magic with its line, and empty lines before it.
    body:
        Python, in which names stand for IPython's lines.
    hidden:
        Such a name with the newlines after it -> the lines that it stands for.
    is_file:
        Whether the body is a Python file of its own, which ``%%writefile`` writes.
    is_python:
        Whether the body is Python at all.
    """

    head: str
    body: str
    hidden: dict[str, str] = field(default_factory=dict)
    is_file: bool = False
    is_python: bool = True

    def restored(self, body: str) -> str:
        """Return the whole cell with another body."""
        for name, lines in self.hidden.items():
            body = body.replace(name, lines, 1)
        return self.head + body


def mask(cell: str) -> MaskedCell:
    """Divide a cell into its magic and its body, and hide IPython's lines.

    Examples
    --------
    >>> masked = mask("%matplotlib inline\\nimport azureml")
    >>> masked.body.endswith("\\nimport azureml"), "%" in masked.body
    (True, False)
    >>> masked.restored(masked.body)
    '%matplotlib inline\\nimport azureml'
    """
    head, body, name, rest = _cell_magic(cell)
    if name in _WRITES:
        is_file = rest.split()[-1:] != [] and rest.strip(" \t'\"").endswith(".py")
        return MaskedCell(head, body, is_file=is_file, is_python=is_file)
    if (name and name not in _OF_PYTHON) or (not name and _OTHER_LANGUAGE.match(cell)):
        return MaskedCell(head, body, is_python=False)
    hidden: dict[str, str] = {}
    nonce = next(n for n in count() if f"_ipython_line_{n}_" not in cell)
    lines = body.splitlines(keepends=True)
    # IPython looks at the first of its lines, replaces it and starts again.
    while (found := _first(lines)) is not None:
        start, column, end = found
        newline = re.search(r"[\r\n]*\Z", lines[end])
        last = newline[0] if newline is not None else ""
        name = f"_ipython_line_{nonce}_{len(hidden)}_" + "\n" * (end - start)
        text = "".join(lines[start : end + 1])
        hidden[name] = text[column : len(text) - len(last)]
        lines[start : end + 1] = (lines[start][:column] + name + last).splitlines(keepends=True)
    return MaskedCell(head, "".join(lines), hidden)


def _cell_magic(cell: str) -> tuple[str, str, str, str]:
    """Return head, body, name and arguments of a cell magic, which may follow empty lines."""
    empty = re.match(r"(?:[ \t]*\r?\n)*", cell)
    start = empty.end() if empty else 0
    magic = _MAGIC.match(cell, start)
    if magic is None or magic[2].startswith("?"):
        return "", cell, "", ""
    end = cell.find("\n", start)
    end = len(cell) if end < 0 else end + 1
    return cell[:end], cell[end:], magic[1], magic[2].strip()


def _first(lines: list[str]) -> tuple[int, int, int] | None:
    """Return first line, column and last line of IPython's first command in a cell."""
    from IPython.core import inputtransformer2 as transformer

    if not any(sign in line for line in lines for sign in "%!?/,;"):
        return None
    tokens = transformer.make_tokens_by_line(lines)
    kinds = transformer.TransformerManager().token_transformers
    found = [one for kind in kinds if (one := kind.find(tokens)) is not None]
    if not found:
        return None
    first = min(found, key=lambda one: one.sortby())
    if isinstance(first, transformer.HelpEnd):
        return first.start_line, first.start_col, first.q_line
    end = transformer.find_end_of_continued_line(lines, first.start_line)
    return first.start_line, first.start_col, min(end, len(lines) - 1)
