"""Which iterations are candidates, and which numbers are left for pipelines."""

from __future__ import annotations

import numpy as np
import pytest

from engine import AutoMLConfig
from engine.data.check import check_data
from engine.data.splits import make_splits
from engine.driver.ensemble_step import add_ensembles
from engine.driver.resuming import number_to_stop_before
from engine.ensembles.compose import EnsembleResult
from engine.ensembles.preference import _Preference
from engine.evaluation.cross_validation import evaluate
from engine.metrics.metric import METRICS
from engine.pipelines.spec import PipelineSpec
from engine.store.choice import PREFERRED, best_iteration, candidates, chosen_iteration
from engine.store.packing import pack_model, pack_predictions
from engine.store.records import IterationEnd, IterationRecord
from engine.store.status import IterationStatus


def record(number, score, status=IterationStatus.COMPLETED, algorithm="KNN", metric="accuracy"):
    metrics = {} if score is None else {metric: score}
    properties = {"run_algorithm": algorithm}
    return IterationRecord(
        str(number), number, status, algorithm, "", metrics, properties, 0.0, 1.0
    )


def test_the_best_completed_ones_best_first():
    iterations = [
        record(0, 0.7),
        record(1, 0.9),
        record(2, 0.8, status=IterationStatus.PRUNED),
        record(3, None, status=IterationStatus.FAILED),
        record(4, 0.9),
        record(5, 0.95, algorithm="VotingEnsemble"),
        record(6, 0.6),
    ]
    chosen = candidates(iterations, METRICS["accuracy"], 3)
    assert [r.iteration for r in chosen] == [1, 4, 0]


def test_two_of_each_estimator_come_before_a_third_of_one():
    kinds = ["LightGBM"] * 4 + ["KNN"] * 3 + ["SVM"]
    iterations = [record(n, 0.9 - 0.1 * n, algorithm=kind) for n, kind in enumerate(kinds)]
    for number, expected in (
        (2, [0, 1]),
        (4, [0, 1, 4, 5]),
        (5, [0, 1, 4, 5, 7]),
        (6, [0, 1, 2, 4, 5, 7]),
        (99, list(range(8))),
    ):
        chosen = candidates(iterations, METRICS["accuracy"], number)
        assert [r.iteration for r in chosen] == expected


def test_an_iteration_that_left_folds_out_is_no_candidate():
    iterations = [record(0, 0.7), record(1, 0.99), record(2, 0.8)]
    for one, folds in zip(iterations, "525", strict=True):
        one.properties["folds"] = folds
    chosen = candidates(iterations, METRICS["accuracy"], 3)
    assert [r.iteration for r in chosen] == [2, 0]


def test_a_preferred_ensemble_is_handed_over_until_more_is_tried():
    metric = METRICS["accuracy"]
    iterations = [
        record(0, 0.7),
        record(1, 0.9),
        record(2, 0.89, algorithm="VotingEnsemble"),
        record(3, 0.88, algorithm="StackEnsemble"),
    ]
    assert chosen_iteration(iterations, metric).iteration == 1
    iterations[2].properties[PREFERRED] = "0.89 against 0.88"
    assert chosen_iteration(iterations, metric).iteration == 2
    assert best_iteration(iterations, metric).iteration == 1
    iterations[3].properties[PREFERRED] = "better still"
    assert chosen_iteration(iterations, metric).iteration == 3
    assert chosen_iteration([*iterations, record(4, 0.6)], metric).iteration == 1
    assert (
        chosen_iteration(
            [*iterations, record(4, 0.6, status=IterationStatus.FAILED)], metric
        ).iteration
        == 3
    )
    assert chosen_iteration([], metric) is None


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


def test_smaller_is_better_for_errors():
    iterations = [record(n, s, metric="log_loss") for n, s in enumerate([0.5, 0.2, 0.9])]
    chosen = candidates(iterations, METRICS["log_loss"], 2)
    assert [r.iteration for r in chosen] == [1, 0]


@pytest.mark.parametrize(
    ("iterations", "ensembles", "expected"),
    [(20, [], 20), (20, [20, 21], 20), (4, [3, 4], 6), (5, [3, 4], 7), (7, [3, 4, 7, 8], 11)],
)
def test_ensembles_come_on_top_of_the_iterations(iterations, ensembles, expected):
    goal = number_to_stop_before(iterations, ensembles)
    assert goal == expected
    assert len(set(range(goal)) - set(ensembles)) == iterations


def test_what_goes_wrong_before_them_is_their_reason(workspace, experiment):
    store, settings = workspace.store, AutoMLConfig("classification", X=[[0.0]] * 4, y=[0, 1] * 2)
    named = {"task": "classification", "primary_metric": "accuracy"}
    run_id = store.create_run(experiment.id, named, {})
    for number in range(2):
        child = store.start_iteration(store.run(run_id), number, "KNN", {}, {}, 1.0)
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
        properties = {"run_algorithm": "KNN", "iteration": number}
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
    assert (PREFERRED in voted.properties) == (n_pruned > 0)
