"""The Sphinx extension: generated pages, references in docstrings, formulas."""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

from _ext import api, azureml_tree, catalogue, command_line, mathml, pages, parameters, sources

GENERATED = sources.DOCS / "reference" / "_generated"
API = sources.DOCS / "reference" / "api"
NOTEBOOKS = sources.DOCS / "notebooks"
#: Examples run where they lie, so a copy of them runs: its workspace and files are a build's.
EXAMPLES = sources.DOCS / "_build" / "examples"

_PARAMETER = re.compile(r"^(\*{0,2}\w+(?:, \*{0,2}\w+)*):$")


def write_pages(_: Sphinx) -> None:
    """Write the generated pages, and copy examples and notebooks into the site."""
    _write(
        GENERATED,
        {
            "parameters.md": parameters.render(),
            "estimators.md": catalogue.render_estimators(),
            "scalers.md": catalogue.render_scalers(),
            "commands.md": command_line.render(),
            "azureml.md": azureml_tree.render(),
        },
    )
    _write(API, api.render())
    shutil.rmtree(EXAMPLES, ignore_errors=True)
    shutil.copytree(sources.ROOT / "examples" / "gallery", EXAMPLES)
    notebooks = (sources.ROOT / "examples").glob("*.ipynb")
    _write(NOTEBOOKS, {file.name: _notebook(file) for file in notebooks})


def name_parameters(
    _app: Sphinx, _what: str, _name: str, _object: Any, _options: Any, lines: list[str]
) -> None:
    """Take the colon from a parameter that has no type: numpydoc would print it."""
    lines[:] = [_PARAMETER.sub(r"\1", line) for line in lines]


def resolve_reference(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.Element
) -> nodes.Node | None:
    """Link a name in a docstring to its public page; without one it stays text.

    Names in written pages are not touched: there a reference without a target is a warning.
    """
    page = str(node.get("refdoc", ""))
    if node.get("refdomain") != "py" or not page.startswith("reference/api/"):
        return None
    public = _public_places().get(str(node.get("reftarget")))
    if public is None:
        return content
    domain = env.domains["py"]
    found = domain.resolve_xref(env, page, app.builder, "obj", public, node, content)
    return content if found is None else found


def mark_blocks(_app: Sphinx, _page: str, text: list[str]) -> None:
    """Give blocks of Python that are not run their caption."""
    text[0] = pages.mark_blocks(text[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the extension to Sphinx."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("builder-inited", write_pages, priority=100)
    app.connect("source-read", mark_blocks)
    app.connect("autodoc-process-docstring", name_parameters, priority=100)
    app.connect("missing-reference", resolve_reference)
    app.add_html_math_renderer("mathml", (mathml.visit_inline, None), (mathml.visit_block, None))
    logging.getLogger("sphinx.sphinx.directives.other").addFilter(_is_no_empty_glob)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _is_no_empty_glob(record: logging.LogRecord) -> bool:
    """Whether a warning is another than that a list of pages is empty, which it may be."""
    return getattr(record, "subtype", None) != "empty_glob"


def _notebook(file: Path) -> str:
    """A notebook whose cells are read as IPython, with its magic commands."""
    content = json.loads(file.read_text(encoding="utf-8"))
    content["metadata"].setdefault("language_info", {})["pygments_lexer"] = "ipython3"
    return json.dumps(content)


def _write(folder: Path, files: Mapping[str, str]) -> None:
    """Make ``folder`` hold these files; one whose text is the same keeps its time."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.is_file() and old.name not in files:
            old.unlink()
    for name, text in files.items():
        file = folder / name
        if not file.is_file() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def _public_places() -> dict[str, str]:
    """Where a public object is defined -> its public name, also by its last name alone."""
    places: dict[str, str] = {}
    for package in sources.PACKAGES:
        for name in sources.public_names(package):
            found = sources.public_object(package, name)
            module = getattr(found, "__module__", package)
            places |= {f"{module}.{name}": f"{package}.{name}", name: f"{package}.{name}"}
    return places
