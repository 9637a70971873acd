from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from engine import DataException, FeaturizationConfig
from engine.data.check import check_data
from engine.data.splits import SplitPlan, make_splits
from engine.evaluation.cross_validation import CrossValidation, evaluate
from engine.evaluation.fit_options import ALL_ROWS, FitOptions
from engine.evaluation.predictions import predict
from engine.evaluation.rounds import rounds_of_the_others
from engine.pipelines.build import build_pipeline
from engine.pipelines.fitting.early_stopping import AtRounds, fit_with_early_stopping
from engine.pipelines.spec import PipelineSpec

LOGISTIC = PipelineSpec("LogisticRegression", "StandardScalerWrapper")


def run(table, spec=LOGISTIC, plan=None, options=None, **callbacks):
    X, y = table
    data = check_data({"X": X, "y": y}, "classification")
    folds = make_splits(data, plan or SplitPlan(4))
    return data, evaluate(spec, data, folds, options, **callbacks)


def test_out_of_fold_predictions_come_from_models_that_did_not_see_the_row(table):
    X, y = table
    data, result = run(table)
    for train, valid in make_splits(data, SplitPlan(4)):
        model = build_pipeline(LOGISTIC, "classification").fit(X[train], y[train])
        assert result.predictions[valid] == pytest.approx(model.predict_proba(X[valid]))
    assert len(result.fold_metrics) == 4


def test_rows_that_no_fold_validates_are_nan(table):
    _, result = run(table, plan=SplitPlan(None, 0.25))
    assert np.isnan(result.predictions).any(axis=1).sum() == 90


def test_folds_that_there_is_no_time_for_are_left_out(table):
    _, result = run(table, after_fold=lambda folds: len(folds) == 2)
    assert len(result.fold_metrics) == 2
    assert np.isnan(result.predictions).any(axis=1).sum() == 60
    assert result.model.predict(table[0]).shape == (120,)


@pytest.mark.parametrize("name", ["LogisticRegression", "LightGBM", "GradientBoosting"])
def test_the_model_of_a_hold_out_may_do(table, name):
    spec, plan = PipelineSpec(name), SplitPlan(None, 0.25)
    data, spared = run(table, spec, plan, spares_last_fit=lambda: True)
    [(train, valid)] = make_splits(data, plan)
    assert spared.fitted_rows == len(train) == 90
    predicted = predict(spared.model, data.X[valid], data)
    np.testing.assert_allclose(spared.predictions[valid], predicted)
    _, whole = run(table, spec, plan, spares_last_fit=lambda: False)
    assert whole.fitted_rows == 120
    assert not np.allclose(predict(whole.model, data.X[valid], data), predicted)


def test_the_model_of_a_hold_out_will_not_do_without_a_class(table):
    X, y = table
    y = np.where(np.arange(120) == 119, 7, y)
    data = check_data({"X": X, "y": y}, "classification")
    hold_out = [(np.arange(90), np.arange(90, 120))]
    result = evaluate(LOGISTIC, data, hold_out, spares_last_fit=lambda: True)
    assert result.fitted_rows == 120
    assert set(result.model.classes_) == {0, 1, 7}


def test_of_several_folds_none_will_do(table):
    _, result = run(table, spares_last_fit=lambda: True)
    assert result.fitted_rows == 120


def test_rows_that_several_folds_validate_hold_the_mean(table):
    _, result = run(table, plan=SplitPlan(30, 0.5))
    assert np.nansum(result.predictions, axis=1) == pytest.approx(1.0)


def test_a_validation_part_of_its_own(table):
    X, y = table
    data = check_data({"X": X[:80], "y": y[:80], "X_valid": X[80:], "y_valid": y[80:]},
                      "classification")  # fmt: skip
    result = evaluate(LOGISTIC, data, [])
    assert result.predictions.shape == (40, 2)
    accuracy = (result.model.predict(X[80:]) == y[80:]).mean()
    assert result.metrics["accuracy"] == pytest.approx(accuracy)


def test_class_weights_change_the_model(table):
    _, plain = run(table)
    _, heavy = run(table, options=FitOptions(class_weight={0: 1.0, 1: 50.0}))
    X, _ = table
    assert heavy.model.predict(X).sum() > plain.model.predict(X).sum()


