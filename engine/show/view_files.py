"""The script and the style sheet that draw a run in a browser, for report and widget."""

from __future__ import annotations

from importlib.resources import files

#: Parts of the script, in ``run_view``; each uses those before it.
_PARTS = (
    "elements.js",
    "charts.js",
    "cards.js",
    "state.js",
    "iteration_table.js",
    "chart_cards.js",
    "view.js",
    "widget.js",
)


def view_script() -> str:
    """Return the script, an ES module that exports ``initialize``, ``render`` and ``mount``.

    Its parts are joined as they are: the report holds one script and the widget sends one, so that
    neither needs a build or fetches anything.

    Examples
    --------
    >>> view_script().splitlines()[-1]
    'export default { initialize, render, mount };'
    """
    return "\n".join(_text(part) for part in _PARTS)


def view_style() -> str:
    """Return the style sheet.

    Examples
    --------
    >>> ".raysmith" in view_style()
    True
    """
    return _text("style.css")


def _text(name: str) -> str:
    return files("engine.show").joinpath("run_view", name).read_text(encoding="utf-8")
