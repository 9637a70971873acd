"""The README's Python blocks run, one after the other, as a reader would run them."""

from __future__ import annotations

import re
from pathlib import Path

import mlflow
import pytest

README = Path(__file__).parents[2] / "README.md"


@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster", "workspace")
def test_the_python_blocks(capsys):
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), flags=re.DOTALL)
    assert len(blocks) >= 4
    before = mlflow.get_tracking_uri()
    names: dict[str, object] = {}
    try:
        for block in blocks:
            exec(compile(block, "README.md", "exec"), names)
    finally:
        mlflow.set_tracking_uri(before)
    out = capsys.readouterr().out
    assert "ITERATION   PIPELINE" in out
    assert "Completed" in out
    assert names["model"].predict(names["best_run"].get_metrics() and [[0.0] * 10]).shape == (1,)
