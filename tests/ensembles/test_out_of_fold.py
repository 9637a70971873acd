"""Out-of-fold predictions made by hand, and what is luck in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.preference import choose_one, mean_improvement
from engine.ensembles.voting import voting_ensemble
from engine.metrics.metric import METRICS
from tests.ensembles.candidates import N, noisy_views, out_of_fold, sixty_guesses


def test_the_best_of_many_guesses_is_luck_that_choosing_on_other_rows_shows():
    found = sixty_guesses()
    luckiest = max(found.score(METRICS["AUC_weighted"], p) for p in found.predictions.values())
    scores = choose_one(found, METRICS["AUC_weighted"])
    assert len(scores) == 5
    assert luckiest > 0.56
    assert np.mean(scores) < luckiest - 0.03


def test_a_candidate_that_is_really_best_is_chosen_everywhere():
    y, views = noisy_views("regression")
    views[9] = y + np.random.default_rng(2).normal(scale=0.1, size=N)
    data = check_data({"X": np.random.default_rng(1).normal(size=(N, 2)), "y": y}, "regression")
    found = OutOfFold.of(data, make_splits(data, SplitPlan(5)), views)
    own = [
        found.take(mine).score(METRICS["r2_score"], views[9][mine]) for _, mine in found.splits()
    ]
    assert choose_one(found, METRICS["r2_score"]) == own


def test_a_gain_and_its_error():
    better, error = mean_improvement(METRICS["accuracy"], [0.8, 0.9, np.nan], [0.7, 0.7, 0.5])
    assert better == pytest.approx(0.15)
    assert error == pytest.approx(0.05)
    assert mean_improvement(METRICS["log_loss"], [0.2, 0.2], [0.3, 0.3])[0] == pytest.approx(0.1)
    assert np.isnan(mean_improvement(METRICS["accuracy"], [np.nan], [0.5])[0])


def test_rows_that_were_never_predicted_are_left_out():
    y, views = noisy_views("regression")
    views[0][:150] = np.nan
    data = check_data({"X": np.zeros((N, 1)), "y": y}, "regression")
    oof = OutOfFold.of(data, [(np.arange(150), np.arange(150, N))], views)
    assert len(oof.y) == 150
    assert set(oof.parts) == set(range(5))
    assert voting_ensemble(oof, METRICS["r2_score"]).metrics["r2_score"] > 0.5


def test_predictions_of_some_rows_are_scattered_and_gathered():
    y, views = noisy_views("classification")
    views[0][5] = np.nan
    data = check_data({"X": np.zeros((N, 1)), "y": y}, "classification")
    oof = OutOfFold.of(data, make_splits(data, SplitPlan(5)), views)
    everything = oof.scatter(oof.predictions[1])
    assert np.isnan(everything[5]).all()
    np.testing.assert_array_equal(np.delete(everything, 5, axis=0), np.delete(views[1], 5, axis=0))
    np.testing.assert_array_equal(oof.gather(everything), oof.predictions[1])


def test_a_candidate_that_is_no_iteration_gets_a_number_of_its_own():
    data = replace(out_of_fold("regression"), prediction_ms={0: 5.0})
    added, number = data.with_candidate(data.y, 3.0, "oracle")
    assert number not in data.predictions
    assert set(added.predictions) == {*data.predictions, number}
    assert added.prediction_ms == {0: 5.0, number: 3.0}
    assert added.kinds[number] == "oracle"
    assert added.ranked(METRICS["r2_score"])[0] == number
