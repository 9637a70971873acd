"""The example's notebook, from top to bottom, on a cluster of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from engine import Workspace

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]

NOTEBOOK = Path(__file__).parents[2] / "examples" / "remote.ipynb"


def text_of(cell):
    parts = []
    for output in cell.get("outputs", []):
        parts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
    return "".join(parts)


def test_it_runs(workspace, monkeypatch):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("anywidget")
    monkeypatch.setenv("ITERATIONS", "3")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells)
    client = nbclient.NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": os.getcwd()}}
    )
    try:
        client.execute()
    finally:
        for name, target in Workspace.from_config().compute_targets.items():
            if name != "local":  # the notebook's last cell ends it, unless one before has failed
                target.delete(force=True)
    said = "\n".join(text_of(cell) for cell in notebook.cells)
    assert "automlcl: ready" in said
    assert "Running on remote compute: automlcl" in said
    assert "StackEnsemble" in said
    assert "IterationRun(iteration=" in said
    widgets = [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "application/vnd.jupyter.widget-view+json" in output.get("data", {})
    ]
    assert len(widgets) == 1
    assert "digits" in workspace.models
    assert set(Workspace.from_config().compute_targets) == {"local"}
