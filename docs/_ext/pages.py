"""The written pages: their blocks of Python and their links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from _ext import sources

#: Folders below ``docs`` that a build fills.
BUILT = ("_build", "gallery", "notebooks", "reference/_generated", "reference/api")

_FENCE = re.compile(r"^(```+)([^\n`]*)\n(.*?)^\1[ ]*$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"(?<!`)\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+(?:\([^()]*\)[^()\s]*)?)\)")
_CAPTION = ":caption: Example that is not run by the tests\n"


def written_pages() -> list[Path]:
    """The Markdown files that people read and write, README and CONTRIBUTING included."""
    built = [sources.DOCS / folder for folder in BUILT]
    inside = (
        page
        for page in sorted(sources.DOCS.rglob("*.md"))
        if not any(page.is_relative_to(folder) for folder in built)
    )
    return [*sorted(sources.ROOT.glob("*.md")), *inside]


def python_blocks(text: str) -> list[str]:
    """The blocks of a page that are run, in order: those fenced as ``python`` and nothing else.

    A block that starts with ``{code-block} python`` is shown and not run; the site says so in its
    caption, see `mark_blocks`.

    Examples
    --------
    >>> python_blocks("```python\\na = 1\\n```\\n```{code-block} python\\nb = 2\\n```\\n")
    ['a = 1\\n']
    """
    found = _FENCE.finditer(text)
    return [match[3] for match in found if match[2].strip() == "python"]


def mark_blocks(text: str) -> str:
    """A page whose blocks that are not run say so, where they have no caption of their own.

    Examples
    --------
    >>> print(mark_blocks("```{code-block} python\\nb = 2\\n```"))
    ```{code-block} python
    :caption: Example that is not run by the tests
    <BLANKLINE>
    b = 2
    ```
    """

    def marked(match: re.Match[str]) -> str:
        if match[2].strip() != "{code-block} python" or ":caption:" in match[3]:
            return match[0]
        options = match[3] if match[3].startswith(":") else f"\n{match[3]}"
        return f"{match[1]}{match[2]}\n{_CAPTION}{options}{match[1]}"

    return _FENCE.sub(marked, text)


def links(text: str) -> list[str]:
    """The targets of a page's Markdown links, code left out.

    Examples
    --------
    >>> links("see [this](a.md#b) and `[x](y)`")
    ['a.md#b']
    """
    plain = re.sub(r"`[^`\n]*`", "", _FENCE.sub("", text))
    return _LINK.findall(plain)


def broken_links(page: Path) -> Iterator[str]:
    """The links of a written page that lead nowhere.

    Relative links must name a file, or a page that a build writes; external ones must be well
    formed. Anchors are checked in the built site, see `_ext.check_links`.
    """
    for target in links(page.read_text(encoding="utf-8")):
        reason = problem_with(target)
        path = unquote(target.partition("#")[0])
        if reason is None and path and not urlsplit(target).scheme:
            place = (page.parent / path).resolve()
            if not place.exists() and not _is_built(place):
                reason = "no such file"
        if reason is not None:
            yield f"{page.relative_to(sources.ROOT)}: {target}: {reason}"


def problem_with(target: str) -> str | None:
    """What is wrong with the form of a link; ``None`` for relative and for well-formed ones.

    Examples
    --------
    >>> problem_with("https://example"), problem_with("https://example.org/a"), problem_with("b.md")
    ('no host', None, None)
    """
    parts = urlsplit(target)
    if not parts.scheme:
        return "starts with two slashes" if parts.netloc else None
    if parts.scheme == "mailto":
        return None if "@" in parts.path else "no address"
    if parts.scheme not in ("http", "https"):
        return f"unknown scheme {parts.scheme}"
    host = parts.hostname or ""
    return None if "." in host or host == "localhost" else "no host"


def _is_built(place: Path) -> bool:
    """Whether a build writes the file."""
    if not place.is_relative_to(sources.DOCS):
        return False
    inside = place.relative_to(sources.DOCS)
    return any(inside.is_relative_to(folder) for folder in BUILT)
