"""What every searcher promises, see `engine.search.searcher.Searcher`."""

from __future__ import annotations

import math
import threading
from dataclasses import replace

import pytest

from engine import ConfigException
from engine.metrics.metric import DEFAULT_METRIC, METRICS
from engine.pipelines.catalogue.entries import NO_SCALER
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.spec import PipelineSpec
from engine.search.pipeline_search import PipelineSearch
from engine.search.random_search import RandomSearch
from engine.search.usable import Restrictions
from tests.search.data import DATA


def pipeline_search(data=DATA, restrictions=None, random_state=0):
    return PipelineSearch(data, METRICS[DEFAULT_METRIC[data.task]], restrictions, random_state)


def random_search(data=DATA, restrictions=None, random_state=0):
    return RandomSearch(data, restrictions, random_state)


@pytest.fixture(params=[pipeline_search, random_search])
def searcher_of(request):
    """Makes a searcher from data, restrictions and a seed."""
    return request.param


def scored(searcher, n_iterations, score=lambda spec: len(spec.to_json()) / 500):
    """The proposals of a run with one iteration at a time."""
    specs = []
    for number in range(n_iterations):
        specs.append(searcher.ask(number))
        searcher.tell(number, specs[-1], score(specs[-1]), 1.0)
    return specs


def different(specs):
    return len({spec.to_json() for spec in specs})


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_two_hundred_different_pipelines_that_fit_the_catalogue(searcher_of, task):
    search = searcher_of(replace(DATA, task=task))
    specs = [search.ask(number) for number in range(200)]
    assert different(specs) == 200
    assert {spec.estimator for spec in specs} == set(estimators_of(task))
    for spec in specs:
        entry = estimators_of(task)[spec.estimator]
        assert spec.scaler in (*entry.scalers, "Normalizer")
        for name, value in spec.estimator_params.items():
            assert entry.space[name].contains(value)


def test_the_same_iteration_is_the_same_pipeline(searcher_of):
    search = searcher_of()
    first = [search.ask(number) for number in range(5)]
    assert [search.ask(number) for number in range(5)] == first
    search.tell(3, first[3], math.nan, 1.0)
    assert search.ask(3) == first[3]


def test_the_same_calls_give_the_same_proposals(searcher_of):
    assert scored(searcher_of(), 60) == scored(searcher_of(), 60)


def test_another_seed_gives_other_proposals(searcher_of):
    assert scored(searcher_of(random_state=1), 60)[40:] != scored(searcher_of(), 60)[40:]


def test_iterations_that_are_under_way_differ(searcher_of):
    search = searcher_of()
    specs = scored(search, 40)
    waiting = [search.ask(number) for number in range(40, 56)]
    assert different([*specs, *waiting]) == 56
    assert search.pending == dict(enumerate(waiting, start=40))


def test_an_earlier_drivers_proposals_stand(searcher_of):
    specs = scored(searcher_of(), 8)
    again = searcher_of()
    again.replay(4, specs[4])
    for number, spec in enumerate(specs[:4]):
        again.tell(number, spec, 0.7, 1.0)
    assert again.ask(4) == specs[4]
    assert again.ask(5) not in specs[:5]
    assert [o.score for o in again.history] == [0.7] * 4


def test_scores_may_be_missing(searcher_of):
    specs = scored(searcher_of(), 60, lambda spec: math.nan)
    assert different(specs) == 60


def test_there_is_always_a_pipeline_without_a_time_limit(searcher_of):
    search = searcher_of()
    search.tell(0, PipelineSpec("LightGBM"), 0.5, 1e9)
    assert search.ask(1) is not None


def test_an_exhausted_space_is_repeated(searcher_of, monkeypatch):
    search = searcher_of(restrictions=Restrictions(allowed=["KNN"]))
    monkeypatch.setattr(search, "is_new", lambda spec: False)
    assert search.ask(0).estimator == "KNN"


def test_restrictions_hold(searcher_of):
    search = searcher_of(restrictions=Restrictions(["SVM", "KNN"], ["KNN"]))
    assert {search.ask(number).estimator for number in range(30)} == {"SVM"}


def test_sparse_data_get_what_copes_with_them(searcher_of):
    search = searcher_of(replace(DATA, sparse=True))
    for number in range(100):
        spec = search.ask(number)
        assert estimators_of("classification")[spec.estimator].handles_sparse
        assert spec.scaler == NO_SCALER or SCALERS[spec.scaler].handles_sparse


def test_nothing_left_is_an_error(searcher_of):
    with pytest.raises(ConfigException, match="no estimator is left"):
        searcher_of(restrictions=Restrictions(allowed=[]))


def test_threads_get_different_pipelines(searcher_of):
    search, got = searcher_of(), {}

    def work(first):
        for number in range(first, first + 10):
            got[number] = search.ask(number)
            search.tell(number, got[number], 0.5, 1.0)

    threads = [threading.Thread(target=work, args=(10 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert different(got.values()) == len(got) == len(search.history) == 40
    assert search.pending == {}
