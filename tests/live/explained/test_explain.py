"""Explanations on the embedded cluster, and the views of a run that holds one."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import ray

from engine import (
    ConfigException,
    DataException,
    RunDetails,
    RunException,
    explain_model,
    retrieve_model_explanation,
)
from engine.driver.explain_actors import explain_with_actors
from engine.explain.pieces import Work, in_this_process
from tests.live.helpers import customers, quick_config, statuses, wait_until
from tests.show.test_widget import state_of

pytestmark = [pytest.mark.ray, pytest.mark.usefixtures("ray_cluster")]

PNG = b"\x89PNG\r\n\x1a\n"
FRAME = customers()


class Slow:
    """A model whose predictions take their time."""

    def __init__(self, seconds):
        self.seconds = seconds

    def predict(self, X):
        time.sleep(self.seconds)
        return np.asarray(X) @ np.array([1.0, 2.0, 0.0])


class Killer(Slow):
    def predict(self, X):
        os._exit(1)


class Held(Slow):
    """From its second prediction on, a process of the cluster waits for a file named ``go``."""

    def __init__(self, folder):
        super().__init__(0)
        self.folder = folder
        self.here = os.getpid()
        self.calls = 0

    def predict(self, X):
        self.calls += 1
        if self.calls > 1 and os.getpid() != self.here:
            (self.folder / f"waits-{os.getpid()}").touch()
            while not (self.folder / "go").exists():
                time.sleep(0.02)
        return super().predict(X)


def work(model, n_rows=24):
    generator = np.random.default_rng(0)
    X = generator.normal(size=(n_rows, 3))
    return Work(model, generator.normal(size=(10, 3)), X, ("a", "b", "c"), "rows")


@pytest.fixture
def explained(explained_run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return explained_run


def test_the_best_model_is_explained_at_the_end(explained):
    best, model = explained.get_output()
    values, expected, overall, names, per_class, per_class_names = retrieve_model_explanation(best)
    assert [v.shape for v in values] == [(20, 3), (20, 3)]
    for k in range(2):
        np.testing.assert_allclose(
            expected[k] + values[k].sum(axis=1), model.predict_proba(FRAME[:20])[:, k], atol=1e-3
        )
    assert overall == sorted(overall, reverse=True)
    assert sorted(names) == ["age", "income", "plan"]
    assert names[-1] == "income"
    assert len(per_class) == len(per_class_names) == 2
    assert retrieve_model_explanation(explained)[3] == names
    files = best.get_file_names()
    for name in ("bar", "bar_per_class", "beeswarm", "dependence"):
        path = best.download_file(f"explanation/{name}.png")
        assert Path(path).read_bytes()[:8] == PNG
    assert "explanation/summary.json" in files
    assert explained.get_details()["warnings"] == []

    other = next(
        child
        for child in explained.get_children()
        if child.get_status() == "Completed" and child.iteration != best.iteration
    )
    with pytest.raises(RunException, match=r"run\.explain\(iteration="):
        retrieve_model_explanation(other)
    six = explained.explain(iteration=other.iteration, X=FRAME[5:9].assign(more=1)[list(FRAME)])
    assert six[0][0].shape == (4, 3)
    engineered = explained.explain(iteration=0, features="engineered")
    assert len(engineered[3]) >= 3
    with pytest.raises(DataException, match="X_valid has the columns"):
        explained.explain(X=FRAME[["age"]])
    with pytest.raises(ConfigException, match="'raw' or 'engineered'"):
        explained.explain(features="other")


def test_the_report_is_a_file_of_the_run_and_the_widget_shows_it(explained, capsys):
    page = Path(explained.download_file("report.html")).read_text()
    for text in ("Content-Security-Policy", "VotingEnsemble", "class_counts", "confusion"):
        assert text in page
    path = RunDetails(explained).show()
    assert path in capsys.readouterr().out or path.endswith("report.html")

    pytest.importorskip("anywidget")
    widget = RunDetails(explained).get_widget()
    state = state_of(widget)
    assert state["run"]["status"] == "Completed"
    assert len(state["iterations"]) == 7
    assert state["explanation"]["groups"][0]["names"]
    widget.chosen = 0
    wait_until(lambda: "iteration 0" in state_of(widget)["logs"].get("0", ""))


def test_the_widget_follows_a_run_and_cancels(experiment):
    pytest.importorskip("anywidget")
    run = experiment.submit(quick_config(iterations=500))
    widget = RunDetails(run).get_widget()
    wait_until(lambda: len(state_of(widget)["iterations"]) >= 3)
    widget.chosen = 0
    wait_until(lambda: "iteration 0" in state_of(widget)["logs"].get("0", ""))
    widget._handle_custom_msg({"cancel": 10_000}, [])
    widget._handle_custom_msg({"cancel": None}, [])
    assert run.wait_for_completion() == "Canceled"
    wait_until(lambda: state_of(widget)["run"]["status"] == "Canceled")
    assert "Completed" in statuses(run).values()


def test_a_data_script_and_rows_to_explain(experiment):
    X = np.random.default_rng(1).normal(size=(7, 5))
    run = experiment.submit(quick_config(iterations=2, X_valid=X, model_explainability=True))
    run.wait_for_completion()
    best, model = run.get_output()
    values, expected, *_ = retrieve_model_explanation(best)
    np.testing.assert_allclose(
        expected[1] + values[1].sum(axis=1), model.predict_proba(X)[:, 1], atol=1e-3
    )


def test_what_goes_wrong_is_a_warning(experiment):
    X = np.zeros((7, 2))  # the script gives five columns
    run = experiment.submit(quick_config(iterations=1, X_valid=X))
    assert run.wait_for_completion() == "Completed"
    (note,) = run.get_details()["warnings"]
    assert note.startswith("the best model was not explained: DataException: X_valid has")


@pytest.mark.long
def test_an_actor_that_dies_is_replaced(tmp_path):
    job = work(Held(tmp_path))
    result = []
    thread = threading.Thread(target=lambda: result.append(explain_with_actors(job, "victims")))
    thread.start()

    def victims():
        names = [a["name"] for a in ray.util.list_named_actors(all_namespaces=True)]
        return [name for name in names if name and name.startswith("victims")]

    wait_until(lambda: len(list(tmp_path.glob("waits-*"))) == 2)  # each has a piece of the work
    name = victims()[0]
    place = next(a["namespace"] for a in ray.util.list_named_actors(True) if a["name"] == name)
    ray.kill(ray.get_actor(name, namespace=place))
    (tmp_path / "go").touch()
    thread.join(120)
    expected = in_this_process(job)
    assert result[0].rows.tolist() == list(range(24))
    np.testing.assert_allclose(result[0].values, expected.values, atol=1e-9)
    assert victims() == []


@pytest.mark.long
def test_a_model_that_kills_its_process_ends_the_explanation():
    with pytest.raises(RunException, match="explainers died"):
        explain_with_actors(work(Killer(0)), "killers")


@pytest.mark.long
def test_when_time_is_over_fewer_rows_are_explained():
    told = []
    explanation = explain_with_actors(
        work(Slow(0.1), 2000), "slow", seconds=20.0, progress=lambda done, total: told.append(done)
    )
    assert 0 < len(explanation.rows) < 2000
    assert explanation.n_given == 2000
    assert told[-1] <= len(explanation.rows)
    totals = explanation.expected + explanation.values.sum(axis=1)
    rows = work(Slow(0), 2000).X[explanation.rows]
    np.testing.assert_allclose(totals[:, 0], Slow(0).predict(rows), atol=1e-6)


def test_explain_model_of_any_kind(explained):
    _, model = explained.get_output()
    values, expected, _, names, *_ = explain_model(model, FRAME, FRAME[:5])
    assert values[0].shape == (5, 3)
    assert sorted(names) == sorted(FRAME)
    from sklearn.linear_model import LinearRegression

    X = FRAME[["age", "income"]].to_numpy()
    fitted = LinearRegression().fit(X, X[:, 0])
    values, expected, _, names, per_class, _ = explain_model(fitted, X, X[:6], features=["s", "n"])
    assert names == ["s", "n"]
    assert per_class is None
    np.testing.assert_allclose(expected + values.sum(axis=1), fitted.predict(X[:6]), atol=1e-6)
    for wrong in ({"features": ["one"]}, {"features": "odd"}, {"features": "engineered"}):
        with pytest.raises(ConfigException):
            explain_model(fitted, X, X[:6], **wrong)
    with pytest.raises(ConfigException, match="columns"):
        explain_model(fitted, X, X[:6, :1])
