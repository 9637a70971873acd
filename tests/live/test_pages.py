"""The Python of README and of the documentation's pages runs, as a reader would run it.

The blocks of a page run one after the other, in an empty folder. Those that are not run begin with
``{code-block} python``, see `_ext.pages.python_blocks`.
"""

from __future__ import annotations

import pytest
from _ext import pages, sources

from engine import Workspace
from tests.conftest import mlflow_uri

RUN = {
    str(page.relative_to(sources.ROOT)): blocks
    for page in pages.written_pages()
    if (blocks := pages.python_blocks(page.read_text(encoding="utf-8")))
}


@pytest.mark.ray
@pytest.mark.usefixtures("ray_cluster")
@pytest.mark.parametrize("page", RUN)
def test_the_python_of_a_page(page: str, workspace: Workspace, capsys: pytest.CaptureFixture[str]):
    names: dict[str, object] = {"__name__": "__main__"}
    with mlflow_uri(None):
        for number, block in enumerate(RUN[page], 1):
            exec(compile(block, f"{page}, block {number}", "exec"), names)
    for experiment in workspace.experiments.values():
        for run in experiment.get_runs():
            run.wait_for_completion(timeout_seconds=120)
            assert run.get_status() in ("Completed", "Canceled")
    if page == "README.md":
        assert "ITERATION   PIPELINE" in capsys.readouterr().out
        assert names["run"].get_status() == "Completed"
        assert names["model"].predict(names["new"]).shape == (len(names["new"]),)


def test_readme_is_among_them():
    assert "README.md" in RUN
    assert "docs/index.md" in RUN
