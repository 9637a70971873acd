from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.metrics.metric import METRICS
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.spec import PipelineSpec
from engine.search.pipeline_search import PipelineSearch
from engine.search.random_search import RandomSearch
from engine.search.usable import Restrictions
from tests.search.data import DATA

ACCURACY = METRICS["accuracy"]


def searching(*allowed, **others):
    return PipelineSearch(DATA, ACCURACY, Restrictions(allowed=allowed or None), **others)


@pytest.fixture
def no_portfolio(tmp_path):
    file = tmp_path / "portfolio.json"
    file.write_text('{"classification": [], "regression": []}')
    return file


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_first_twenty_are_of_many_kinds(task):
    extra = [name for name in estimators_of(task) if name.startswith(("XGBoost", "CatBoost"))]
    search = PipelineSearch(replace(DATA, task=task), ACCURACY, Restrictions(blocked=extra))
    first = [search.ask(number) for number in range(20)]
    assert len({spec.estimator for spec in first}) >= 6
    assert {"LightGBM", "MLP", "ExtremeRandomTrees"} <= {spec.estimator for spec in first}


def score(spec):
    """SVM does best, a large C better."""
    return 0.8 + 0.01 * math.log10(spec.estimator_params["C"]) if spec.estimator == "SVM" else 0.7


def after(search, n_iterations, seconds=1.0):
    specs = []
    for number in range(n_iterations):
        specs.append(search.ask(number))
        search.tell(number, specs[-1], score(specs[-1]), seconds)
    return specs


def test_what_does_well_is_tried_more_and_better():
    specs = after(searching(), 120)
    found = [spec for spec in specs[30:] if spec.estimator == "SVM"]
    assert len(found) > 90 / 3
    assert max(spec.estimator_params["C"] for spec in found) > 100


def test_it_beats_random_search():
    best = [
        max(score(s) for s in after(search, 60)) for search in (searching(), RandomSearch(DATA))
    ]
    assert best[0] > best[1]


def test_what_would_not_end_in_time_is_not_tried():
    search = searching("LightGBM", "CatBoostClassifier", "KNN")
    after(search, 40, seconds=10.0)
    assert search.ask(40, seconds_left=5.0) is None
    assert search.ask(40, seconds_left=50.0) is not None
    search = searching("LightGBM", "CatBoostClassifier", "LogisticRegression")
    search.tell(0, PipelineSpec("LightGBM"), 0.8, 10.0)
    names = {search.ask(number, seconds_left=15.0).estimator for number in range(1, 20)}
    assert names == {"LightGBM", "LogisticRegression"}


def test_expected_seconds():
    search = searching()
    assert search.expected_seconds("SVM") is None
    search.tell(0, PipelineSpec("LightGBM"), 0.8, 10.0)
    cost = {name: entry.cost for name, entry in estimators_of("classification").items()}
    assert search.expected_seconds("SVM") == 10.0 * cost["SVM"] / cost["LightGBM"]
    for number, seconds in enumerate([100.0, 1.0, 2.0, 3.0, 4.0, 5.0], start=1):
        search.tell(number, PipelineSpec("SVM", "", {"C": seconds}), 0.8, seconds)
    assert search.expected_seconds("SVM") == 3.0


def test_with_a_time_limit_what_never_gave_a_score_is_not_tried_again(no_portfolio):
    search = searching("LightGBM", "SVM", "KNN", portfolio=no_portfolio)
    for number in range(3):
        search.tell(number, PipelineSpec("SVM", "", {"C": 2.0 + number}), math.nan, 0.1)
    assert "SVM" in {search.ask(n, 100.0).estimator for n in range(3, 40)}  # nobody has one
    search.tell(40, PipelineSpec("LightGBM"), 0.8, 0.1)
    assert {search.ask(n, 100.0).estimator for n in range(41, 80)} == {"LightGBM", "KNN"}
    assert "SVM" in {search.ask(n).estimator for n in range(80, 120)}


def test_with_a_time_limit_the_faster_of_equals_is_tried_more(no_portfolio):
    search = searching("LightGBM", "SVM", portfolio=no_portfolio)
    search.tell(0, PipelineSpec("SVM", "", {"C": 1.0}), 0.8, 0.1)
    search.tell(1, PipelineSpec("LightGBM"), 0.8, 60.0)
    timed = [search.ask(n, 1e6).estimator for n in range(2, 60)]
    untimed = [search.ask(n).estimator for n in range(60, 118)]
    assert timed.count("SVM") > untimed.count("SVM")


def test_without_scores_and_portfolio_it_draws_like_random_search(no_portfolio):
    guided, random = (
        searching("KNN", portfolio=no_portfolio),
        RandomSearch(DATA, Restrictions(["KNN"])),
    )
    assert [guided.ask(n) for n in range(20)] == [random.ask(n) for n in range(20)]


def test_each_of_the_named_estimators_comes_early():
    named = ["SVM", "DecisionTree", "LightGBM"]
    search = searching(*named)
    assert {search.ask(number).estimator for number in range(3)} == set(named)


def test_a_long_history_is_cut_for_the_model(monkeypatch, no_portfolio):
    sizes = []

    def counting(space, scored, metric, seed):
        sizes.append(len(scored))
        return {"n_neighbors": 1 + len(sizes), "weights": "uniform", "p": 2, "scaler": "none"}

    monkeypatch.setattr("engine.search.pipeline_search.model_point", counting)
    monkeypatch.setattr("engine.search.pipeline_search._LOCAL_SHARE", 0.0)
    search = searching("KNN", portfolio=no_portfolio)
    for number, value in enumerate(np.linspace(0.0, 1.0, 100)):
        spec = PipelineSpec("KNN", "", {"n_neighbors": 1000 + number})
        search.tell(number, spec, math.nan if number % 7 == 0 else value, 1.0)
    assert search.ask(100) is not None
    assert sizes == [60]
