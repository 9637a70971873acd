from __future__ import annotations

import numpy as np
import pytest

from engine import DataException
from engine.data.check import check_data
from engine.data.splits import SplitPlan, check_plan, make_splits


def dataset(y, task="classification"):
    return check_data({"X": np.arange(len(y), dtype=float)[:, None], "y": y}, task)


@pytest.mark.parametrize(
    ("n_rows", "folds", "share"),
    [(1_000, 10, None), (1_001, 5, None), (20_000, 5, None), (20_001, None, 0.1)],
)
def test_rules_by_size(n_rows, folds, share):
    plan = SplitPlan().resolve(n_rows)
    assert (plan.n_cross_validations, plan.validation_size) == (folds, share)


def test_folds_are_stratified_and_cover_every_row_once():
    y = np.array([0] * 40 + [1] * 10)
    folds = make_splits(dataset(y), SplitPlan(5))
    assert sorted(np.concatenate([valid for _, valid in folds])) == list(range(50))
    for train, valid in folds:
        assert y[valid].sum() == 2
        assert not set(train) & set(valid)


def test_the_seed_decides():
    data = dataset(np.arange(100) % 2)
    same = [make_splits(data, SplitPlan(5, None, 7))[0][1].tolist() for _ in range(2)]
    assert same[0] == same[1]
    assert same[0] != make_splits(data, SplitPlan(5, None, 8))[0][1].tolist()


def test_monte_carlo_and_hold_out():
    data = dataset(np.arange(100) % 4)
    folds = make_splits(data, SplitPlan(3, 0.2))
    assert [len(valid) for _, valid in folds] == [20, 20, 20]
    assert len(make_splits(data, SplitPlan(None, 0.25))) == 1
    for _, valid in folds:
        assert np.bincount(data.y[valid]).tolist() == [5, 5, 5, 5]


@pytest.mark.parametrize("plan", [SplitPlan(5), SplitPlan(2, 0.3), SplitPlan(None, 0.5)])
def test_rare_classes_split_as_far_as_possible(plan):
    data = dataset(np.array([0] * 30 + [1] * 2 + [2]))
    assert len(check_plan(data.summary(), plan)) == 1
    for train, valid in make_splits(data, plan):
        assert len(train)
        assert len(valid)


def test_all_classes_rarer_than_the_folds():
    data = dataset(np.arange(12) % 6)
    assert len(make_splits(data, SplitPlan(10))) == 10


def test_regression_is_not_stratified():
    folds = make_splits(dataset(np.linspace(0, 1, 30), "regression"), SplitPlan(3))
    assert [len(valid) for _, valid in folds] == [10, 10, 10]


def test_fewer_rows_than_folds():
    with pytest.raises(DataException, match=r"n_cross_validations=5 .* has 4"):
        check_plan(dataset([0, 1, 0, 1]).summary(), SplitPlan(5))
    with pytest.raises(DataException, match="10 folds, the default"):
        check_plan(dataset([0, 1, 0, 1]).summary(), SplitPlan())
    with pytest.raises(DataException, match="leaves none"):
        check_plan(dataset([0, 1]).summary(), SplitPlan(None, 0.9))


def test_splits_of_the_user_are_taken_and_renumbered_when_rows_go():
    y = np.array([0.0, np.nan, 1, 0, 1])
    splits = [(np.array([0, 1, 2]), np.array([3, 4])), (np.array([3, 4]), np.array([0, 2]))]
    data = check_data({"X": np.eye(5), "y": y, "cv_splits_indices": splits}, "classification")
    (train, valid), second = make_splits(data, SplitPlan(10))
    assert train.tolist() == [0, 1]
    assert valid.tolist() == [2, 3]
    assert second[0].tolist() == [2, 3]
