"""Which iterations are candidates, and which numbers are left for pipelines."""

from __future__ import annotations

import numpy as np
import pytest

from engine import AutoMLConfig
from engine.data.check import check_data
from engine.data.splits import make_splits
from engine.driver.driver import _goal
from engine.driver.ensemble_step import add_ensembles
from engine.ensembles.compose import EnsembleResult
from engine.ensembles.preference import _Preference
from engine.evaluation.cross_validation import evaluate
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec
from engine.store.packing import pack_model, pack_predictions
from engine.store.properties import IterationProperties
from engine.store.records import IterationEnd
from engine.store.status import IterationStatus


@pytest.mark.parametrize(
    ("name", "scores", "preferred"),
    [
        ("VotingEnsemble", [0.8, 0.8, 0.8], True),
        ("VotingEnsemble", [0.8, 0.81, 0.78], True),
        ("VotingEnsemble", [0.79, 0.79, 0.789], False),
        ("StackEnsemble", [0.9, 0.8, 0.79], False),
        ("StackEnsemble", [0.9, 0.89, 0.91], True),
        ("StackEnsemble", [0.83, 0.8, 0.8], False),
        ("StackEnsemble", [0.83, 0.81, 0.8], False),
        ("a second level", [0.83, 0.8, 0.8], True),
        ("a second level", [0.8, 0.8, 0.8], False),
        ("a second level", [0.83, 0.77, 0.8], False),
    ],
)
def test_what_is_preferred_to_a_single_pipeline(name, scores, preferred):
    own_weight = 0.5 if name == "a second level" else None
    folds = [{"accuracy": score} for score in scores]
    result = EnsembleResult({}, {}, folds, None, own_weight=own_weight)
    why = _Preference(METRICS["accuracy"], [0.8, 0.8, 0.8]).of(name, result)
    assert (why is not None) == preferred
    assert _Preference(METRICS["accuracy"], None).of(name, result) is None


@pytest.mark.parametrize(
    ("iterations", "ensembles", "expected"),
    [(20, [], 20), (20, [20, 21], 20), (4, [3, 4], 6), (5, [3, 4], 7), (7, [3, 4, 7, 8], 11)],
)
def test_ensembles_come_on_top_of_the_iterations(iterations, ensembles, expected):
    goal = _goal(iterations, ensembles)
    assert goal == expected
    assert len(set(range(goal)) - set(ensembles)) == iterations


def test_what_goes_wrong_before_them_is_their_reason(workspace, experiment):
    store, settings = workspace.store, AutoMLConfig("classification", X=[[0.0]] * 4, y=[0, 1] * 2)
    named = {"task": "classification", "primary_metric": "accuracy"}
    run_id = store.create_run(experiment.id, named, {})
    for number in range(2):
        child = store.start_iteration(
            store.run(run_id), number, "KNN", {}, IterationProperties(), 1.0
        )
        store.end_iteration(
            child, IterationEnd(IterationStatus.COMPLETED, metrics={"accuracy": 0.5})
        )

    def unreadable():
        raise OSError("the data is gone")

    add_ensembles(store, store.run(run_id), settings.settings, unreadable, None, lambda: False)
    rows = [(r.pipeline, r.status, r.reason) for r in store.iterations(run_id)][2:]
    reason = "OSError: the data is gone"
    assert rows == [("VotingEnsemble", "Failed", reason), ("StackEnsemble", "Failed", reason)]


@pytest.mark.parametrize("n_pruned", [0, 30])
def test_pruned_iterations_count_as_tries(workspace, experiment, n_pruned):
    """What was compared makes the best one lucky, whether it was compared to its end or not."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    data = check_data({"X": X, "y": (X.sum(axis=1) > 0).astype(int)}, "classification")
    config = AutoMLConfig("classification", X=X, y=data.y, n_cross_validations=4)
    store, settings = workspace.store, config.settings
    named = {"task": "classification", "primary_metric": "AUC_weighted"}
    run_id = store.create_run(experiment.id, named, {})

    def ended(number, end):
        properties = IterationProperties(run_algorithm="KNN", iteration=number)
        record = store.run(run_id)
        store.end_iteration(store.start_iteration(record, number, "KNN", {}, properties, 1.0), end)

    for number in range(3):
        spec = PipelineSpec("LogisticRegression", "", {"C": 10.0 ** (number - 2)})
        result = evaluate(spec, data, make_splits(data, settings.split_plan))
        packed = pack_model(result.model), pack_predictions(result.predictions)
        end = IterationEnd(
            IterationStatus.COMPLETED,
            metrics=result.metrics,
            model=packed[0],
            predictions=packed[1],
        )
        ended(number, end)
    for number in range(3, 3 + n_pruned):
        ended(number, IterationEnd(IterationStatus.PRUNED, "hopeless"))
    add_ensembles(store, store.run(run_id), settings, lambda: data, None, lambda: False)
    voted = next(r for r in store.iterations(run_id) if r.pipeline == "VotingEnsemble")
    assert voted.status == "Completed"
    assert (voted.properties.preferred is not None) == (n_pruned > 0)
