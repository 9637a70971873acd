"""`RunDetails` outside a notebook, and the widget without a browser."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from engine import ConfigException, RunDetails
from engine.show import widget
from engine.store.driver_identity import DriverIdentity
from engine.store.status import RunStatus
from tests.client.recorded import BEST, record_run


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_only_runs_are_shown(run):
    with pytest.raises(ConfigException, match="expected an AutoMLRun"):
        RunDetails("a run")
    assert repr(RunDetails(run)) == f"RunDetails({run!r})"


@pytest.mark.parametrize("has_browser", [True, False])
def test_the_report_is_opened_in_the_browser(run, monkeypatch, capsys, has_browser):
    opened = []

    def open_page(uri):
        opened.append(uri)
        return has_browser

    monkeypatch.setattr(widget.webbrowser, "open", open_page)
    path = RunDetails(run).show()
    assert opened == [Path(path).as_uri()]
    assert "PCA DecisionTree" in Path(path).read_text()
    expected = "" if has_browser else f"The report of run {run.id}: {path}\n"
    assert capsys.readouterr().out == expected


def test_a_run_that_has_ended_is_drawn_once(run):
    shown = RunDetails(run).get_widget()
    state = json.loads(shown.state)
    assert (state["run"]["status"], state["best"]) == ("Completed", BEST)
    assert state["logs"][str(BEST)] == f"log of {BEST}\n"
    assert "snippet" in state


def test_a_run_is_followed_until_its_end(experiment, monkeypatch):
    monkeypatch.setattr(widget, "_LOOK_SECONDS", 0.05)
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    shown = RunDetails(run).get_widget()
    state = json.loads(shown.state)
    assert (state["run"]["status"], state["logs"]) == ("Running", {})

    shown.chosen = 1
    wait_until(lambda: json.loads(shown.state)["logs"] == {"1": "log of 1\n"})
    shown._handle_custom_msg({"cancel": 9}, [])
    shown._handle_custom_msg({"cancel": 0}, [])  # it has ended already
    shown._handle_custom_msg({"cancel": None}, [])
    requests = run.store.run(run.id).requests
    assert (requests.cancel, requests.cancel_iterations) == (True, {9})

    run.store.set_status(run.id, RunStatus.CANCELED)
    wait_until(lambda: "snippet" in json.loads(shown.state))
    assert json.loads(shown.state)["run"]["status"] == "Canceled"
