"""What an iteration decides while it runs: on a clock that each fold turns."""

from __future__ import annotations

import logging
import math

import numpy as np
import pytest

from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.deadline import Deadline
from engine.driver import trial_evaluation
from engine.driver.time_budget import IterationLimits
from engine.driver.trial_evaluation import TrialEvaluation
from engine.driver.trial_settings import TrialSettings
from engine.errors import DataException
from engine.evaluation.cross_validation import evaluate
from engine.pipelines.spec import PipelineSpec
from tests.driver.replay import X, Y

DATA = check_data({"X": X, "y": Y}, "classification")
FOLDS = make_splits(DATA, SplitPlan(5))
HOLD_OUT = make_splits(DATA, SplitPlan(None, 0.1))
SPEC = PipelineSpec("LogisticRegression")


class Clock:
    def __init__(self):
        self.now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves by ten seconds a fold, and by twelve for the fit on all rows."""
    clock = Clock()

    def slowly(*args, after_fold, spares_last_fit, **more):
        def moved(folds):
            clock.now += 10.0
            return after_fold(folds)

        def hold_out_moved():
            clock.now += 10.0
            return spares_last_fit()

        return evaluate(*args, after_fold=moved, spares_last_fit=hold_out_moved, **more)

    monkeypatch.setattr(trial_evaluation, "evaluate", slowly)
    return clock


def run(clock, spec=SPEC, folds=FOLDS, best_folds=(), metric="accuracy", prunes=True, **limits):
    if "trials" in limits:
        limits["trials"] = Deadline(clock.now + limits["trials"], clock)
    settings = TrialSettings(
        None,
        DATA.summary().fingerprint,
        metric,
        1,
        0,
        None,
        logging.INFO,
        IterationLimits(**limits),
        prunes=prunes,
    )
    evaluation = TrialEvaluation(spec, settings, best_folds, clock)
    return evaluation.run(lambda: (DATA, folds))


def test_all_there_is_to_know_of_an_iteration(clock):
    end = run(clock)
    assert end.status == "Completed"
    assert end.reason == ""
    assert end.metrics["accuracy"] > 0.8
    assert [set(fold) for fold in end.fold_metrics] == [set(end.metrics)] * 5
    assert end.properties.folds == 5
    assert end.properties.fitted_rows == 120
    assert end.properties.cores == 1
    assert end.model
    assert end.predictions


def test_what_raises_is_an_outcome(clock, capsys):
    end = run(clock, PipelineSpec("KNN", "", {"n_neighbors": 10**6}))
    assert end.status == "Failed"
    assert end.reason.startswith("ValueError: Expected n_neighbors <=")
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [DataException("no data on this node"), SystemExit(3)])
def test_data_that_cannot_be_had_is_an_outcome(error):
    settings = TrialSettings(None, "", "accuracy", 1, 0, None, logging.INFO, IterationLimits())

    def none():
        raise error

    end = TrialEvaluation(SPEC, settings).run(none)
    assert end.status == "Failed"
    assert end.reason == f"{type(error).__name__}: {error}"


def test_a_process_that_ray_ends_is_no_outcome():
    """The raylet of its node is gone: the iteration belongs elsewhere."""
    from ray._private.worker import raise_sys_exit_with_custom_error_message

    settings = TrialSettings(None, "", "accuracy", 1, 0, None, logging.INFO, IterationLimits())

    def ended():
        raise_sys_exit_with_custom_error_message("The process receives a SIGTERM.", exit_code=1)

    with pytest.raises(SystemExit):
        TrialEvaluation(SPEC, settings).run(ended)


def test_a_score_that_is_nan_is_a_failure(clock, monkeypatch):
    def nan(*args, **more):
        result = evaluate(*args, **more)
        result.metrics["accuracy"] = math.nan
        return result

    monkeypatch.setattr(trial_evaluation, "evaluate", nan)
    end = run(clock)
    assert (end.status, end.reason) == ("Failed", "accuracy is NaN")


def test_what_is_hopeless_is_pruned(clock):
    bad = PipelineSpec("KNN", "", {"n_neighbors": 90})
    end = run(clock, bad, best_folds=(1.0, 1.0, 1.0, 1.0, 0.99))
    assert end.status == "Pruned"
    assert end.reason.startswith("hopeless after 1 of 5 folds")
    assert end.whole_seconds == pytest.approx(10 * (5 + 1.2))


def test_without_pruning_what_is_hopeless_has_a_model_too(clock):
    bad = PipelineSpec("KNN", "", {"n_neighbors": 90})
    end = run(clock, bad, best_folds=(1.0, 1.0, 1.0, 1.0, 0.99), prunes=False)
    assert end.status == "Completed"
    assert end.model


def test_without_pruning_limits_of_time_still_hold(clock):
    end = run(clock, best_folds=(0.9,) * 5, prunes=False, trials=600.0, share_seconds=50.0)
    assert end.status == "Pruned"


def test_what_is_over_its_share_is_pruned_when_there_is_a_model(clock):
    end = run(clock, best_folds=(0.9,) * 5, trials=600.0, share_seconds=50.0)
    assert end.status == "Pruned"
    assert end.reason == (
        "its 62 s would be more than its share of experiment_timeout_minutes, 50 s"
    )
    assert run(clock, trials=600.0, share_seconds=50.0).status == "Completed"


def test_what_would_not_end_in_time_is_pruned_when_there_is_a_model(clock):
    end = run(clock, best_folds=(0.9,) * 5, trials=40.0)
    assert (end.status, end.reason) == (
        "Pruned", "52 s more would be over experiment_timeout_minutes",
    )  # fmt: skip


def test_the_first_model_is_scored_on_the_folds_that_there_is_time_for(clock):
    end = run(clock, trials=40.0)
    assert end.status == "Completed"
    assert end.properties.folds == 1


def test_a_first_model_for_which_there_is_no_time_at_all_is_pruned(clock):
    assert run(clock, trials=20.0).status == "Pruned"


def test_a_long_iteration_keeps_the_model_of_a_hold_out(clock):
    assert run(clock, folds=HOLD_OUT).properties.fitted_rows == 120
    long = run(clock, folds=HOLD_OUT, trials=600.0, share_seconds=100.0)
    assert long.properties.fitted_rows == 108
    no_time = run(clock, folds=HOLD_OUT, trials=15.0)
    assert no_time.properties.fitted_rows == 108


def test_a_large_hold_out_is_not_done_without(clock):
    half = make_splits(DATA, SplitPlan(None, 0.5))
    end = run(clock, folds=half, trials=600.0, share_seconds=100.0)
    assert end.properties.fitted_rows == 120


def test_boosting_gets_the_time_that_the_limits_leave(clock, monkeypatch):
    seen = []

    def look(spec, data, folds, options, **more):
        seen.append(options.fit_seconds)
        return evaluate(spec, data, folds, options, **more)

    monkeypatch.setattr(trial_evaluation, "evaluate", look)
    run(clock)
    run(clock, iteration_seconds=65.0)
    assert seen[0] is None
    assert seen[1] == pytest.approx(8.0)


def test_the_fits_are_counted():
    settings = TrialSettings(None, "", "accuracy", 1, 0, None, logging.INFO, IterationLimits())
    seconds = []
    TrialEvaluation(SPEC, settings).run(lambda: (DATA, FOLDS), fitted=seconds.append)
    assert len(seconds) == 1
    assert np.isfinite(seconds[0])
