"""The pages of the API reference: one for each public name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from _ext import sources
from _ext.markdown import table

_OPTIONS = {
    "autoclass": (":members:", ":inherited-members:"),
    "autoexception": (":members:", ":show-inheritance:"),
}


def render() -> dict[str, str]:
    """File name -> page, and ``index.md`` that lists them."""
    pages = {f"{full}.md": _page(full, package) for package, full in _names()}
    return {**pages, "index.md": _index()}


def _index() -> str:
    parts = ["# API", "Every public name of the import packages `engine` and `cluster`."]
    for package in sources.PACKAGES:
        rows = [
            [f"[`{full}`]({full}.md)", _summary(full, package)]
            for owner, full in _names()
            if owner == package
        ]
        parts += [f"## {package}", table(["name", "summary"], rows)]
    toctree = "\n".join(full for _, full in _names())
    parts.append(f"```{{toctree}}\n:hidden:\n\n{toctree}\n```")
    return "\n\n".join(parts) + "\n"


def _page(full: str, package: str) -> str:
    found = sources.public_object(package, full.rpartition(".")[2])
    directive = _directive(found)
    options = [f":value: {found!r}"] if directive == "data" else _OPTIONS.get(directive, ())
    body = "\n".join([f".. {directive}:: {full}", *(f"   {option}" for option in options)])
    return f"# {full}\n\n```{{eval-rst}}\n{body}\n```\n"


def _directive(found: Any) -> str:
    if inspect.isclass(found):
        return "autoexception" if issubclass(found, BaseException) else "autoclass"
    return "autofunction" if callable(found) else "data"


def _summary(full: str, package: str) -> str:
    """The first paragraph of the docstring, or the value of a constant."""
    found = sources.public_object(package, full.rpartition(".")[2])
    if not (inspect.isclass(found) or callable(found)):
        return f"A constant: `{found!r}`."
    paragraph = (inspect.getdoc(found) or "").split("\n\n")[0]
    return " ".join(paragraph.replace("``", "`").split())


def _names() -> Iterator[tuple[str, str]]:
    for package in sources.PACKAGES:
        for name in sources.public_names(package):
            yield package, f"{package}.{name}"
