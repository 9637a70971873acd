"""What report and widget of a run take, in a browser too where there is one."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

from measurement import Row

from engine import AutoMLRun
from engine.show.live_state import LiveState


def shown(run: AutoMLRun) -> list[Row]:
    began = time.perf_counter()
    report = Path(run.report("report.html"))
    seconds = time.perf_counter() - began
    live = LiveState(run.view())
    began, cpu = time.perf_counter(), time.process_time()
    live.look()
    look, look_cpu = time.perf_counter() - began, time.process_time() - cpu
    return [
        Row("report: written in", seconds, "s"),
        Row("report: size", report.stat().st_size / 1e6, "MB", 5.0),
        Row("widget: a look at the store", look, "s", 0.1),
        Row("widget: CPU time of a look", look_cpu, "s", 0.1),
        Row("widget: state when it is opened", len(json.dumps(live.whole())) / 1e6, "MB"),
        *_in_browser(report),
    ]


def _in_browser(report: Path) -> list[Row]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        print("no Chromium with playwright: the report is not opened")
        return []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page()
        began = time.perf_counter()
        page.goto(report.absolute().as_uri())
        page.locator("tr.row").first.click()
        page.locator(".details").wait_for()
        opened = time.perf_counter() - began
        began = time.perf_counter()
        page.locator("tr.row").nth(1).click()
        page.locator("tr.row.chosen[data-iteration]").wait_for()
        clicked = time.perf_counter() - began
        browser.close()
    return [
        Row("report: opened, and a row chosen", opened, "s", 2.0),
        Row("report: the next row chosen", clicked, "s", 0.5),
    ]
