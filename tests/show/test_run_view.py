"""The widget's changes in a browser: it ends with what it would have drawn from the whole."""

from __future__ import annotations

import copy
import random

import pytest

from engine.show.live_state import changes_of, merged
from engine.show.view_files import view_script
from tests.show.browser import open_browser
from tests.show.test_report import state

#: A widget's model as a notebook gives it to the script; ``sent`` is what the kernel would get.
MODEL = """(state) => {
    const listeners = {};
    window.sent = [];
    window.values = { state, chosen: null };
    const model = {
        get: (name) => window.values[name],
        set: (name, value) => { window.values[name] = value; },
        save_changes: () => {},
        on: (name, call) => { listeners[name] = call; },
        off: (name) => { delete listeners[name]; },
        send: (content) => window.sent.push(content),
    };
    window.receive = (content) => listeners["msg:custom"]?.(content);
    window.stop = window.view.default.initialize({ model });
    window.remove = window.view.default.render({ model, el: document.getElementById("run") });
}"""
#: Numbers of the elements that change while a call is made.
CHANGED = """(content) => {
    const seen = new MutationObserver(() => {});
    seen.observe(document.getElementById("run"), { childList: true, subtree: true });
    window.receive(content);
    return seen.takeRecords().reduce((n, r) => n + r.addedNodes.length + r.removedNodes.length, 0);
}"""
TABLE = "document.querySelector('tbody').innerHTML"


@pytest.fixture(scope="module")
def browser():
    with open_browser() as browser:
        yield browser


@pytest.fixture
def open_widget(browser):
    """Opens a widget of a state."""
    pages, complaints = [], []

    def open_page(whole):
        page = browser.new_page()
        pages.append(page)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.set_content("<main id='run'></main><main id='whole'></main>")
        script = view_script().replace("export default", "window.view = { default:")
        page.add_script_tag(content=script.rstrip().rstrip(";") + " };", type="module")
        page.wait_for_function("window.view")
        page.evaluate(MODEL, whole)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


def running():
    now = state()
    now["run"] |= {"status": "Running", "ended": None}
    del now["quality"], now["data"], now["settings"], now["versions"], now["snippet"]
    now["explanation"], now["logs"], now["revision"] = None, {}, 0
    for number, one in enumerate(now["iterations"]):
        one["iteration"] = number
    return now


def later(now, rng):
    """The state after something has happened."""
    now = copy.deepcopy(now)
    iterations = now["iterations"]
    going = [one for one in iterations if one["ended"] is None]
    if going and rng.random() < 0.5:
        one = rng.choice(going)
        one |= {"status": "Completed", "ended": 1.7e9 + 100 + rng.random(),
                "metrics": {"accuracy": rng.random(), "log_loss": 0.5}}  # fmt: skip
    else:
        fresh = {"iteration": len(iterations), "status": "Running", "ended": None, "metrics": {}}
        iterations.append({**copy.deepcopy(iterations[0]), **fresh})
    for one in iterations:
        if one["ended"] is None:
            one["seconds"] += 1.0
    scores = {one["iteration"]: one["metrics"].get("accuracy", -1) for one in iterations}
    now["best"] = max(scores, key=scores.get)
    if rng.random() < 0.2:
        now["run"]["notes"] = [str(rng.random())]
    return now


@pytest.mark.parametrize("seed", [0, 1])
def test_changes_draw_what_the_whole_would(open_widget, seed):
    now, rng = running(), random.Random(seed)
    page = open_widget(now)
    page.locator("tr[data-iteration='2']").click()
    for revision in range(1, 31):
        after = later(now, rng)
        changes = {"revision": revision, **changes_of(now, after)}
        page.evaluate("(content) => window.receive(content)", {"changes": changes})
        now = merged(now, changes) | {"revision": revision}
    assert page.evaluate("window.values.state") == now
    drawn = page.evaluate(TABLE)
    chart = page.evaluate("document.querySelector('.chart svg').outerHTML")
    head = page.locator("[data-part='head']").inner_text()
    fresh = open_widget(now)
    fresh.locator("tr[data-iteration='2']").click()
    assert fresh.evaluate(TABLE) == drawn
    assert fresh.evaluate("document.querySelector('.chart svg').outerHTML") == chart
    assert (
        fresh.locator("[data-part='head']").inner_text().split("time")[0] == (head.split("time")[0])
    )


def test_two_thousand_rows_are_not_drawn_again_for_one(open_widget):
    now = running()
    first = now["iterations"][0]
    now["iterations"] = [
        {**first, "iteration": n, "ended": 1.7e9 + n, "metrics": {"accuracy": 0.5 + n / 1e5}}
        for n in range(2000)
    ]
    page = open_widget(now)
    assert page.locator("tr.row").count() == 2000
    assert page.evaluate("document.querySelectorAll('.chart svg *').length") < 100
    fresh = {**first, "iteration": 2000, "status": "Running", "ended": None, "metrics": {}}
    changed = page.evaluate(CHANGED, {"changes": {"revision": 1, "iterations": [fresh]}})
    assert page.locator("tr.row").count() == 2001
    assert changed < 100
    seconds = {"revision": 2, "iterations": [{"iteration": 2000, "seconds": 77.0}]}
    assert page.evaluate(CHANGED, {"changes": seconds}) < 50
    assert "0:01:17" in page.locator("tr[data-iteration='2000']").inner_text()


def test_a_widget_that_missed_changes_asks_for_the_whole(open_widget):
    now = running()
    page = open_widget(now)
    assert page.evaluate("window.sent") == [{"views": 1, "seen": 0}]
    page.evaluate("(c) => window.receive(c)", {"changes": {"revision": 3, "best": 0}})
    assert page.evaluate("window.sent")[-1] == {"seen": 0}
    assert page.evaluate("window.values.state.best") == 4
    whole = {**now, "revision": 3, "best": 0}
    page.evaluate("(c) => window.receive(c)", {"state": whole})
    assert page.locator("tr.best").get_attribute("data-iteration") == "0"
    for late in ({"state": {**now, "revision": 2}}, {"changes": {"revision": 3, "best": 2}}):
        page.evaluate("(c) => window.receive(c)", late)
    assert page.evaluate("window.values.state") == whole


def test_a_view_that_goes_says_so(open_widget):
    page = open_widget(running())
    page.evaluate("window.remove()")
    assert page.evaluate("window.sent")[-1] == {"views": -1}


def test_an_open_list_of_metrics_stays(open_widget):
    page = open_widget(running())
    select = page.locator(".chart select")
    select.focus()
    page.evaluate("document.querySelector('.chart select').mark = 7")
    fresh = {"iteration": 0, "metrics": {"accuracy": 0.1, "log_loss": 0.2}}
    page.evaluate("(c) => window.receive(c)", {"changes": {"revision": 1, "iterations": [fresh]}})
    assert page.evaluate("document.querySelector('.chart select').mark") == 7
    assert page.evaluate("document.activeElement.dataset.key") == "metric"
