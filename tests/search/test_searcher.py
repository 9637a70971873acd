from __future__ import annotations

import math
from dataclasses import replace

import pytest

from engine import ConfigException
from engine.data.dataset import DataSummary
from engine.pipelines.catalogue.entries import NO_SCALER
from engine.pipelines.catalogue.estimators import CLASSIFIERS, REGRESSORS, estimators_of
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.spec import PipelineSpec
from engine.search.portfolio import load_portfolio
from engine.search.searcher import PipelineSearch

DATA = DataSummary("classification", 500, 10, False, False, (250, 250), "split", "f")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_two_hundred_different_pipelines_that_fit_the_catalogue(task):
    search = PipelineSearch(replace(DATA, task=task))
    specs = [search.ask(number) for number in range(200)]
    assert len({spec.to_json() for spec in specs}) == 200
    assert {spec.estimator for spec in specs} == set(estimators_of(task))
    for spec in specs:
        entry = estimators_of(task)[spec.estimator]
        assert spec.scaler in (*entry.scalers, "Normalizer")
        for name, value in spec.estimator_params.items():
            assert entry.space[name].contains(value)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_first_twenty_are_of_many_kinds(task):
    extra = [name for name in estimators_of(task) if name.startswith(("XGBoost", "CatBoost"))]
    search = PipelineSearch(replace(DATA, task=task), blocked=extra)
    first = [search.ask(number) for number in range(20)]
    assert len({spec.estimator for spec in first}) >= 6
    assert {"LightGBM", "MLP", "ExtremeRandomTrees"} <= {spec.estimator for spec in first}


def after(n_iterations, seconds=1.0, **settings):
    """A search that was told a score for every proposal: SVM does best, a large C better."""
    search = PipelineSearch(DATA, **settings)
    specs = []
    for number in range(n_iterations):
        spec = search.ask(number)
        score = 0.7
        if spec.estimator == "SVM":
            score = 0.8 + 0.01 * math.log10(spec.estimator_params["C"])
        search.tell(number, spec, score, seconds)
        specs.append(spec)
    return search, specs


def test_the_same_seed_and_scores_give_the_same_proposals():
    assert after(60)[1] == after(60)[1]
    assert after(60, random_state=1)[1][40:] != after(60)[1][40:]


def test_what_does_well_is_tried_more_and_better():
    _, specs = after(120)
    found = [spec for spec in specs[30:] if spec.estimator == "SVM"]
    assert len(found) > 90 / 3
    assert max(spec.estimator_params["C"] for spec in found) > 100


def test_concurrent_proposals_differ():
    search, specs = after(40)
    waiting = [search.ask(number) for number in range(40, 56)]
    everything = {spec.to_json() for spec in (*specs, *waiting)}
    assert len(everything) == 56


def test_what_would_not_end_in_time_is_not_tried():
    search, _ = after(40, seconds=10.0, allowed=["LightGBM", "CatBoostClassifier", "KNN"])
    assert search.ask(40, seconds_left=5.0) is None
    assert search.ask(40, seconds_left=50.0) is not None
    search = PipelineSearch(DATA, allowed=["LightGBM", "CatBoostClassifier", "LogisticRegression"])
    search.tell(0, PipelineSpec("LightGBM"), 0.8, 10.0)
    names = {search.ask(number, seconds_left=15.0).estimator for number in range(1, 20)}
    assert names == {"LightGBM", "LogisticRegression"}


def test_with_a_time_limit_what_never_gave_a_score_is_given_up(tmp_path):
    empty = tmp_path / "portfolio.json"
    empty.write_text('{"classification": []}')
    search = PipelineSearch(DATA, allowed=["LightGBM", "SVM", "KNN"], portfolio=empty)
    for number in range(3):
        search.tell(number, PipelineSpec("SVM", "", {"C": 2.0 + number}), math.nan, 0.1)
    assert "SVM" in {search.ask(n, 100.0).estimator for n in range(3, 40)}  # nobody has one
    search.tell(40, PipelineSpec("LightGBM"), 0.8, 0.1)
    assert {search.ask(n, 100.0).estimator for n in range(41, 80)} == {"LightGBM", "KNN"}
    assert "SVM" in {search.ask(n).estimator for n in range(80, 120)}


def test_an_earlier_drivers_proposals_stand():
    _, specs = after(5)
    again = PipelineSearch(DATA)
    for number, spec in enumerate(specs[:4]):
        again.tell(number, spec, 0.7, 1.0)
    again.replay(4, specs[4])
    assert again.ask(4) == specs[4]
    assert again.ask(5) not in specs


def test_sparse_data_gets_what_copes_with_it():
    search = PipelineSearch(replace(DATA, sparse=True))
    for number in range(100):
        spec = search.ask(number)
        assert CLASSIFIERS[spec.estimator].handles_sparse
        assert spec.scaler == NO_SCALER or SCALERS[spec.scaler].handles_sparse


def test_weights_leave_out_what_cannot_use_them():
    search = PipelineSearch(DATA, weighted=True)
    assert "KNN" not in {search.ask(number).estimator for number in range(100)}


def test_large_data_leaves_out_what_cannot_finish():
    search = PipelineSearch(replace(DATA, n_rows=1_000_000))
    slow = {"SVM", "LinearSVM", "KNN"}
    assert not slow & {search.ask(number).estimator for number in range(100)}


def test_allowed_and_blocked():
    search = PipelineSearch(DATA, allowed=["SVM", "KNN"], blocked=["KNN"])
    assert {search.ask(number).estimator for number in range(30)} == {"SVM"}


def test_each_of_the_named_estimators_comes_early():
    named = ["SVM", "DecisionTree", "LightGBM"]
    search = PipelineSearch(DATA, allowed=named)
    assert {search.ask(number).estimator for number in range(3)} == set(named)


def test_nothing_left_says_why():
    with pytest.raises(ConfigException, match="KNN: too slow for 1000000 rows") as caught:
        PipelineSearch(replace(DATA, n_rows=1_000_000), allowed=["KNN"])
    assert "SVM: not allowed" in str(caught.value)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_portfolio_names_what_the_catalogue_has(task):
    known = CLASSIFIERS if task == "classification" else REGRESSORS
    for spec in load_portfolio(task, n_rows=100_000):
        assert set(spec.estimator_params) <= set(known[spec.estimator].space)
        assert spec.scaler == NO_SCALER or spec.scaler in SCALERS


def test_many_rows_are_tried_with_larger_trees_early():
    few, many = (load_portfolio("regression", n_rows=n) for n in (4_999, 5_000))
    more = [spec for spec in many if spec not in few]
    assert few == tuple(spec for spec in many if spec not in more)
    assert 0 < len(more) < 5
    data = replace(DATA, task="regression", n_rows=5_000)
    search = PipelineSearch(data)
    assert any(search.ask(number) in more for number in range(6))
