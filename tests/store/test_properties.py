"""Properties of iterations as values and as texts."""

from __future__ import annotations

from dataclasses import fields

from engine.pipelines.spec import PipelineSpec
from engine.store.properties import IterationProperties

SPEC = PipelineSpec("LightGBM", "PCA", {"num_leaves": 31}, {"share": 0.5})
EVERYTHING = IterationProperties(
    iteration=3,
    run_algorithm="LightGBM",
    run_preprocessor="",
    pipeline_spec=SPEC.to_json(),
    node_id="a" * 56,
    node_ip="10.0.0.1",
    pid=4711,
    fit_seconds=1.234,
    score_seconds=0.001,
    prediction_ms=5.0,
    folds=5,
    fold_scores=(0.8, 0.9, 0.85, 1.0, 0.7),
    fitted_rows=45000,
    cores=2,
    threads=2,
    ensembled_iterations=(4, 2),
    ensemble_weights=(0.75, 0.25),
    preferred="0.89 against 0.88",
    start_memory_mb=210.0,
    peak_memory_mb=350.5,
)


def test_every_property_comes_back_from_its_text():
    assert all(getattr(EVERYTHING, known.name) is not None for known in fields(EVERYTHING))
    tags = EVERYTHING.to_tags()
    assert all(isinstance(text, str) for text in tags.values())
    assert IterationProperties.from_tags(tags) == EVERYTHING


def test_texts_that_users_read():
    tags = EVERYTHING.to_tags()
    assert (tags["fitted_rows"], tags["fit_seconds"], tags["prediction_ms"]) == (
        "45000",
        "1.234",
        "5.0",
    )
    assert (tags["ensembled_iterations"], tags["ensemble_weights"]) == ("[4, 2]", "[0.75, 0.25]")
    assert tags["run_preprocessor"] == ""


def test_a_list_that_was_cut_is_not_known():
    properties = IterationProperties.from_tags({"ensemble_weights": "[0.5, 0.2...", "folds": "5"})
    assert (properties.ensemble_weights, properties.folds) == (None, 5)


def test_names_of_others_are_ignored():
    assert IterationProperties.from_tags({"something": "else"}) == IterationProperties()


def test_a_pipeline_is_described_beside_its_node():
    properties = IterationProperties(node_ip="10.0.0.1").with_pipeline(SPEC, 7)
    assert (properties.node_ip, properties.iteration) == ("10.0.0.1", 7)
    assert (properties.run_algorithm, properties.run_preprocessor) == ("LightGBM", "PCA")
    assert PipelineSpec.from_json(properties.pipeline_spec) == SPEC
    assert IterationProperties.of_pipeline(SPEC).iteration is None
