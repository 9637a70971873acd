"""What users are told of the pipelines that would not fit, and what the search is told."""

from __future__ import annotations

import logging

from engine.driver.trial_memory import LeftOut, memory_use
from engine.pipelines.spec import PipelineSpec
from engine.search.random_search import RandomSearch
from engine.store.properties import IterationProperties
from tests.search.data import DATA


def test_each_estimator_is_told_once(caplog):
    caplog.set_level(logging.WARNING, "raysmith.driver")
    search = RandomSearch(DATA)
    left_out = LeftOut(search)
    left_out.tell_new()
    search.left_out += [PipelineSpec("KNN"), PipelineSpec("KNN", "PCA")]
    left_out.tell_new()
    left_out.tell_new()
    search.left_out.append(PipelineSpec("SVM"))
    search.left_out.append(PipelineSpec("KNN", "Normalizer"))
    left_out.tell_new()
    told = [record.getMessage().split()[0] for record in caplog.records]
    assert told == ["KNN", "SVM"]


def test_the_note_counts_pipelines():
    search = RandomSearch(DATA)
    assert LeftOut(search).note() is None
    search.left_out.append(PipelineSpec("KNN"))
    assert LeftOut(search).note().startswith("1 pipeline was not tried for want of memory")
    search.left_out += [PipelineSpec("SVM"), PipelineSpec("KNN", "PCA")]
    assert LeftOut(search).note().endswith(": KNN (2), SVM (1)")


def test_memory_that_is_half_known_is_not_known():
    assert memory_use(IterationProperties()) is None
    assert memory_use(IterationProperties(peak_memory_mb=300.0)) is None
