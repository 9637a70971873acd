"""The report in a browser, opened from disk with the network off."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest

from engine.data.check import check_data
from engine.data.description import describe_data
from engine.evaluation.diagnostics import quality_of
from engine.show.report import render_report
from engine.show.view_files import view_script
from tests.show.browser import open_browser

EVIL = (
    "<img src=x onerror=\"document.title='pwned'\"></script><script>document.title='pwned'</script>"
)


def state(task="classification", name="A run"):
    generator = np.random.default_rng(0)
    metric = "accuracy" if task == "classification" else "r2_score"
    X = generator.normal(size=(300, 3))
    y = (X[:, 0] > 0).astype(int) if task == "classification" else X[:, 0] * 3
    dataset = check_data({"X": X, "y": y, "feature_names": ["a", EVIL, "c" * 80]}, task)
    predictions = X[:, 0] * 3 + generator.normal(size=300)
    if task == "classification":
        second = 1 / (1 + np.exp(-predictions))
        predictions = np.column_stack([1 - second, second])
    iterations = [
        {
            "iteration": n,
            "pipeline": f"StandardScalerWrapper {EVIL if n == 1 else 'LightGBM'}",
            "status": status,
            "reason": EVIL if status == "Failed" else "",
            "seconds": 1.5 * n,
            "started": 1.7e9,
            "ended": 1.7e9 + n,
            "node": "10.0.0.1",
            "metrics": {metric: 0.5 + n / 20, "log_loss": 1 / (n + 1)}
            if status == "Completed"
            else {},
            "properties": {"cores": "1", "node_id": "abc"},
            "parameters": {"num_leaves": str(n)},
            "retries": [],
            "folds": [0.1, 0.2],
        }
        for n, status in enumerate(["Completed", "Failed", "Completed", "Pruned", "Completed"])
    ]  # fmt: skip
    return {
        "run": {
            "id": "1", "name": name, "experiment": "digits", "status": "Completed", "task": task,
            "metric": metric, "target": "local", "started": 1.7e9, "ended": 1.7e9 + 60,
            "error": "", "notes": [EVIL], "url": "javascript:document.title='pwned'",
        },
        "metrics": {metric: True, "log_loss": False},
        "best": 4,
        "iterations": iterations,
        "logs": {str(n): f"log of {n} {EVIL}" for n in range(5)},
        "explanation": {
            "iteration": 4, "source": "X_valid", "rows_explained": 10, "rows_given": 10,
            "groups": [
                {"label": "all", "names": [EVIL, "a"], "values": [0.5, 0.1]},
                {"label": EVIL, "names": ["a", EVIL], "values": [0.7, 0.2]},
            ],
        },
        "quality": quality_of(dataset, predictions),
        "data": describe_data(dataset),
        "settings": {"iterations": "5"},
        "versions": {"python": "3"},
        "snippet": "model.predict(X)",
    }  # fmt: skip


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def opened(browser, tmp_path):
    """Opens a state's report; fails the test for what the page complains of or asks for."""
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    complaints, requests = [], []

    def open_page(content, **changes):
        file = tmp_path / "report.html"
        file.write_text(render_report(content))
        page = context.new_page()
        if "width" in changes:
            page.set_viewport_size({"width": changes["width"], "height": 900})
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(file.as_uri())
        return page

    yield open_page
    context.close()
    assert complaints == []
    assert all(url.startswith("file://") for url in requests)
    assert len(set(requests)) == 1


def keep(page, name):
    """A picture for a person to look at."""
    folder = Path(__file__).parents[2] / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_everything_is_there(opened, task):
    page = opened(state(task))
    assert page.title() == "A run – raysmith"
    assert page.locator("tr.row").count() == 5
    assert page.locator("tr.best").get_attribute("data-iteration") == "4"
    for heading in ("Iterations", "Data", "Settings", "Versions", "Load the model"):
        assert page.get_by_role("heading", name=heading, exact=True).count() == 1
    cards = page.locator(".card h3").all_inner_texts()
    expected = (
        ["Confusion matrix", "ROC curves", "Precision and recall", "Calibration"]
        if task == "classification"
        else ["Predicted and true values", "Residuals"]
    )
    assert set(expected) <= set(cards)
    page.locator("tr[data-iteration='4']").click()
    keep(page, f"report-{task}")


