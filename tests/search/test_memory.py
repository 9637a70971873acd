"""Which pipelines are expected to fit, before and after trials were seen."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from engine.metrics.metric import METRICS
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.memory import expected_increase
from engine.pipelines.spec import PipelineSpec
from engine.search.memory import START_MB, MemoryModel
from engine.search.pipeline_search import PipelineSearch
from engine.search.searcher import MemoryUse, Observation
from engine.search.usable import Restrictions
from tests.search.data import DATA

LARGE = replace(DATA, task="regression", n_rows=40_000, class_counts=None)
ESTIMATORS = ["ElasticNet", "RandomForest", "DecisionTree"]


def forest(trees, leaf=1):
    return PipelineSpec(
        "RandomForest", "", {"n_estimators": trees, "min_samples_leaf": leaf, "max_features": 0.5}
    )


def seen(spec, peak, start=200.0, score=0.5):
    return Observation(spec, score, 1.0, MemoryUse(start, peak))


def search_of(limit, data=LARGE, allowed=ESTIMATORS):
    return PipelineSearch(data, METRICS["r2_score"], Restrictions(allowed), memory_mb=lambda: limit)


def test_the_first_guess_is_the_process_and_the_increase():
    model, spec = MemoryModel(LARGE), forest(50)
    assert model.expected_mb(spec) == pytest.approx(START_MB + expected_increase(spec, LARGE))


@pytest.mark.parametrize("factor", [0.5, 3.0])
def test_what_a_trial_needed_is_expected_of_it_again(factor):
    model, spec = MemoryModel(LARGE), forest(50)
    peak = 200 + factor * expected_increase(spec, LARGE)
    model.saw(seen(spec, peak))
    assert model.expected_mb(spec) == pytest.approx(peak)


def test_a_larger_pipeline_of_the_estimator_is_expected_to_need_more():
    model = MemoryModel(LARGE)
    before = model.expected_mb(forest(50, leaf=2))
    model.saw(seen(forest(50, leaf=16), 800.0))
    assert model.expected_mb(forest(50, leaf=2)) > max(before, 800.0)


def test_the_worst_trial_of_an_estimator_counts():
    model, spec = MemoryModel(LARGE), forest(50)
    for peak in (900.0, 1500.0, 600.0):
        model.saw(seen(spec, peak))
    assert model.expected_mb(spec) == pytest.approx(1500.0)


def test_others_trials_raise_an_expectation_and_never_lower_it():
    modest, hungry = MemoryModel(LARGE), MemoryModel(LARGE)
    spec = PipelineSpec("ElasticNet", "StandardScalerWrapper")
    before = modest.expected_mb(spec)
    modest.saw(seen(forest(50), 210.0, start=START_MB))
    assert modest.expected_mb(spec) == before
    hungry.saw(seen(forest(50), 4000.0, start=START_MB))
    assert hungry.expected_mb(spec) > before


def test_the_start_of_processes_is_learned():
    model, spec = MemoryModel(LARGE), PipelineSpec("DecisionTree")
    for start in (900.0, 1000.0, 5000.0):
        model.saw(seen(PipelineSpec("ElasticNet"), start, start=start))
    assert 1000.0 <= model.expected_mb(spec) < 1200.0


def test_sizes_like_the_one_that_ran_out_are_not_tried():
    model = MemoryModel(LARGE)
    model.ran_out(forest(50, leaf=2))
    assert not model.fits(forest(50, leaf=2))
    assert not model.fits(forest(50, leaf=1))
    assert model.fits(forest(50, leaf=16))
    assert model.fits(PipelineSpec("ElasticNet"))
    model.ran_out(forest(50, leaf=16))
    assert not model.fits(forest(50, leaf=16))
    assert not model.fits(forest(50, leaf=30))


def test_a_size_that_gave_a_score_is_tried_once_more():
    model = MemoryModel(LARGE)
    model.saw(seen(forest(50), 500.0))
    model.ran_out(forest(50))
    assert model.fits(forest(50))
    model.ran_out(forest(50))
    assert not model.fits(forest(50))


def test_the_smallest_pipeline_is_the_smallest():
    for task, classes in (("regression", None), ("classification", (100, 100, 100))):
        data = replace(LARGE, task=task, class_counts=classes)
        model = MemoryModel(data)
        for name, entry in estimators_of(task).items():
            smallest = model.smallest(entry)
            assert smallest.estimator == name
            for parameter, value in smallest.estimator_params.items():
                assert entry.space[parameter].contains(value)
            default = PipelineSpec(name, entry.scalers[0])
            if name not in ("RandomForest", "ExtremeRandomTrees"):
                assert model.expected_mb(smallest) <= model.expected_mb(default)


def test_without_a_limit_nothing_is_left_out():
    search = search_of(math.inf)
    for number in range(30):
        search.ask(number)
    assert search.left_out == []


def test_what_does_not_fit_is_not_proposed():
    search = search_of(400.0)
    specs = [search.ask(number) for number in range(40)]
    assert {spec.estimator for spec in specs} >= {"ElasticNet", "DecisionTree"}
    assert all(search.expected_mb(spec) <= 400.0 for spec in specs)
    assert any(spec.estimator == "RandomForest" for spec in search.left_out)
    assert all(search.expected_mb(spec) > 400.0 for spec in search.left_out)


def test_a_limit_may_change_with_the_machines():
    limits = [280.0]
    search = PipelineSearch(
        LARGE, METRICS["r2_score"], Restrictions(ESTIMATORS), memory_mb=lambda: limits[-1]
    )
    assert "RandomForest" not in {search.ask(number).estimator for number in range(20)}
    limits.append(8000.0)
    assert "RandomForest" in {search.ask(number).estimator for number in range(20, 60)}


def test_expectation_alone_does_not_end_a_run():
    search = search_of(100.0)
    first = search.ask(0)
    assert first is not None
    search.tell(0, first, 0.5, 1.0, MemoryUse(60.0, 80.0))
    assert search.ask(1) is not None


def test_when_even_the_smallest_ran_out_nothing_is_proposed():
    search = search_of(100.0)
    first = search.ask(0)
    search.tell(0, first, math.nan, 1.0)
    search.avoid(first)
    assert search.ask(1) is None
    assert search.nothing_left.startswith("no pipeline fits in the 100 MB that a trial may have")


def test_memory_of_an_estimator_that_is_in_the_catalogue_no_more_is_ignored():
    search = search_of(8000.0)
    search.tell(0, PipelineSpec("Forgotten"), 0.5, 1.0, MemoryUse(100.0, 200.0))
    search.avoid(PipelineSpec("Forgotten"))
    assert search.ask(1) is not None


def test_equal_histories_give_equal_proposals_also_with_a_limit():
    def proposals():
        search = search_of(600.0)
        specs = []
        for number in range(15):
            specs.append(search.ask(number))
            use = MemoryUse(200.0, 200.0 + number * 20)
            search.tell(number, specs[-1], 0.01 * number, 1.0, use)
        return specs

    assert proposals() == proposals()
