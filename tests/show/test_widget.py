"""`RunDetails` outside a notebook, and the widget without a browser."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from engine import ConfigException, RunDetails
from engine.show import widget
from engine.show.live_state import merged
from engine.store.driver_identity import DriverIdentity
from engine.store.status import RunStatus
from tests.client.recorded import BEST, record_run
from tests.store.counting import counted


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


def state_of(shown):
    """The state that a browser gets when it opens the widget."""
    return shown.get_state("state")["state"]


def followers():
    return [thread for thread in threading.enumerate() if thread.name == "raysmith-widget"]


def test_reports_of_a_run_replace_each_other(run, monkeypatch):
    monkeypatch.setattr(widget.webbrowser, "open", lambda uri: True)
    assert RunDetails(run).show() == RunDetails(run).show()


def test_a_run_that_has_ended_is_drawn_once(run):
    with counted() as calls:
        shown = RunDetails(run).get_widget()
    assert calls.total() < 10
    assert followers() == []
    state = state_of(shown)
    assert (state["run"]["status"], state["best"]) == ("Completed", BEST)
    assert state["logs"] == {}
    assert "snippet" in state
    shown.chosen = BEST
    wait_until(lambda: state_of(shown)["logs"] == {str(BEST): f"log of {BEST}\n"})


def test_a_run_is_followed_until_its_end(store_in_memory, experiment, monkeypatch):
    monkeypatch.setattr(widget, "_LOOK_SECONDS", 0.05)
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    shown = RunDetails(run).get_widget()
    sent = []
    monkeypatch.setattr(shown, "send", lambda content, buffers=None: sent.append(content))
    first = state_of(shown)
    assert (first["run"]["status"], first["logs"]) == ("Running", {})

    shown.chosen = 1
    wait_until(lambda: state_of(shown)["logs"] == {"1": "log of 1\n"})
    shown._handle_custom_msg({"cancel": 9}, [])
    shown._handle_custom_msg({"cancel": 0}, [])  # it has ended already
    shown._handle_custom_msg({"cancel": None}, [])
    requests = run.store.run(run.id).requests
    assert (requests.cancel, requests.cancel_iterations) == (True, {9})

    run.store.set_status(run.id, RunStatus.CANCELED)
    wait_until(lambda: not followers())
    last = state_of(shown)
    assert (last["run"]["status"], "snippet" in last) == ("Canceled", True)
    browser = first
    for content in sent:
        assert content["changes"]["revision"] == browser.get("revision") + 1
        browser = merged(browser, content["changes"])
        browser["revision"] = content["changes"]["revision"]
    assert browser == last


@pytest.fixture
def going(store_in_memory, experiment, monkeypatch):
    """A widget of a run that goes on."""
    monkeypatch.setattr(widget, "_LOOK_SECONDS", 0.05)
    run = record_run(experiment, RunStatus.RUNNING)
    run.store.tag_driver(run.id, DriverIdentity.of_this_process())
    shown = RunDetails(run).get_widget()
    yield run, shown
    run.store.set_status(run.id, RunStatus.CANCELED)
    wait_until(lambda: not followers())


def test_nobody_looks_for_a_widget_that_nobody_sees(going):
    run, shown = going
    shown._handle_custom_msg({"views": 1}, [])
    shown._handle_custom_msg({"views": 1}, [])
    shown._handle_custom_msg({"views": -1}, [])
    assert len(followers()) == 1
    shown._handle_custom_msg({"views": -1}, [])
    wait_until(lambda: not followers())
    run.store.tag_notes(run.id, ["a note"])
    shown._handle_custom_msg({"views": 1, "seen": 0}, [])
    wait_until(lambda: state_of(shown)["run"]["notes"] == ["a note"])
    assert len(followers()) == 1


def test_a_widget_that_is_closed_ends_its_thread(going):
    _, shown = going
    assert len(followers()) == 1
    shown.close()
    wait_until(lambda: not followers())
    shown._handle_custom_msg({"views": 1}, [])
    assert followers() == []


def test_a_browser_that_closes_the_widget_ends_its_thread(going):
    _, shown = going
    shown.comm.handle_close({"content": {"data": {}}})
    wait_until(lambda: not followers())


def test_a_browser_that_missed_changes_gets_everything(going, monkeypatch):
    run, shown = going
    sent = []
    monkeypatch.setattr(shown, "send", lambda content, buffers=None: sent.append(content))
    run.store.tag_notes(run.id, ["a note"])
    wait_until(lambda: state_of(shown)["revision"] > 0)
    shown._handle_custom_msg({"seen": state_of(shown)["revision"]}, [])
    assert all("changes" in content for content in sent)
    shown._handle_custom_msg({"seen": 0}, [])
    assert sent[-1]["state"]["run"]["notes"] == ["a note"]


def test_a_store_that_fails_for_a_moment(going, monkeypatch):
    run, shown = going
    real, failures = run.store.run, iter(range(3))

    def read(run_id):
        if next(failures, None) is not None:
            raise OSError("no answer")
        return real(run_id)

    monkeypatch.setattr(run.store, "run", read)
    run.store.tag_notes(run.id, ["a note"])
    wait_until(lambda: state_of(shown)["run"]["notes"] == ["a note"])
