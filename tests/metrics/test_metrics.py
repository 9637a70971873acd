"""Every metric, against scikit-learn and against what a metric promises."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import rankdata
from sklearn import metrics as sk

from engine.metrics import classification, regression
from engine.metrics.metric import (
    BINARY_METRICS,
    CLASSIFICATION_METRICS,
    REGRESSION_METRICS,
)
from engine.metrics.scored import ScoredClasses
from engine.metrics.scores import score_classification, score_one, score_regression

OF_CLASSES = {**CLASSIFICATION_METRICS, **BINARY_METRICS}
EVERY = {**OF_CLASSES, **REGRESSION_METRICS}
WIDTH = 8.0


def data_for(name, weighted=False, seed=1):
    """Truth, predictions and weights that suit a metric."""
    generator = np.random.default_rng(seed)
    weight = generator.uniform(0.1, 3.0, size=200) if weighted else None
    if name in REGRESSION_METRICS:
        y = generator.uniform(1, 5, size=200)
        return y, np.abs(y + generator.normal(size=200)), weight
    n_classes = 2 if name in BINARY_METRICS else 4
    y = generator.integers(n_classes, size=200)
    rows = generator.dirichlet(np.ones(n_classes), size=200) + 0.3 * np.eye(n_classes)[y]
    return y, rows / rows.sum(axis=1, keepdims=True), weight


def score(name, y, predicted, weight=None, positive=1):
    return score_one(EVERY[name], y, predicted, weight, WIDTH, positive)


def of_labels(formula, **options):
    return lambda y, p, w: formula(y, p.argmax(axis=1), sample_weight=w, **options)


def of_one_hot(formula, average):
    return lambda y, p, w: formula(np.eye(4)[y], p, average=average, sample_weight=w)


def of_positive(formula):
    return lambda y, p, w: formula(y, p[:, 1], sample_weight=w)


def of_values(formula, divided_by=1.0):
    return lambda y, p, w: formula(y, p, sample_weight=w) / divided_by


def pearson_of_ranks(y, p, w):
    weight = np.ones(len(y)) if w is None else w
    a, b = (ranks - np.average(ranks, weights=weight) for ranks in (rankdata(y), rankdata(p)))
    return (weight * a * b).sum() / math.sqrt((weight * a * a).sum() * (weight * b * b).sum())


def mean_squared_of_class_sizes(y, p, w):
    weight = np.ones(len(y)) if w is None else w
    of_class = np.bincount(y, weights=weight)[y]
    return np.average(p.argmax(axis=1) == y, weights=weight * of_class)


REFERENCES = {
    "accuracy": of_labels(sk.accuracy_score),
    "AUC_weighted": of_one_hot(sk.roc_auc_score, "weighted"),
    "AUC_macro": of_one_hot(sk.roc_auc_score, "macro"),
    "average_precision_score_weighted": of_one_hot(sk.average_precision_score, "weighted"),
    "norm_macro_recall": of_labels(sk.balanced_accuracy_score, adjusted=True),
    "precision_score_weighted": of_labels(sk.precision_score, average="weighted"),
    "f1_score_weighted": of_labels(sk.f1_score, average="weighted"),
    "f1_score_macro": of_labels(sk.f1_score, average="macro"),
    "balanced_accuracy": of_labels(sk.balanced_accuracy_score),
    "log_loss": lambda y, p, w: sk.log_loss(y, p, sample_weight=w),
    "AUC_micro": of_one_hot(sk.roc_auc_score, "micro"),
    "average_precision_score_macro": of_one_hot(sk.average_precision_score, "macro"),
    "average_precision_score_micro": of_one_hot(sk.average_precision_score, "micro"),
    "f1_score_micro": of_labels(sk.f1_score, average="micro"),
    "matthews_correlation": of_labels(sk.matthews_corrcoef),
    "precision_score_macro": of_labels(sk.precision_score, average="macro"),
    "precision_score_micro": of_labels(sk.precision_score, average="micro"),
    "recall_score_macro": of_labels(sk.recall_score, average="macro"),
    "recall_score_micro": of_labels(sk.recall_score, average="micro"),
    "recall_score_weighted": of_labels(sk.recall_score, average="weighted"),
    "weighted_accuracy": mean_squared_of_class_sizes,
    "AUC_binary": of_positive(sk.roc_auc_score),
    "average_precision_score_binary": of_positive(sk.average_precision_score),
    "f1_score_binary": of_labels(sk.f1_score),
    "precision_score_binary": of_labels(sk.precision_score),
    "recall_score_binary": of_labels(sk.recall_score),
    "spearman_correlation": pearson_of_ranks,
    "r2_score": of_values(sk.r2_score),
    "root_mean_squared_error": of_values(sk.root_mean_squared_error),
    "mean_absolute_error": of_values(sk.mean_absolute_error),
    "normalized_root_mean_squared_error": of_values(sk.root_mean_squared_error, WIDTH),
    "normalized_mean_absolute_error": of_values(sk.mean_absolute_error, WIDTH),
    "median_absolute_error": of_values(sk.median_absolute_error),
    "root_mean_squared_log_error": of_values(sk.root_mean_squared_log_error),
    "mean_absolute_percentage_error": of_values(sk.mean_absolute_percentage_error, 0.01),
    "explained_variance": of_values(sk.explained_variance_score),
    "normalized_median_absolute_error": of_values(sk.median_absolute_error, WIDTH),
    "normalized_root_mean_squared_log_error": of_values(sk.root_mean_squared_log_error, WIDTH),
}

#: Values of the data of `fixed_classes` and `fixed_values`: without weights, with weights.
FIXED = {
    2: {
        "accuracy": (0.85, 0.8571428571428571),
        "AUC_weighted": (0.9658119658119657, 0.9691228070175437),
        "average_precision_score_weighted": (0.9724038154995505, 0.975344538106849),
        "norm_macro_recall": (0.6980056980056979, 0.7192982456140351),
        "precision_score_weighted": (0.8593333333333334, 0.8682963100659913),
        "f1_score_weighted": (0.8524725274725273, 0.8598340435075129),
        "f1_score_macro": (0.8351648351648351, 0.8430141287284144),
        "balanced_accuracy": (0.849002849002849, 0.8596491228070176),
        "AUC_macro": (0.9658119658119658, 0.9691228070175438),
        "log_loss": (0.38707281289278533, 0.39156153101847596),
        "AUC_micro": (0.9675, 0.9689795918367347),
        "average_precision_score_macro": (0.9666129127656989, 0.9700751416941893),
        "average_precision_score_micro": (0.9702214968461307, 0.9715272157004988),
        "f1_score_micro": (0.85, 0.8571428571428571),
        "matthews_correlation": (0.675300221652357, 0.6925952352508993),
        "precision_score_macro": (0.8266666666666667, 0.8334417696811971),
        "precision_score_micro": (0.85, 0.8571428571428571),
        "recall_score_macro": (0.849002849002849, 0.8596491228070176),
        "recall_score_micro": (0.85, 0.8571428571428571),
        "recall_score_weighted": (0.85, 0.8571428571428571),
        "weighted_accuracy": (0.8507795100222717, 0.8552036199095022),
        "AUC_binary": (0.9658119658119658, 0.9691228070175438),
        "average_precision_score_binary": (0.9500674763832658, 0.9553208317387422),
        "f1_score_binary": (0.7857142857142857, 0.7959183673469388),
        "precision_score_binary": (0.7333333333333333, 0.7358490566037735),
        "recall_score_binary": (0.8461538461538461, 0.8666666666666667),
    },
    3: {
        "accuracy": (0.875, 0.8857142857142857),
        "AUC_weighted": (0.9749642857142857, 0.9773815173910096),
        "average_precision_score_weighted": (0.9583061219825926, 0.9622202337105725),
        "norm_macro_recall": (0.8115384615384615, 0.8291245791245792),
        "precision_score_weighted": (0.885, 0.8976829773999585),
        "f1_score_weighted": (0.8762987012987014, 0.8869407387010966),
        "f1_score_macro": (0.8776334776334777, 0.8872875811214657),
        "balanced_accuracy": (0.8743589743589744, 0.8860830527497194),
        "AUC_macro": (0.9759603174603174, 0.9781495962479984),
        "log_loss": (0.5734776345007901, 0.5715807035700229),
        "AUC_micro": (0.9753125, 0.9753316326530612),
        "average_precision_score_macro": (0.9593894812522263, 0.9626559645114008),
        "average_precision_score_micro": (0.9556410091507913, 0.9567555679313681),
        "f1_score_micro": (0.875, 0.8857142857142857),
        "matthews_correlation": (0.8144070852755617, 0.8318594569301456),
        "precision_score_macro": (0.888888888888889, 0.898766328011611),
        "precision_score_micro": (0.875, 0.8857142857142857),
        "recall_score_macro": (0.8743589743589744, 0.8860830527497194),
        "recall_score_micro": (0.875, 0.8857142857142857),
        "recall_score_weighted": (0.875, 0.8857142857142857),
        "weighted_accuracy": (0.8754646840148699, 0.8851269649334945),
    },
    None: {
        "spearman_correlation": (0.9092311131517558, 0.9118571482695309),
        "r2_score": (0.7869902294083545, 0.7832854785425073),
        "normalized_root_mean_squared_error": (0.11727459594700769, 0.11767463956567337),
        "normalized_mean_absolute_error": (0.10649583200160986, 0.10737533936692725),
        "root_mean_squared_error": (0.5863729797350384, 0.5883731978283668),
        "mean_absolute_error": (0.5324791600080493, 0.5368766968346362),
        "median_absolute_error": (0.6076967632381371, 0.6076967632381371),
        "root_mean_squared_log_error": (0.17215901757691476, 0.17681297672629695),
        "mean_absolute_percentage_error": (22.069916520905632, 22.869227388680756),
        "explained_variance": (0.7870101766163066, 0.7832863710662273),
        "normalized_median_absolute_error": (0.12153935264762743, 0.12153935264762743),
        "normalized_root_mean_squared_log_error": (0.034431803515382955, 0.03536259534525939),
    },
}


def fixed_classes(n_classes):
    row = np.arange(40)
    y = (7 * row**2 + row // 3) % n_classes
    own = y[:, None] == np.arange(n_classes)
    rows = 1 + np.sin(np.outer(row + 1, np.arange(n_classes) + 2)) + 1.5 * own
    return y, rows / rows.sum(axis=1, keepdims=True)


def fixed_values():
    row = np.arange(40)
    y = 1 + row % 13 / 3
    return y, y + 0.8 * np.sin(3 * row)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", FIXED)
def test_values_stay_what_they_are(n_classes, weighted):
    weight = 1 + np.arange(40) % 4 / 2 if weighted else None
    if n_classes is None:
        scores = score_regression(*fixed_values(), weight, y_range=5.0)
    else:
        positive = 1 if n_classes == 2 else None
        scores = score_classification(*fixed_classes(n_classes), weight, positive)
    expected = {name: pair[weighted] for name, pair in FIXED[n_classes].items()}
    assert scores == pytest.approx(expected, rel=1e-13)


def test_each_metric_has_one_formula_and_one_reference():
    assert set(classification.FORMULAS) == set(OF_CLASSES)
    assert set(regression.FORMULAS) == set(REGRESSION_METRICS)
    assert set(REFERENCES) == set(EVERY)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", EVERY)
class TestEveryMetric:
    def test_it_is_scikit_learns(self, name, weighted):
        data = data_for(name, weighted)
        assert score(name, *data) == pytest.approx(REFERENCES[name](*data), abs=1e-12)

    def test_alone_it_is_as_among_all(self, name, weighted):
        y, predicted, weight = data_for(name, weighted)
        if name in REGRESSION_METRICS:
            among_all = score_regression(y, predicted, weight, WIDTH)
        else:
            positive = 1 if name in BINARY_METRICS else None
            among_all = score_classification(y, predicted, weight, positive)
        assert score(name, y, predicted, weight) == among_all[name]

    def test_a_perfect_model_has_the_best_value(self, name, weighted):
        y, _, weight = data_for(name, weighted)
        perfect = y if name in REGRESSION_METRICS else np.eye(y.max() + 1)[y]
        assert score(name, y, perfect, weight) == pytest.approx(EVERY[name].best, abs=1e-12)

    def test_a_model_that_learned_something_beats_one_that_did_not(self, name, weighted):
        y, predicted, weight = data_for(name, weighted)
        shuffled = np.random.default_rng(0).permutation(predicted)
        better, worse = score(name, y, predicted, weight), score(name, y, shuffled, weight)
        assert EVERY[name].is_better(better, worse)
        assert EVERY[name].is_better(EVERY[name].best, better)

    def test_the_order_of_rows_does_not_matter(self, name, weighted):
        y, predicted, weight = data_for(name, weighted)
        order = np.random.default_rng(0).permutation(len(y))
        turned = score(name, y[order], predicted[order], None if weight is None else weight[order])
        assert turned == pytest.approx(score(name, y, predicted, weight))

    def test_the_scale_of_weights_does_not_matter(self, name, weighted):
        y, predicted, weight = data_for(name, weighted)
        weight = np.ones(len(y)) if weight is None else weight
        scaled = score(name, y, predicted, 5 * weight)
        assert scaled == pytest.approx(score(name, y, predicted, weight))


@pytest.mark.parametrize("name", EVERY)
def test_equal_weights_are_no_weights(name):
    y, predicted, _ = data_for(name)
    y, predicted = y[:99], predicted[:99]  # the median of an even number of rows is a mean of two
    assert score(name, y, predicted, np.ones(99)) == pytest.approx(score(name, y, predicted))


@pytest.mark.parametrize("name", [n for n in EVERY if n != "spearman_correlation"])
def test_a_weight_is_a_number_of_rows(name):
    y, predicted, _ = data_for(name)
    times = np.random.default_rng(0).integers(0, 4, size=len(y))
    times[0] += times.sum() % 2 == 0
    repeated = np.repeat(np.arange(len(y)), times)
    expected = score(name, y[repeated], predicted[repeated])
    assert score(name, y, predicted, times.astype(float)) == pytest.approx(expected)


@pytest.mark.parametrize("name", CLASSIFICATION_METRICS)
def test_the_order_of_classes_does_not_matter(name):
    y, predicted, weight = data_for(name, weighted=True)
    order = np.array([2, 0, 3, 1])
    renamed = score(name, np.argsort(order)[y], predicted[:, order], weight)
    assert renamed == pytest.approx(score(name, y, predicted, weight))


@pytest.mark.parametrize("name", OF_CLASSES)
def test_rows_that_do_not_sum_to_1_are_scaled(name):
    y, predicted, weight = data_for(name, weighted=True)
    scaled = predicted * np.random.default_rng(0).uniform(0.5, 2.0, size=(len(y), 1))
    before = scaled.copy()
    assert score(name, y, scaled, weight) == pytest.approx(score(name, y, predicted, weight))
    np.testing.assert_array_equal(scaled, before)


def test_rows_without_probability_are_a_draw():
    scored = ScoredClasses(np.array([0, 1]), np.array([[0.0, 0.0], [-0.5, 1.0]]))
    assert scored.rows.tolist() == [[0.5, 0.5], [0.0, 1.0]]
    assert classification.log_loss(scored) == pytest.approx(math.log(2) / 2)


def test_the_log_loss_of_a_sure_error_is_finite():
    assert score("log_loss", np.array([0]), np.array([[0.0, 1.0]])) == pytest.approx(
        36.04, abs=0.01
    )


@pytest.mark.parametrize(
    "name",
    [
        "AUC_weighted",
        "AUC_macro",
        "average_precision_score_weighted",
        "average_precision_score_macro",
    ],
)
def test_orders_are_undefined_with_one_class(name):
    assert math.isnan(score(name, np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]])))


@pytest.mark.parametrize("positive", [0, 1])
def test_a_fold_without_one_of_two_classes(positive):
    scores = score_classification(np.zeros(3, dtype=int), np.full((3, 2), 0.5), positive=positive)
    assert math.isnan(scores["AUC_binary"])
    assert math.isnan(scores["average_precision_score_binary"])
    assert scores["recall_score_binary"] == scores["f1_score_binary"] == 1 - positive


@pytest.mark.parametrize("positive", [0, 1])
def test_the_positive_class_may_be_either(positive):
    y, predicted, weight = data_for("AUC_binary", weighted=True)
    for name in BINARY_METRICS:
        swapped = score(name, 1 - y, predicted[:, ::-1], weight, 1 - positive)
        assert swapped == pytest.approx(score(name, y, predicted, weight, positive))


@pytest.mark.parametrize("name", BINARY_METRICS)
def test_the_positive_class_must_be_named(name):
    y, predicted, _ = data_for(name)
    with pytest.raises(ValueError, match="code of the positive class"):
        score(name, y, predicted, positive=None)


def test_a_fold_without_some_class_scores_the_classes_it_has():
    y = np.array([0, 0, 2, 2])
    probabilities = np.array([[0.6, 0.3, 0.1], [0.5, 0.4, 0.1], [0.1, 0.1, 0.8], [0.2, 0.6, 0.2]])
    scores = score_classification(y, probabilities)
    assert scores["AUC_weighted"] == scores["AUC_macro"] == 1.0
    assert scores["balanced_accuracy"] == 0.75
    assert scores["f1_score_macro"] == pytest.approx((1 + 2 / 3) / 2)
    assert math.isfinite(scores["log_loss"])


def test_a_hand_made_example():
    y = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7], [0.2, 0.8]])
    scores = score_classification(y, probabilities)
    assert scores["accuracy"] == 0.75
    assert scores["AUC_weighted"] == 1.0
    assert scores["balanced_accuracy"] == 0.75
    assert scores["norm_macro_recall"] == 0.5
    # precision: class 0 1/1, class 1 2/3
    assert scores["precision_score_weighted"] == pytest.approx((1 + 2 / 3) / 2)
    assert scores["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.7, 0.8]).mean())


@pytest.mark.parametrize("name", ["AUC_weighted", "AUC_macro"])
def test_ties_count_half(name):
    y, rows = np.array([0, 1, 0, 1]), np.array([[0.5, 0.5]] * 4)
    assert score(name, y, rows) == 0.5


def test_pooled_orders_are_defined_with_one_class():
    y, rows = np.array([1, 1]), np.array([[0.2, 0.8], [0.6, 0.4]])
    assert score("AUC_micro", y, rows) == 0.75
    assert score("average_precision_score_micro", y, rows) == pytest.approx(5 / 6)


def test_constant_classes_have_no_correlation():
    y, sure = np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4)
    assert score("matthews_correlation", y, sure) == 0.0
    assert score("matthews_correlation", np.zeros(4, dtype=int), sure) == 0.0


@pytest.mark.parametrize("weight", [None, np.array([3.0, 1.0, 0.0])])
def test_a_percentage_of_zero_is_not_counted(weight):
    y, predicted = np.array([0.0, -10.0, 20.0]), np.array([7.0, -11.0, 30.0])
    expected = 30.0 if weight is None else 10.0
    assert score("mean_absolute_percentage_error", y, predicted, weight) == pytest.approx(expected)
    nothing = score("mean_absolute_percentage_error", np.zeros(3), predicted, weight)
    assert math.isnan(nothing)


def test_a_constant_error_leaves_the_variance_explained():
    y = np.array([1.0, 3.0, 4.0])
    assert score("explained_variance", y, y + 5) == pytest.approx(1.0)
    assert score("explained_variance", np.ones(3), np.zeros(3)) == 1.0
    assert score("explained_variance", np.ones(3), y) == 0.0
    assert math.isnan(score("explained_variance", y[:1], y[:1]))


def test_constant_predictions_have_no_correlation():
    y = np.array([-1.0, 2.0, 3.0])
    assert score("spearman_correlation", y, np.full(3, 1.0)) == 0.0


@pytest.mark.parametrize("y", [[-1.0, 2.0], [1.0, 2.0]])
def test_logarithms_of_negative_values_are_undefined(y):
    predicted = -np.abs(np.array(y))
    assert math.isnan(score("root_mean_squared_log_error", np.array(y), predicted))


@pytest.mark.parametrize("name", ["r2_score", "spearman_correlation"])
def test_one_row_has_no_variance(name):
    assert math.isnan(score(name, np.array([1.0]), np.array([1.0])))


@pytest.mark.parametrize(("predicted", "expected"), [([2.0, 2.0], 1.0), ([2.0, 3.0], 0.0)])
def test_r2_of_a_constant_target(predicted, expected):
    assert score("r2_score", np.array([2.0, 2.0]), np.array(predicted)) == expected


def test_a_constant_target_has_no_width():
    scores = score_regression(np.full(3, 2.0), np.array([1.0, 2.0, 3.0]))
    normalized = [value for name, value in scores.items() if name.startswith("normalized_")]
    assert len(normalized) == 4
    assert np.isnan(normalized).all()


def test_the_width_is_that_of_the_target_by_default():
    y, predicted, _ = data_for("mean_absolute_error")
    scores = score_regression(y, predicted)
    expected = scores["mean_absolute_error"] / (y.max() - y.min())
    assert scores["normalized_mean_absolute_error"] == expected


@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("root_mean_squared_error", 10),
        ("mean_absolute_error", 10),
        ("median_absolute_error", 10),
        ("normalized_root_mean_squared_error", 1),
        ("normalized_mean_absolute_error", 1),
        ("r2_score", 1),
        ("spearman_correlation", 1),
    ],
)
def test_units_of_the_target(name, factor):
    y, predicted, weight = data_for(name, weighted=True)
    here = score_one(EVERY[name], y, predicted, weight)
    there = score_one(EVERY[name], 10 * y, 10 * predicted, weight)
    assert there == pytest.approx(factor * here)
