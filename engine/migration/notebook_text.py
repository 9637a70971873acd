"""Notebooks as text: where their cells of code are, and how to change them in place.

The rest of the file keeps its bytes: outputs, metadata, indentation, the order of keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from engine.errors import AutoMLError

_SPACE = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


class NotANotebook(AutoMLError, ValueError):
    """A file that is no notebook of Python code in a format that can be rewritten."""


@dataclass(frozen=True)
class CodeCell:
    """A cell of code.

    Attributes
    ----------
    number:
        Its number among all cells, from 1 on.
    source:
        Its text.
    start, end:
        Where the file's text holds the source, as JSON.
    """

    number: int
    source: str
    start: int
    end: int


def code_cells(text: str) -> list[CodeCell]:
    """Find the cells of code in a notebook's text.

    Raises
    ------
    NotANotebook
        When the text is not JSON, not a notebook, of another language, or of a format before 3.

    Examples
    --------
    >>> cell = '{"cell_type": "code", "source": ["a\\\\n", "b"]}'
    >>> code_cells('{"nbformat": 4, "cells": [' + cell + "]}")[0].source
    'a\\nb'
    """
    from nbformat import reader

    try:
        notebook = reader.parse_json(text)
        version = reader.get_version(notebook)
    except (reader.NotJSONError, RecursionError) as error:
        raise NotANotebook(f"no notebook: {str(error).splitlines()[0][:200]}") from None
    except (AttributeError, TypeError) as error:
        raise NotANotebook(f"no notebook: a JSON file of another kind ({error})") from None
    _check(notebook, version[0])
    try:
        return list(_cells(text))
    except (ValueError, IndexError, RecursionError) as error:
        raise NotANotebook(f"no notebook: {error}") from None


def replaced(text: str, new: Mapping[CodeCell, str]) -> str:
    """Return a notebook's text with other sources in some cells."""
    for cell in sorted(new, key=lambda cell: -cell.start):
        written = _as_json(text[cell.start : cell.end], new[cell], text)
        text = text[: cell.start] + written + text[cell.end :]
    return text


def _check(notebook: Mapping[str, Any], version: int) -> None:
    if version not in (3, 4):
        raise NotANotebook(
            f"a notebook of format {version}; open and save it in Jupyter, then migrate it"
        )
    metadata = notebook.get("metadata") or {}
    kernel, info = metadata.get("kernelspec") or {}, metadata.get("language_info") or {}
    language = kernel.get("language") or info.get("name")
    if language and "python" not in str(language).lower():
        raise NotANotebook(f"a notebook of {language}, not of Python")


def _cells(text: str) -> Iterator[CodeCell]:
    number = 0
    for name, start, _ in _entries(text, _skip(text, 0)):
        if name == "cells":
            lists = [start]
        elif name == "worksheets":
            lists = [
                at
                for sheet in _items(text, start)
                for key, at, _ in _entries(text, sheet)
                if key == "cells"
            ]
        else:
            continue
        for place in lists:
            for item in _items(text, place):
                number += 1
                found = {key: (at, end) for key, at, end in _entries(text, item)}
                if _value(text, found.get("cell_type")) == "code":
                    yield from _code_cell(text, found, number)


def _code_cell(text: str, found: Mapping[str, tuple[int, int]], number: int) -> Iterator[CodeCell]:
    place = found.get("source") or found.get("input")
    if place is None or _value(text, found.get("language")) not in (None, "python"):
        return
    source = _value(text, place)
    if isinstance(source, list):
        source = "".join(str(line) for line in source)
    if isinstance(source, str):
        yield CodeCell(number, source, *place)


def _value(text: str, place: tuple[int, int] | None) -> Any:
    return None if place is None else _decode(text, place[0])[0]


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    assert match is not None
    return match.end()


def _entries(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Yield the keys of an object, each with the place of its value."""
    if text[at] != "{":
        raise ValueError("an object was expected")
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, at = _decode(text, at)
        start = _skip(text, _skip(text, at) + 1)
        _, end = _decode(text, start)
        yield str(key), start, end
        at = _next(text, end)


def _items(text: str, at: int) -> Iterator[int]:
    """Yield the places of the items of a list."""
    if text[at] != "[":
        raise ValueError("a list was expected")
    at = _skip(text, at + 1)
    while text[at] != "]":
        yield at
        at = _next(text, _decode(text, at)[1])


def _next(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _as_json(old: str, new: str, whole: str) -> str:
    """Write a source as the notebook's other sources are written."""
    is_ascii = whole.isascii()
    if not old.startswith("["):
        return json.dumps(new, ensure_ascii=is_ascii)
    lines = (
        new.splitlines(keepends=True) if "\r" not in new else re.findall(r"[^\n]*\n|[^\n]+", new)
    )
    before = re.match(r"\[([ \t\r\n]*)", old)
    between = before[1] if before and old.strip("[] \t\r\n") else "\n"
    after = re.search(r"([ \t\r\n]*)\]$", old)
    closing = after[1] if after else ""
    items = f",{between or ' '}".join(json.dumps(line, ensure_ascii=is_ascii) for line in lines)
    return f"[{between}{items}{closing}]"
