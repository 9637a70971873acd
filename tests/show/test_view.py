"""The state that widget and report draw."""

from __future__ import annotations

import dataclasses
import json

import pytest

from engine import ConfigException
from engine.metrics.metric import METRICS
from engine.show.report import render_report
from engine.show.seen_run import SeenRun
from engine.show.view import QUALITY_FILE, full_state, installed_versions, run_state
from engine.store.files import LOG_FILE
from engine.store.status import RunStatus
from tests.client.recorded import (
    BEST,
    DATA,
    SCORES,
    keep_explanation,
    leave_open,
    record_run,
)
from tests.store.counting import counted

pytestmark = pytest.mark.usefixtures("store_in_memory")


def test_the_state_of_a_completed_run(run):
    state = full_state(run.view())
    assert state["run"]["status"] == "Completed"
    assert state["run"]["experiment"] == "recorded"
    assert state["run"]["url"] == run.get_portal_url()
    assert (state["best"], len(state["iterations"])) == (BEST, len(SCORES))
    assert state["metrics"]["accuracy"]
    assert not state["metrics"]["log_loss"]
    assert state["data"] == DATA
    assert (state["quality"], state["explanation"]) == (None, None)
    assert state["settings"]["iterations"] == "4"
    assert "path" not in state["settings"]
    assert state["versions"] == {"python": state["versions"]["python"], **installed_versions()}
    assert f"AutoMLRun(Experiment(ws, 'recorded'), '{run.id}')" in state["snippet"]
    assert json.loads(json.dumps(state)) == state


def test_the_state_of_an_iteration(run):
    failed, best = (full_state(run.view())["iterations"][n] for n in (1, BEST))
    assert best["parameters"] == {"max_depth": "3", "PCA.share": "0.5"}
    assert "pipeline_spec" not in best["properties"]
    assert (best["properties"]["cores"], best["node"]) == ("1", "10.0.0.1")
    assert best["metrics"] == {"accuracy": 0.9, "log_loss": 0.45}
    assert [round(score, 2) for score in best["folds"]] == [0.85, 0.9, 0.95]
    assert (failed["status"], failed["reason"]) == ("Failed", "ValueError: bad")
    assert "folds" not in failed


def test_failed_iterations_and_the_best_keep_their_logs(run):
    state = full_state(run.view(), logs=2)
    assert state["logs"] == {"1": "log of 1\n", str(BEST): f"log of {BEST}\n"}
    with_folds = [one["iteration"] for one in state["iterations"] if "folds" in one]
    assert with_folds == [0, BEST, 3]


def test_a_run_that_is_about_to_end(run):
    view = dataclasses.replace(run.view(), ends_as="Canceled")
    record = dataclasses.replace(run.store.run(run.id), status=RunStatus.RUNNING, ended=None)
    state = run_state(view, SeenRun(record), [])
    assert state["run"]["status"] == "Canceled"
    assert state["run"]["ended"] >= record.started
    assert (state["best"], state["iterations"]) == (None, [])


@pytest.mark.parametrize("status", [RunStatus.RUNNING, RunStatus.FINALIZING])
def test_what_a_dead_driver_has_left_open_is_shown_as_the_client_says(experiment, status):
    run = record_run(experiment, status)
    leave_open(run, iteration=7)
    state = full_state(run.view(), logs=1)
    assert state["run"]["status"] == run.get_status() == "Failed"
    assert state["run"]["error"] == run.get_details()["error"]
    assert "has died; run.resume()" in state["run"]["error"]
    shown = [(one["iteration"], one["status"], one["reason"]) for one in state["iterations"]]
    told = run.summary()[["iteration", "status", "reason"]]
    assert shown == list(told.itertuples(index=False, name=None))
    assert shown[-1] == (7, "Failed", state["run"]["error"])


def test_a_run_that_has_ended_has_no_running_iteration(experiment):
    run = record_run(experiment, RunStatus.RUNNING)
    leave_open(run, iteration=7)
    run.store.set_status(run.id, RunStatus.CANCELED)
    last = full_state(run.view())["iterations"][-1]
    assert (last["status"], last["reason"]) == ("Failed", "the run has ended: Canceled")
    assert run.summary()["status"].iloc[-1] == "Failed"


def test_a_file_that_is_no_json_is_left_out(experiment):
    run = record_run(experiment)
    run.store.write_text(run.id, QUALITY_FILE, "{")
    assert full_state(run.view())["quality"] is None


def test_the_page_holds_the_state_and_nothing_that_ends_its_script(run):
    state = full_state(run.view())
    state["run"]["name"] = "</script><script>&"
    page = render_report(state)
    assert page.count("</script>") == 2
    assert "&lt;/script&gt;&lt;script&gt;&amp; – raysmith" in page


def test_the_importance_of_the_best_iteration(experiment):
    run = record_run(experiment)
    keep_explanation(run, BEST)
    explained = full_state(run.view())["explanation"]
    assert (explained["iteration"], explained["source"]) == (BEST, "X_valid")
    assert (explained["rows_explained"], explained["rows_given"]) == (2, 9)
    assert [group["label"] for group in explained["groups"]] == ["all", "no", "yes"]
    assert explained["groups"][0]["names"] == ["b", "a"]
    assert explained["groups"][0]["values"] == [0.5, 0.125]


class Many:
    """A store of a run of 2,000 iterations, each with a long log."""

    def __init__(self, store, child):
        self._store, self._child = store, child
        self.logs = 0

    def __getattr__(self, name):
        return getattr(self._store, name)

    def iterations(self, run_id, ended_since=None):
        metrics = {
            name: 0.123456789012345 for name, m in METRICS.items() if m.task == "classification"
        }
        return [
            dataclasses.replace(
                self._child, iteration=n, metrics={**self._child.metrics, **metrics}
            )
            for n in range(2000)
        ]

    def read_bytes(self, run_id, file):
        if file != LOG_FILE:
            return self._store.read_bytes(run_id, file)
        self.logs += 1
        return "行\u2028<&>".encode() * 30_000


@pytest.mark.parametrize("logs", [40, None])
def test_the_report_of_a_long_run_is_small(run, logs):
    store = Many(run.store, run.store.iterations(run.id)[BEST])
    view = dataclasses.replace(run.view(), store=store)
    state = full_state(view, logs)
    assert store.logs == len(state["logs"]) == (logs or 2000)
    assert sum(map(len, state["logs"].values())) <= 500_000
    page = render_report(state)
    assert len(page.encode()) < 5e6
    assert page.count('"iteration": ') >= 2000


def test_a_report_takes_few_requests(run):
    totals = []
    for logs in (0, 2):
        with counted() as calls:
            full_state(run.view(), logs)
        assert calls["search_runs"] == 1
        totals.append(calls.total())
    assert totals[0] <= 12
    assert totals[1] == totals[0] + 2


@pytest.mark.parametrize("logs", [-1, 1.5, True, "all"])
def test_a_number_of_logs_that_is_none(run, logs):
    with pytest.raises(ConfigException, match="logs="):
        run.report("report.html", logs=logs)


def test_surrogates_do_not_break_the_report(run):
    state = full_state(run.view(), logs=0)
    state["run"]["notes"] = ["a \ud800 b"]
    assert "a ? b" in render_report(state).encode().decode()
