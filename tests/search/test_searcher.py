from __future__ import annotations

from dataclasses import replace

import pytest

from engine import ConfigException
from engine.data import DataSummary
from engine.pipelines import CLASSIFIERS, REGRESSORS, estimators_of
from engine.pipelines.catalogue import NO_SCALER, SCALERS
from engine.search.portfolio import PORTFOLIO
from engine.search.searcher import PipelineSearch

DATA = DataSummary("classification", 500, 10, False, False, (250, 250), "split", "f")


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_two_hundred_different_pipelines_that_fit_the_catalogue(task):
    search = PipelineSearch(replace(DATA, task=task))
    specs = [search.propose(number) for number in range(200)]
    assert len({spec.to_json() for spec in specs}) == 200
    assert {spec.estimator for spec in specs} == set(estimators_of(task))
    for spec in specs:
        entry = estimators_of(task)[spec.estimator]
        assert spec.scaler in (*entry.scalers, "Normalizer")
        for name, value in spec.estimator_params.items():
            distribution = entry.space[name]
            assert distribution._contains(distribution.to_internal_repr(value))


def test_the_first_twenty_hold_every_estimator_that_is_always_there():
    search = PipelineSearch(DATA, blocked=["XGBoostClassifier", "CatBoostClassifier"])
    first = {search.propose(number).estimator for number in range(20)}
    assert first == set(CLASSIFIERS) - {"XGBoostClassifier", "CatBoostClassifier"}


def test_a_proposal_depends_on_its_number_alone():
    one, other = PipelineSearch(DATA), PipelineSearch(DATA)
    other.propose(60)
    assert [one.propose(n) for n in range(60)] == [other.propose(n) for n in range(60)]
    assert PipelineSearch(DATA, random_state=1).propose(50) != one.propose(50)


def test_sparse_data_gets_what_copes_with_it():
    search = PipelineSearch(replace(DATA, sparse=True))
    for number in range(100):
        spec = search.propose(number)
        assert CLASSIFIERS[spec.estimator].handles_sparse
        assert spec.scaler == NO_SCALER or SCALERS[spec.scaler].handles_sparse


def test_weights_leave_out_what_cannot_use_them():
    search = PipelineSearch(DATA, weighted=True)
    assert "KNN" not in {search.propose(number).estimator for number in range(100)}


def test_large_data_leaves_out_what_cannot_finish():
    search = PipelineSearch(replace(DATA, n_rows=1_000_000))
    slow = {"SVM", "LinearSVM", "KNN"}
    assert not slow & {search.propose(number).estimator for number in range(100)}


def test_allowed_and_blocked():
    search = PipelineSearch(DATA, allowed=["SVM", "KNN"], blocked=["KNN"])
    assert {search.propose(number).estimator for number in range(30)} == {"SVM"}


def test_nothing_left_says_why():
    with pytest.raises(ConfigException, match="KNN: too slow for 1000000 rows") as caught:
        PipelineSearch(replace(DATA, n_rows=1_000_000), allowed=["KNN"])
    assert "SVM: not allowed" in str(caught.value)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_portfolio_names_what_the_catalogue_has(task):
    known = CLASSIFIERS if task == "classification" else REGRESSORS
    for spec in PORTFOLIO[task]:
        assert set(spec.estimator_params) <= set(known[spec.estimator].space)
        assert spec.scaler == NO_SCALER or spec.scaler in SCALERS
