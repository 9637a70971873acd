"""Replacements in a text, and remarks about it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

_NEWLINE = re.compile(rb"\r\n|\n|\r")
_DIVIDER = re.compile(r"\n[ \t]*")


@dataclass(frozen=True, order=True)
class Edit:
    """Replacement of a part of a source.

    Attributes
    ----------
    start, end:
        Offsets in bytes of the source as UTF-8; equal for an insertion.
    text:
        The new text.
    what:
        What the edit does, for the report.
    """

    start: int
    end: int
    text: str
    what: str


@dataclass(frozen=True, order=True)
class Remark:
    """Place in a source that a person must look at.

    Attributes
    ----------
    start:
        Offset in bytes of the source as UTF-8.
    what:
        What is there, and what to do.
    """

    start: int
    what: str


Finding = Edit | Remark


def without_overlaps(edits: Iterable[Edit]) -> list[Edit]:
    """Return edits in order of their place, leaving out those inside an earlier, larger one.

    Removals that overlap become one.

    Examples
    --------
    >>> inner, outer = Edit(2, 3, "x", ""), Edit(0, 9, "", "")
    >>> without_overlaps([inner, outer, inner]) == [outer]
    True
    """
    kept: list[Edit] = []
    for edit in sorted(set(edits), key=lambda edit: (edit.start, -edit.end, edit.text)):
        if not kept or edit.start >= kept[-1].end:
            kept.append(edit)
        elif not edit.text and not kept[-1].text:
            last = kept.pop()
            kept.append(Edit(last.start, max(last.end, edit.end), "", last.what))
    return kept


def newlines(source: bytes) -> int:
    """Count the ends of lines, of whatever kind.

    Examples
    --------
    >>> newlines(b"a\\r\\nb\\nc\\rd")
    3
    """
    return len(_NEWLINE.findall(source))


def apply(source: bytes, edits: Iterable[Edit], newline: str, keep_lines: bool = False) -> bytes:
    """Return a source with its edits made; all other bytes stay.

    Parameters
    ----------
    source:
        The source as UTF-8.
    edits:
        Edits that do not overlap, in order.
    newline:
        The newline of the source; edits use ``\\n``.
    keep_lines:
        Whether all other lines keep their numbers. A text that replaces a longer one gets as many
        newlines, as edits remove them only where Python ignores them; statements that would need
        more lines are divided by semicolons.

    Examples
    --------
    >>> apply(b"a = np.NaN", [Edit(4, 10, "np.nan", "")], "\\n")
    b'a = np.nan'
    """
    parts, at = [], 0
    ordered = list(edits)
    assert all(one.end <= other.start for one, other in pairwise(ordered))
    for edit in ordered:
        text = edit.text
        if keep_lines:
            lost = newlines(source[edit.start : edit.end]) - text.count("\n")
            text = _DIVIDER.sub("; ", text) if lost < 0 else text + "\n" * lost
        parts += [source[at : edit.start], text.replace("\n", newline).encode()]
        at = edit.end
    return b"".join([*parts, source[at:]])
