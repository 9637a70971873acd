"""The written pages: their links lead somewhere and their Python is Python."""

from __future__ import annotations

import ast
import doctest
import re
import runpy

import pytest
from _ext import check_links, markdown, pages, sources

PAGES = [
    pytest.param(page, id=str(page.relative_to(sources.ROOT))) for page in pages.written_pages()
]


@pytest.mark.parametrize("page", PAGES)
def test_links_of_a_page_lead_somewhere(page):
    assert list(pages.broken_links(page)) == []


@pytest.mark.parametrize("page", PAGES)
def test_python_of_a_page_is_python(page):
    text = page.read_text(encoding="utf-8")
    shown = re.findall(r"^```\{code-block\} python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    without_options = [re.sub(r"\A(?::.*\n)+", "", block) for block in shown]
    for block in (*pages.python_blocks(text), *without_options):
        ast.parse(block)


@pytest.mark.parametrize("page", PAGES)
def test_python_that_is_not_run_is_marked(page):
    if page.is_relative_to(sources.DOCS):
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"^```(py|python3|ipython)\b(?!thon$)", text, re.MULTILINE)


def test_a_broken_link_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "ROOT", tmp_path)
    page = tmp_path / "page.md"
    (tmp_path / "there.md").write_text("")
    page.write_text("[a](there.md#x) [b](gone.md) [c](https://nohost) [d](https://example.org)")
    assert list(pages.broken_links(page)) == [
        "page.md: gone.md: no such file",
        "page.md: https://nohost: no host",
    ]


def test_pages_of_a_build_may_be_linked(tmp_path):
    page = sources.DOCS / "reference" / "automlconfig.md"
    assert "api/engine.AutoMLConfig.md" in pages.links(page.read_text(encoding="utf-8"))
    assert list(pages.broken_links(page)) == []


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="other.html#here">x</a>', None),
        ('<a href="other.html#gone">x</a>', "other.html#gone: no such anchor"),
        ('<a href="missing.html">x</a>', "missing.html: no such file"),
        ('<a href="#mine">x</a><p id="mine">', None),
        ('<a href="https://example.org/a">x</a>', None),
        ('<a href="https://nohost/a">x</a>', "https://nohost/a: no host"),
        ('<script src="https://example.org/a.js"></script>', "is fetched from another host"),
        ('<img src="data:image/png;base64,AAAA">', None),
    ],
)
def test_links_of_a_built_site(tmp_path, body, problem):
    (tmp_path / "page.html").write_text(body)
    (tmp_path / "other.html").write_text('<p id="here">')
    found = list(check_links.broken(tmp_path))
    assert (found == []) if problem is None else (len(found) == 1 and problem in found[0])


@pytest.mark.parametrize("module", [markdown, pages])
def test_examples_of_the_extension(module):
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_the_settings_of_the_site_load_without_sphinx():
    settings = runpy.run_path(str(sources.DOCS / "conf.py"))
    assert settings["extensions"][0] == "_ext.site"
    assert settings["html_math_renderer"] == "mathml"
    assert not any("intersphinx" in name for name in settings["extensions"])


def test_each_example_of_the_gallery_has_a_title_and_a_picture():
    examples = sorted((sources.ROOT / "examples" / "gallery").glob("*.py"))
    assert len(examples) >= 7
    for example in examples:
        assert example.name.startswith("plot_")
        text = example.read_text(encoding="utf-8")
        title, line = ast.get_docstring(ast.parse(text)).splitlines()[:2]
        assert {*line} == {"="}
        assert len(line) == len(title), example.name
        assert "plt.subplots(" in text
