"""A run as one HTML file that needs nothing else."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

from engine.show.view import RunView, full_state

REPORT_FILE = "report.html"

#: The page may fetch nothing, whatever a run's texts say.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def render_report(state: dict[str, Any]) -> str:
    """The page of a state, see `engine.show.view.full_state`."""
    # Inside a script element only these could end it, or begin a comment.
    data = json.dumps(state, allow_nan=False, default=str).replace("&", r"\u0026")
    data = data.replace("<", r"\u003c").replace(">", r"\u003e")
    title = _escape(f"{state['run']['name']} – raysmith")
    script = view_source("run_view.js").replace("export default", "const view =")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{view_source("run_view.css")}
body {{ margin: 0; }}</style>
</head>
<body>
<main id="run"></main>
<noscript>This report is drawn by the script that it holds: allow scripts to read it.</noscript>
<script id="state" type="application/json">{data}</script>
<script type="module">{script}
view.mount(document.getElementById("run"),
           JSON.parse(document.getElementById("state").textContent));
</script>
</body>
</html>
"""


def write_report(view: RunView, path: str | Path) -> str:
    """Write the report of a run; returns the file's path."""
    file = Path(path)
    if file.is_dir():
        file = file / REPORT_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render_report(full_state(view)), encoding="utf-8")
    return str(file)


def view_source(name: str) -> str:
    """A file of the view, shared by report and widget."""
    return files("engine.show").joinpath(name).read_text(encoding="utf-8")


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
