"""Voting on predictions made by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from engine.deadline import Deadline
from engine.ensembles.greedy_selection import GreedySelection
from engine.ensembles.out_of_fold import OutOfFold
from engine.ensembles.voting import greedy_weights, top_members, voting_ensemble
from engine.metrics.metric import METRICS
from tests.ensembles.candidates import N, noisy_views, out_of_fold


def test_a_useless_candidate_gets_no_weight():
    data = out_of_fold("classification")
    junk = np.random.default_rng(2).dirichlet(np.ones(3), size=N)
    data = OutOfFold(data.y, None, data.parts, {**data.predictions, 9: junk}, 1.0, 3)
    assert voting_ensemble(data, METRICS["log_loss"]).members.get(9, 0.0) < 0.05


def test_the_selection_starts_from_different_estimators():
    """Not from near copies of the best one."""
    metric = METRICS["mean_absolute_error"]
    start_only = GreedySelection(additions=0)
    data = out_of_fold("regression")
    best = data.ranked(metric)[0]
    copies = {10 + i: data.predictions[best] + 1e-6 * i for i in range(12)}
    others = [n for n in data.predictions if n != best]
    data = replace(
        data,
        predictions={**copies, **{n: data.predictions[n] for n in others}},
        kinds={**dict.fromkeys(copies, "LightGBM"), others[0]: "SVM", others[1]: "KNN"},
    )
    members = start_only.select_on_halves(data, metric)
    assert [members[n] for n in others] == [0.25] * 3
    assert sum(members[n] for n in copies if n in members) == pytest.approx(0.25)
    assert set(start_only.select_on_halves(replace(data, kinds={}), metric)) < set(copies)


@pytest.mark.parametrize("n_rows", [10, 200, 4000])
def test_weights_are_the_mean_of_selections_on_halves(n_rows):
    """Candidates that are equally good share; a single selection picks what was lucky."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=n_rows)
    views = {n: y + rng.normal(scale=3.0, size=n_rows) for n in range(10)}
    data = OutOfFold(y, None, np.arange(n_rows) % 5, views, 1.0, None)
    members = voting_ensemble(data, METRICS["root_mean_squared_error"]).members
    assert sum(members.values()) == pytest.approx(1.0)
    assert list(members.values()) == sorted(members.values(), reverse=True)
    if n_rows >= 200:
        assert len(members) == 10
    again = voting_ensemble(data, METRICS["root_mean_squared_error"]).members
    assert again == members


def test_no_time_is_the_best_single_one():
    data = out_of_fold("classification")
    voted = voting_ensemble(data, METRICS["accuracy"], deadline=Deadline(at=0.0))
    assert len(voted.members) == 1


def test_top_members_are_the_members_and_two_at_least():
    data = out_of_fold("classification")
    metric = METRICS["log_loss"]
    members = list(voting_ensemble(data, metric).members)
    assert top_members(data, metric, 9) == members == list(greedy_weights(data, metric))
    assert top_members(data, metric, 3) == members[:3]
    right = {5: np.eye(3)[data.y], **data.predictions}
    chosen = top_members(replace(data, predictions=right), metric, 9)
    assert chosen[0] == 5
    assert len(chosen) == 2
    assert top_members(data, metric, 9, Deadline(at=0.0)) == data.ranked(metric)[:2]


def test_weights_count():
    y, _ = noisy_views("classification")
    weight = np.where(np.arange(N) < 150, 1.0, 0.0)
    data = out_of_fold("classification", sample_weight=weight)
    right = np.eye(3)[y] * 0.9 + 0.05
    wrong = np.full((N, 3), 1 / 3)
    halves = {
        0: np.where(weight[:, None] > 0, right, wrong),
        1: np.where(weight[:, None] > 0, wrong, right),
    }
    data = OutOfFold(data.y, data.weight, data.parts, halves, 1.0, 3)
    assert list(voting_ensemble(data, METRICS["log_loss"]).members) == [0]


def test_a_slow_member_that_shows_is_kept():
    data = out_of_fold("regression")
    data = replace(data, prediction_ms=dict.fromkeys(data.predictions, 500.0))
    assert set(voting_ensemble(data, METRICS["root_mean_squared_error"]).members) == {0, 1, 2, 3}
