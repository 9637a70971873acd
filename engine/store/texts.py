"""Texts that may be stored, printed and shown: without control characters."""

from __future__ import annotations

import re

_ESCAPE_SEQUENCES = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # colours, cursor movements
    r"|\x1b[\]P_^X][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links and other strings
    r"|\x1b[ -/]*[0-~]?"
)
_NEW_LINES = re.compile(r"\r\n?")
#: Control characters but for tabs and new lines, and halves of surrogate pairs.
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]|[\ud800-\udfff]")


def plain_text(text: str) -> str:
    """Return a text that every database and every terminal takes.

    Terminal escape sequences and control characters are removed. A lone surrogate, which has no
    encoding, becomes the replacement character. A carriage return becomes a new line.

    Examples
    --------
    >>> plain_text("\\x1b[31mred\\x1b[0m\\x00 text\\r\\n")
    'red text\\n'
    """
    text = _NEW_LINES.sub("\n", _ESCAPE_SEQUENCES.sub("", text))
    return _NOT_TEXT.sub(lambda found: "\ufffd" if found[0] >= "\ud800" else "", text)
