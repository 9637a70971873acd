"""Questions that a record answers."""

from __future__ import annotations

import dataclasses
import time

from engine.pipelines.spec import PipelineSpec
from engine.store.properties import IterationProperties
from engine.store.records import IterationRecord
from engine.store.status import IterationStatus

SPEC = PipelineSpec("KNN", "PCA", {"n_neighbors": 5})
RECORD = IterationRecord(
    "id",
    3,
    IterationStatus.COMPLETED,
    "PCA KNN",
    "",
    {},
    IterationProperties.of_pipeline(SPEC, 3),
    100.0,
    102.5,
)


def test_the_specification_of_a_pipeline():
    assert RECORD.spec == SPEC
    cut = dataclasses.replace(RECORD.properties, pipeline_spec=SPEC.to_json()[:20] + "...")
    assert dataclasses.replace(RECORD, properties=cut).spec == PipelineSpec("KNN", "PCA")


def test_the_kind_of_an_iteration():
    assert (RECORD.kind, RECORD.is_ensemble) == ("KNN", False)
    unknown = dataclasses.replace(RECORD, properties=IterationProperties())
    assert (unknown.kind, unknown.is_ensemble) == ("3", False)
    voting = IterationProperties.of_pipeline(PipelineSpec("VotingEnsemble"))
    assert dataclasses.replace(RECORD, properties=voting).is_ensemble


def test_the_seconds_of_an_iteration():
    assert RECORD.seconds == 2.5
    running = dataclasses.replace(RECORD, started=time.time() - 10, ended=None)
    assert 10 <= running.seconds < 60
    # The clocks of two machines differ.
    assert dataclasses.replace(RECORD, started=time.time() + 60, ended=None).seconds == 0.0
