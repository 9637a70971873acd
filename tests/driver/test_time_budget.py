"""What time an iteration has."""

from __future__ import annotations

import pytest

from engine.config.settings import Settings
from engine.deadline import Deadline
from engine.driver.clock import SimulatedClock
from engine.driver.time_budget import IterationLimits, TimeBudget


def ending(seconds):
    """So many seconds from a moment at which the clock stands still."""
    return Deadline(1000.0 + seconds, lambda: 1000.0)


def test_without_limits_nothing_ends():
    assert IterationLimits().fit_seconds(5) is None
    assert IterationLimits().exceeded(1e9, 1e8, is_first=False) is None
    assert not IterationLimits().trials.is_set


@pytest.mark.parametrize("n_folds", [1, 5, 10])
def test_boosting_leaves_time_for_the_other_fits(n_folds):
    for limits, seconds in (
        (IterationLimits(trials=ending(60)), 60),
        (IterationLimits(iteration_seconds=12), 12),
        (IterationLimits(trials=ending(600), share_seconds=15), 15),
        (IterationLimits(trials=ending(600), iteration_seconds=9, share_seconds=15), 9),
        (IterationLimits(trials=ending(5), share_seconds=15), 5),
    ):
        fit = limits.fit_seconds(n_folds)
        assert fit is not None
        assert 0.3 * seconds < fit * (n_folds + 1.2) < seconds


def test_without_a_fit_on_all_rows_boosting_has_more():
    limits = IterationLimits(trials=ending(600), share_seconds=15)
    alone = limits.fit_seconds(1, spares_last_fit=True)
    assert alone is not None
    assert limits.fit_seconds(1) < alone < 15


def test_boosting_always_gets_a_moment():
    assert IterationLimits(trials=ending(-5)).fit_seconds(5) == 0.2


def test_what_would_be_over_the_runs_time_must_not_go_on():
    limits = IterationLimits(trials=ending(10))
    assert limits.exceeded(whole=14, elapsed=5, is_first=True) is None
    reason = limits.exceeded(whole=20, elapsed=5, is_first=True)
    assert reason == "15 s more would be over experiment_timeout_minutes"


def test_only_the_first_may_take_more_than_its_share():
    limits = IterationLimits(trials=ending(100), share_seconds=30)
    assert limits.exceeded(whole=40, elapsed=5, is_first=True) is None
    assert limits.exceeded(whole=29, elapsed=5, is_first=False) is None
    reason = limits.exceeded(whole=40, elapsed=5, is_first=False)
    assert reason is not None
    assert "its share of experiment_timeout_minutes, 30 s" in reason


def test_long_is_what_takes_a_good_part_of_a_share():
    limits = IterationLimits(trials=ending(100), share_seconds=30)
    assert not limits.is_long(3)
    assert limits.is_long(10)
    assert not IterationLimits().is_long(1000)


def test_room_is_by_the_run_and_by_the_iteration():
    assert IterationLimits().has_room_for(1e9, 0)
    limits = IterationLimits(trials=ending(10), iteration_seconds=12)
    assert limits.has_room_for(whole=11, elapsed=5)
    assert not limits.has_room_for(whole=13, elapsed=5)
    assert not limits.has_room_for(whole=11, elapsed=0.5)
    assert not IterationLimits(share_seconds=10).has_room_for(whole=11, elapsed=10)


def budget(explains=False, **settings):
    clock = SimulatedClock(1000.0)
    return clock, TimeBudget(Settings("regression", "r2_score", **settings), 990.0, clock, explains)


def test_without_limits_nothing_is_limited():
    _, without = budget()
    for deadline in (without.run, without.trials):
        assert not deadline.is_set
    assert without.share_seconds is without.iteration_seconds is None
    without.reserve_second_level()
    assert not without.trials.is_set
    assert without.iteration_limits().fit_seconds(5) is None


@pytest.mark.parametrize(
    ("minutes", "explains", "reserved"),
    [
        (0.1, False, 3.0),  # half of it at most
        (1.0, False, 4.8),
        (1.0, True, 20.8),
        (60.0, False, 60.0),
        (60.0, True, 180.0),
        (600.0, True, 180.0),
    ],
)
def test_time_is_kept_for_what_follows_the_trials(minutes, explains, reserved):
    clock, timed = budget(explains, experiment_timeout_minutes=minutes)
    assert timed.run.at == 990.0 + 60 * minutes
    assert timed.run.at - timed.trials.at == pytest.approx(reserved)
    clock.sleep(5.0)
    assert timed.run.left() == pytest.approx(60 * minutes - 15.0)


@pytest.mark.parametrize(("minutes", "reserved"), [(1.0, 4.0), (10.0, 31.0), (60.0, 60.0)])
def test_a_second_level_ends_the_trials_earlier(minutes, reserved):
    _, timed = budget(experiment_timeout_minutes=minutes)
    before = timed.trials
    timed.reserve_second_level()
    assert before.at - timed.trials.at == pytest.approx(reserved)
    # A deadline means nothing on another machine: seconds travel with each proposal.
    assert not timed.iteration_limits().trials.is_set


def test_one_iteration_gets_a_third_of_what_trials_have_left():
    _, timed = budget(experiment_timeout_minutes=10.0)
    assert timed.share_seconds == pytest.approx((600.0 - 10.0 - 21.0) / 3)
    _, short = budget(experiment_timeout_minutes=0.3)
    assert short.share_seconds == 5.0
    _, both = budget(experiment_timeout_minutes=10.0, iteration_timeout_minutes=1.0)
    assert (both.share_seconds, both.iteration_seconds) == (None, 60.0)
    limits = both.iteration_limits()
    assert (limits.share_seconds, limits.iteration_seconds) == (None, 60.0)


def test_an_explanation_ends_by_its_own_limit_or_by_the_runs():
    clock, timed = budget(True, experiment_timeout_minutes=10.0)
    assert timed.explanation().left() == 300.0
    clock.sleep(500.0)
    assert timed.explanation().left() == pytest.approx(90.0 - 6.0)
    _, own = budget(True, explain_timeout_minutes=2.0)
    assert own.explanation().left() == 120.0
    _, none = budget(True, explain_timeout_minutes=None)
    assert not none.explanation().is_set