def test_weights_reach_the_metrics(table):
    X, y = table
    weight = np.where(y == 1, 100.0, 1.0)
    data = check_data({"X": X, "y": y, "sample_weight": weight}, "classification")
    result = evaluate(LOGISTIC, data, make_splits(data, SplitPlan(4)))
    pred = result.predictions.argmax(axis=1)
    expected = np.average(pred == y, weights=weight)
    assert result.metrics["accuracy"] == pytest.approx(expected, abs=0.02)


def test_threads_stay_within_the_cores_and_come_back(table):
    before = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    _, result = run(
        table, PipelineSpec("GradientBoosting", "", {"max_iter": 5}), options=FitOptions(cores=1)
    )
    assert result.threads == 1
    after = {pool["filepath"]: pool["num_threads"] for pool in threadpool_info()}
    assert {path: after[path] for path in before} == before


def test_a_model_that_predicts_nan_is_an_error(table, monkeypatch):
    from sklearn.linear_model import LogisticRegression

    monkeypatch.setattr(
        LogisticRegression, "predict_proba", lambda self, X: np.full((len(X), 2), np.nan)
    )
    with pytest.raises(ValueError, match="NaN or infinity for 30 rows"):
        run(table)


def test_folds_are_fitted_and_scored_one_by_one(table):
    data, whole = run(table)
    folds = make_splits(data, SplitPlan(4))
    one = CrossValidation(LOGISTIC, data, folds)
    model, X_valid = one.fit_fold(2)
    train, valid = folds[2]
    assert len(train) + len(valid) == 120
    assert X_valid.shape == (30, data.X.shape[1])
    predicted = predict(model[-1], X_valid, data)
    np.testing.assert_array_equal(predicted, whole.predictions[valid])
    np.testing.assert_array_equal(predict(model, data.X[valid], data), predicted)


@pytest.mark.parametrize("n_folds", [2, 3, 4])
def test_boosted_folds_are_scored_at_the_mean_rounds_of_other_folds(table, n_folds):
    data, result = run(table, PipelineSpec("LightGBM"), SplitPlan(n_folds))
    folds = make_splits(data, SplitPlan(n_folds))
    X, y, models, rounds = data.X, data.y, [], []
    for train, valid in folds:
        model = build_pipeline(PipelineSpec("LightGBM"), "classification")[-1]
        count = fit_with_early_stopping(
            model, X[train], y[train], None, X[valid], y[valid], keep_all=True
        )
        models.append(model)
        rounds.append(count)
    assert len(set(rounds)) > 1
    for number, (_, valid) in enumerate(folds):
        known_by_then = rounds[: max(number + 1, 3)]
        scored = AtRounds(models[number], rounds_of_the_others(known_by_then, number))
        expected = scored.predict_proba(X[valid])
        np.testing.assert_array_equal(result.predictions[valid], expected)


def test_an_estimator_that_cannot_use_weights_says_so(table):
    with pytest.raises(DataException, match="KNN cannot use"):
        run(table, PipelineSpec("KNN", "MinMaxScaler"), options=FitOptions(class_weight="balanced"))


def test_features_are_asked_for_by_fold_and_for_all_rows():
    rng = np.random.default_rng(0)
    words = np.array(["good", "bad", "slow", "fast", "red", "blue", "round", "square"])
    said = [" ".join(chosen) for chosen in words[rng.integers(8, size=(90, 6))]]
    X = pd.DataFrame({"said": said, "number": rng.normal(size=90)})
    y = np.array(["good" in text.split() for text in said])
    data = check_data({"X": X, "y": y}, "classification", featurization=FeaturizationConfig())
    folds, store, made = make_splits(data, SplitPlan(3)), {}, []

    def kept(part, make):
        if part not in store:
            made.append(part)
            store[part] = make()
        return store[part]

    for name in ("LogisticRegression", "LightGBM"):
        alone = evaluate(PipelineSpec(name), data, folds)
        shared = evaluate(PipelineSpec(name), data, folds, FitOptions(kept=kept))
        assert shared.metrics == alone.metrics
        np.testing.assert_array_equal(shared.model.predict(X), alone.model.predict(X))
    assert made == [0, 1, 2, ALL_ROWS]
