"""A run as one HTML file, which needs no other file and no network."""

from __future__ import annotations

import json
from pathlib import Path

from engine.show.view import MOST_LOGS, RunView, ViewState, full_state
from engine.show.view_files import view_script, view_style

REPORT_FILE = "report.html"

#: The page fetches nothing, whatever the texts of a run hold.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'"
)


def render_report(state: ViewState) -> str:
    """Return the HTML page of a state from `engine.show.view.full_state`."""
    # Only these characters could end the script element, or begin a comment in it.
    data = json.dumps(state, allow_nan=False, default=str, ensure_ascii=False)
    data = data.encode(errors="replace").decode().replace("&", r"\u0026")
    data = data.replace("<", r"\u003c").replace(">", r"\u003e")
    title = _escape(f"{state['run']['name']} – raysmith")
    script = view_script().replace("export default", "const view =")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{view_style()}
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


def write_report(view: RunView, path: str | Path, logs: int | None = MOST_LOGS) -> str:
    """Write the report of a run; return the file's path.

    Parameters
    ----------
    path:
        Name of the file, or a folder for ``report.html``.
    logs:
        Number of iterations with their logs, failed ones first, then the best; ``None``: all.
    """
    file = Path(path)
    if file.is_dir():
        file = file / REPORT_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render_report(full_state(view, logs)), encoding="utf-8")
    return str(file)


def _escape(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