def test_a_row_shows_parameters_scores_and_log(opened):
    page = opened(state())
    assert page.locator(".details").count() == 0
    page.locator("tr[data-iteration='2']").click()
    details = page.locator(".details")
    assert "log of 2" in details.locator("pre").inner_text()
    assert "num_leaves" in details.inner_text()
    assert "accuracy by fold: 0.1, 0.2" in details.inner_text()
    page.locator("tr[data-iteration='2']").click()
    assert page.locator(".details").count() == 0


def test_the_keyboard_is_enough(opened):
    page = opened(state())
    page.locator("tr[data-iteration='0']").focus()
    page.keyboard.press("Enter")
    assert "log of 0" in page.locator(".details pre").inner_text()
    assert page.evaluate("document.activeElement.dataset.iteration") == "0"
    page.keyboard.press(" ")
    assert page.locator(".details").count() == 0


def test_the_drop_down_changes_the_chart(opened):
    page = opened(state())
    chart = page.locator(".chart")
    before = chart.locator("svg").get_attribute("aria-label")
    chart.locator("select").select_option("log_loss")
    after = page.locator(".chart svg").get_attribute("aria-label")
    assert before.startswith("accuracy")
    assert after == "log_loss of each iteration, and the best so far: 0.2"
    assert page.locator(".chart circle").count() == 3


def test_importance_by_class(opened):
    page = opened(state())
    first = page.locator(".importance svg").get_attribute("aria-label")
    page.locator(".importance select").select_option("1")
    assert page.locator(".importance svg").get_attribute("aria-label") != first


def test_nothing_of_the_data_runs(opened):
    page = opened(state(name=EVIL))
    for number in range(5):
        page.locator(f"tr[data-iteration='{number}']").click()
    page.locator(".importance select").select_option("1")
    page.wait_for_timeout(200)
    assert "pwned" not in page.title().replace(EVIL, "")
    assert page.locator("img").count() == 0
    assert page.locator("main script").count() == 0
    assert page.locator("a").first.get_attribute("href") == "#"


@pytest.mark.parametrize("width", [360, 768])
def test_narrow_screens_do_not_scroll_sideways(opened, width):
    page = opened(state(), width=width)
    page.locator("tr[data-iteration='0']").click()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    keep(page, f"report-{width}")


def test_dark_theme_is_readable(opened):
    page = opened(state())
    page.emulate_media(color_scheme="dark")
    colours = page.evaluate(
        "(() => { const s = getComputedStyle(document.querySelector('.raysmith'));"
        " return [s.color, s.backgroundColor]; })()"
    )
    ink, back = (sum(int(v) for v in c[4:-1].split(",")) for c in colours)
    assert ink - back > 500
    keep(page, "report-dark")


def test_a_run_without_anything_yet(opened):
    content = copy.deepcopy(state())
    content |= {"iterations": [], "best": None, "explanation": None, "quality": None, "data": None}
    page = opened(content)
    assert "No iteration has completed yet" in page.locator(".chart").inner_text()


def test_a_second_press_is_asked_for_whatever_is_drawn_between(browser):
    """The widget as a notebook draws it, with new states coming in."""
    now = state()
    now["run"]["status"] = now["iterations"][1]["status"] = "Running"
    page = browser.new_page()
    page.set_content("<main id='run'></main>")
    script = view_script().replace("export default", "window.view =")
    page.add_script_tag(content=script, type="module")
    page.wait_for_function("window.view")
    page.evaluate(
        """(state) => {
            window.sent = [];
            window.state = state;
            const actions = { choose: () => {}, cancel: (n) => window.sent.push(n) };
            window.shown = window.view.mount(document.getElementById("run"), state, actions);
        }""",
        now,
    )
    page.locator("tr[data-iteration='1']").click()
    for key, sent in (("cancel-iteration", [1]), ("cancel-run", [1, None])):
        button = page.locator(f"[data-key='{key}']")
        button.click()
        page.evaluate("window.shown.update(window.state)")
        assert "sure?" in button.inner_text()
        button.click()
        page.evaluate("window.shown.update(window.state)")
        assert button.inner_text() == "Canceling…"
        button.click()
        assert page.evaluate("window.sent") == sent
    page.close()
