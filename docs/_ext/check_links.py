"""Check the links of a built site without a network: ``python -m _ext.check_links FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from _ext.pages import problem_with

_ATTRIBUTES = {"a": "href", "link": "href", "img": "src", "script": "src", "iframe": "src"}
#: What a browser would fetch by itself from another host.
_FETCHED = ("img", "script", "iframe", "link")


class _Page(HTMLParser):
    """Collects the links and the anchors of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[tuple[str, str]] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.anchors.update(v for k in ("id", "name") if (v := values.get(k)) is not None)
        target = values.get(_ATTRIBUTES.get(tag, ""))
        if target:
            self.links.append((tag, target))


@cache
def _read(file: Path) -> _Page:
    page = _Page()
    page.feed(file.read_text(encoding="utf-8"))
    return page


def broken(site: Path) -> Iterator[str]:
    """One line for each link that leads nowhere, and for each file fetched from elsewhere.

    Parameters
    ----------
    site:
        The folder of the built pages.
    """
    site = site.resolve()
    for file in sorted(site.rglob("*.html")):
        if file.is_relative_to(site / "_static"):  # templates of the theme
            continue
        for tag, target in dict.fromkeys(_read(file).links):
            reason = _reason(site, file, tag, target)
            if reason is not None:
                yield f"{file.relative_to(site)}: {target}: {reason}"


def _reason(site: Path, file: Path, tag: str, target: str) -> str | None:
    parts = urlsplit(target)
    if parts.scheme == "data":
        return None
    if parts.scheme or parts.netloc:
        is_fetched = tag in _FETCHED
        return "is fetched from another host" if is_fetched else problem_with(target)
    place = (file.parent / unquote(parts.path)).resolve() if parts.path else file
    if place.is_dir():
        place /= "index.html"
    if not place.is_file() or not place.is_relative_to(site):
        return "no such file"
    anchor = unquote(parts.fragment)
    if anchor and place.suffix == ".html" and anchor not in _read(place).anchors:
        return "no such anchor"
    return None


def main() -> int:
    """Print what is broken; 1 if there is anything."""
    problems = list(broken(Path(sys.argv[1])))
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"{len(problems)} broken links")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
