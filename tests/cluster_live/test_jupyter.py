"""The widget in JupyterLab, in a browser, while a run goes on."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.live.helpers import COUNTING, SLOW, free_port, server, wait_until
from tests.show.browser import open_browser
from tests.show.test_report import keep

pytestmark = [pytest.mark.ray, pytest.mark.timeout(400)]

CELL = """
import logging
from engine import AutoMLConfig, Experiment, RunDetails, Workspace

config = AutoMLConfig(
    "classification", data_script="get_data.py", iterations=400, n_cross_validations=5,
    max_concurrent_iterations=1, enable_early_stopping=False,
)
run = Experiment(Workspace.from_config(), "notebook").submit(config)
RunDetails(run).show()
"""

#: Each iteration is stuck in native code.
STUCK = """
config = AutoMLConfig(
    "classification", data_script="slow.py", iterations=2, n_cross_validations=3,
    allowed_models=["SVM"], enable_voting_ensemble=False, enable_stack_ensemble=False,
)
stuck = Experiment(Workspace.from_config(), "notebook").submit(config)
RunDetails(stuck).show()
"""


def python_with_jupyter():
    """Of an environment beside the tests' own, as many have it; or of the tests' own.

    JupyterLab brings packages that make every process of Ray start a second later.
    """
    beside = Path(sys.prefix) / "jupyter" / "bin" / "python"
    if beside.exists():
        return str(beside)
    return sys.executable if importlib.util.find_spec("jupyterlab") else None


@pytest.fixture
def lab(workspace):
    """JupyterLab on the test's folder; yields its address."""
    python = python_with_jupyter()
    if python is None:
        pytest.skip("no JupyterLab: `make long` makes an environment for it")
    Path("get_data.py").write_text(COUNTING)
    kernel = {"name": "raysmith", "display_name": "raysmith", "language": "python"}
    launch = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    spec = Path("share/kernels/raysmith/kernel.json")
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({**kernel, "argv": launch}))
    Path("slow.py").write_text(SLOW)
    cells = [
        {"cell_type": "code", "id": name, "metadata": {}, "outputs": [],
         "execution_count": None, "source": source}
        for name, source in (("one", CELL), ("two", STUCK))
    ]  # fmt: skip
    notebook = {"cells": cells, "metadata": {"kernelspec": kernel}, "nbformat": 4,
                "nbformat_minor": 5}  # fmt: skip
    Path("notebook.ipynb").write_text(json.dumps(notebook))
    port = free_port()
    command = [python, "-m", "jupyterlab", "--no-browser", "--allow-root",
               "--ip=127.0.0.1", f"--port={port}", "--IdentityProvider.token=",
               "--ServerApp.password=", "--ServerApp.disable_check_xsrf=True"]  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    folders = {"JUPYTER_CONFIG_DIR": "jupyter", "JUPYTER_PATH": "share"}
    folders = {name: str(Path(folder).absolute()) for name, folder in folders.items()}
    with server(command, f"{address}/api/status", "lab.log", **folders):
        start_kernel(address)
        yield address


def start_kernel(address):
    """Start the notebook's kernel before the page is there, which then finds it.

    The page asks for one when it is slow to come and starts another: what the first was given is
    lost.
    """
    session = {"path": "notebook.ipynb", "name": "notebook.ipynb", "type": "notebook",
               "kernel": {"name": "raysmith"}}  # fmt: skip
    request = urllib.request.Request(
        f"{address}/api/sessions", json.dumps(session).encode(),
        {"Content-Type": "application/json"},
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=90) as answer:
        assert json.load(answer)["kernel"]["name"] == "raysmith"


def is_new(cell):
    """Whether a cell's prompt says that it was never executed."""
    return cell.locator(".jp-InputPrompt").inner_text().strip() == "[ ]:"


def execute(page, number):
    """Run a cell, which shows a widget."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").nth(number)
    cell.wait_for(timeout=90_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for(timeout=90_000)
    # The page may draw the cell anew after the click, and the key goes nowhere.
    for _ in range(6):
        cell.locator(".jp-InputArea-editor").click()
        page.keyboard.press("Control+Enter")
        with contextlib.suppress(AssertionError):
            wait_until(lambda: not is_new(cell), 10)
            break
    cell.locator(".raysmith").wait_for(timeout=120_000)


@contextlib.contextmanager
def told_with_its_page(page):
    """Add to an error what the page shows, and what server and kernel have said."""
    try:
        yield
    except Exception as failure:
        said = Path("lab.log").read_text()[-6000:]
        keep(page, "jupyter-failed")
        shown = page.locator(".jp-Notebook").all_inner_texts()
        raise AssertionError("\n\n".join([str(failure), *shown, said])) from failure


@pytest.mark.long
def test_the_widget_lives(lab):
    with open_browser() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        with told_with_its_page(page):
            page.goto(f"{lab}/lab/tree/notebook.ipynb")
            see_and_cancel_a_run(page)
            see_and_cancel_an_iteration(page)


def see_and_cancel_a_run(page):
    execute(page, 0)
    rows = page.locator(".raysmith tr.row")
    rows.nth(2).wait_for(timeout=120_000)
    first = rows.count()
    wait_until(lambda: rows.count() > first, 60)  # they appear while the run goes on
    page.locator(".raysmith tr[data-iteration='0']").click()
    log = page.locator(".raysmith .details pre.log")
    wait_until(lambda: "iteration 0" in log.inner_text(), 60)
    chart = page.locator(".raysmith .chart svg")
    assert chart.get_attribute("aria-label").startswith("accuracy")
    page.locator(".raysmith .chart select").select_option("log_loss")
    wait_until(lambda: chart.get_attribute("aria-label").startswith("log_loss"), 60)
    keep(page, "jupyter-widget")
    cancel = page.locator(".raysmith [data-key='cancel-run']")
    cancel.click()
    cancel.click()
    status = page.locator(".raysmith [role='status']")
    wait_until(lambda: status.inner_text().startswith("Canceled"), 60)
    assert page.locator(".raysmith [data-key='cancel-run']").count() == 0


def see_and_cancel_an_iteration(page):
    execute(page, 1)
    second = page.locator(".raysmith").nth(1)
    row = second.locator("tr[data-iteration='0']")
    row.wait_for(timeout=120_000)
    row.click()
    button = second.locator("[data-key='cancel-iteration']")
    button.click()
    keep(page, "jupyter-cancel")
    button.click()
    wait_until(lambda: "Canceled" in row.inner_text(), 60)
    second.locator("tr[data-iteration='1']").wait_for(timeout=60_000)
    cancel = second.locator("[data-key='cancel-run']")
    cancel.click()
    cancel.click()
    status = second.locator("[role='status']")
    wait_until(lambda: status.inner_text().startswith("Canceled"), 60)
