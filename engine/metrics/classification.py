"""Classification metrics, one function each.

Every function takes a `ScoredClasses`: class codes, predicted probabilities and weights. The
predicted class is the most probable one. A class without a row (or without weight) in ``y`` has no
recall, so averages over classes leave it out.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from engine.metrics.scored import Array, ScoredClasses


def accuracy(scored: ScoredClasses) -> float:
    """Return the share of the rows (or weight) whose class is predicted.

    >>> accuracy(ScoredClasses(np.array([0, 1]), np.array([[0.8, 0.2], [0.6, 0.4]])))
    0.5
    """
    return float(np.average(scored.predicted == scored.y, weights=scored.weight))


def balanced_accuracy(scored: ScoredClasses) -> float:
    """Return the mean recall of the present classes.

    >>> y, sure = np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4)
    >>> balanced_accuracy(ScoredClasses(y, sure))
    0.5
    """
    return scored.mean_of_present(scored.recall, by_support=False)


def norm_macro_recall(scored: ScoredClasses) -> float:
    """Return balanced accuracy, rescaled so that chance is 0 and a perfect model 1.

    The formula is ``(balanced accuracy - chance) / (1 - chance)`` with ``chance = 1 / n_classes``.

    >>> y, sure = np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4)
    >>> norm_macro_recall(ScoredClasses(y, sure))
    0.0
    """
    chance = 1.0 / scored.n_classes
    return (balanced_accuracy(scored) - chance) / (1.0 - chance)


def precision_score_weighted(scored: ScoredClasses) -> float:
    """Return the mean precision of the present classes, weighted by their frequency.

    A class that is never predicted has precision 0.

    >>> y, sure = np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4)
    >>> precision_score_weighted(ScoredClasses(y, sure))  # 3/4 of 0.75, 1/4 of 0
    0.5625
    """
    return scored.mean_of_present(scored.precision, by_support=True)


def f1_score_weighted(scored: ScoredClasses) -> float:
    """Return the mean F1 of the present classes, weighted by their frequency.

    F1 is ``2 * precision * recall / (precision + recall)``, and 0 where both are 0.

    >>> y, sure = np.array([0, 0, 0, 1, 1]), np.array([[1.0, 0.0]] * 5)
    >>> round(f1_score_weighted(ScoredClasses(y, sure)), 4)  # 3/5 of 0.75
    0.45
    """
    return scored.mean_of_present(scored.f1, by_support=True)


def f1_score_macro(scored: ScoredClasses) -> float:
    """Return the plain mean F1 of the present classes.

    >>> y, sure = np.array([0, 0, 0, 1, 1]), np.array([[1.0, 0.0]] * 5)
    >>> f1_score_macro(ScoredClasses(y, sure))
    0.375
    """
    return scored.mean_of_present(scored.f1, by_support=False)


def log_loss(scored: ScoredClasses) -> float:
    """Return the mean of ``-log(probability of the row's own class)``.

    Probabilities below the machine epsilon (2.2e-16) count as that, so the loss is finite.

    >>> round(log_loss(ScoredClasses(np.array([0, 1]), np.array([[0.5, 0.5], [0.75, 0.25]]))), 4)
    1.0397
    """
    return float(log_loss_of_own(scored.own, scored.weight))


def log_loss_of_own(own: Array, weight: Array | None) -> Array:
    """Return log losses from the probabilities of each row's own class.

    Parameters
    ----------
    own:
        Shape (..., n_rows): one set of predictions, or several.
    weight:
        Shape (n_rows,), or ``None`` for equal weights.

    Returns
    -------
    ndarray
        Shape (...,): the log loss of each set.

    Examples
    --------
    >>> log_loss_of_own(np.array([[1.0, 1.0], [0.5, 0.5]]), None).round(4).tolist()
    [0.0, 0.6931]
    """
    logs = np.log(np.clip(own, np.finfo(np.float64).eps, 1.0))
    return np.asarray(np.abs(np.average(logs, axis=-1, weights=weight)))


def auc_weighted(scored: ScoredClasses) -> float:
    """Return the area under the ROC curve, one class against the rest, weighted by frequency.

    The area equals the probability that a row of the class gets a higher probability for it than
    another row, ties counted half (Hanley & McNeil, 1982, Radiology 143). NaN where only one class
    is present.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> auc_weighted(ScoredClasses(y, np.column_stack([1 - p, p])))
    0.75
    """
    if len(scored.present) < 2:
        return math.nan
    return float(np.average(scored.areas, weights=scored.support[scored.present]))


def auc_macro(scored: ScoredClasses) -> float:
    """Return the plain mean over the present classes of the areas of `auc_weighted`.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> auc_macro(ScoredClasses(y, np.column_stack([1 - p, p])))
    0.75
    """
    return math.nan if len(scored.present) < 2 else float(np.average(scored.areas))


def average_precision_score_weighted(scored: ScoredClasses) -> float:
    """Return the average precision, one class against the rest, weighted by frequency.

    Average precision sums the precision at each threshold times the step in recall there, without
    interpolation, as scikit-learn does. NaN where only one class is present.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> round(average_precision_score_weighted(ScoredClasses(y, np.column_stack([1 - p, p]))), 4)
    0.8333
    """
    if len(scored.present) < 2:
        return math.nan
    return float(np.average(scored.average_precisions, weights=scored.support[scored.present]))


def auc_micro(scored: ScoredClasses) -> float:
    """Return the area under the ROC curve of all pairs of a row and a class, pooled.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> auc_micro(ScoredClasses(y, np.column_stack([1 - p, p])))
    0.8125
    """
    return scored.pooled[0]


def average_precision_score_macro(scored: ScoredClasses) -> float:
    """Return the plain mean over the present classes of their average precisions.

    NaN where only one class is present.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> round(average_precision_score_macro(ScoredClasses(y, np.column_stack([1 - p, p]))), 4)
    0.8333
    """
    return math.nan if len(scored.present) < 2 else float(np.average(scored.average_precisions))


def average_precision_score_micro(scored: ScoredClasses) -> float:
    """Return the average precision of all pairs of a row and a class, pooled.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> round(average_precision_score_micro(ScoredClasses(y, np.column_stack([1 - p, p]))), 4)
    0.8542
    """
    return scored.pooled[1]


def precision_score_macro(scored: ScoredClasses) -> float:
    """Return the plain mean precision of the present classes; 0 for one never predicted.

    >>> y, sure = np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4)
    >>> precision_score_macro(ScoredClasses(y, sure))
    0.375
    """
    return scored.mean_of_present(scored.precision, by_support=False)


def weighted_accuracy(scored: ScoredClasses) -> float:
    """Return the accuracy in which a row counts as often as its class has rows.

    The recall of class ``k`` with ``N_k`` rows has the weight ``N_k ** 2``.

    >>> y, sure = np.array([0, 0, 0, 1]), np.array([[1.0, 0.0]] * 4)
    >>> weighted_accuracy(ScoredClasses(y, sure))
    0.9
    """
    return float(np.average(scored.recall, weights=scored.confusion.sum(axis=1) ** 2))


def matthews_correlation(scored: ScoredClasses) -> float:
    """Return the correlation of true and predicted classes; 0 where one of them is constant.

    With the confusion table's total ``s``, diagonal sum ``c``, and its sums ``t`` of true and ``p``
    of predicted classes: ``(c s - t p) / sqrt((s^2 - p p) (s^2 - t t))`` (Gorodkin, 2004,
    Computational Biology and Chemistry 28).

    >>> y, sure = np.array([0, 0, 1, 1]), np.eye(2)[[0, 0, 1, 0]]
    >>> round(matthews_correlation(ScoredClasses(y, sure)), 4)
    0.5774
    """
    table = scored.confusion.astype(np.float64)
    table /= table.sum()
    true, predicted = table.sum(axis=1), table.sum(axis=0)
    spread = (1.0 - predicted @ predicted) * (1.0 - true @ true)
    return float((table.trace() - true @ predicted) / math.sqrt(spread)) if spread > 0 else 0.0


def auc_binary(scored: ScoredClasses) -> float:
    """Return the area under the ROC curve of the positive class; NaN if one class is absent.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> auc_binary(ScoredClasses(y, np.column_stack([1 - p, p]), positive=1))
    0.75
    """
    return scored.of_positive(scored.areas)


def average_precision_score_binary(scored: ScoredClasses) -> float:
    """Return the average precision of the positive class; NaN if one class is absent.

    >>> y, p = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])
    >>> scored = ScoredClasses(y, np.column_stack([1 - p, p]), positive=1)
    >>> round(average_precision_score_binary(scored), 4)
    0.8333
    """
    return math.nan if len(scored.present) < 2 else scored.of_positive(scored.average_precisions)


def f1_score_binary(scored: ScoredClasses) -> float:
    """Return the F1 of the positive class; 0 where it is neither present nor predicted.

    >>> y, sure = np.array([0, 0, 0, 1, 1]), np.array([[1.0, 0.0]] * 5)
    >>> f1_score_binary(ScoredClasses(y, sure, positive=0))
    0.75
    """
    return float(scored.f1[scored.positive_code])


def precision_score_binary(scored: ScoredClasses) -> float:
    """Return the precision of the positive class; 0 where it is never predicted.

    >>> y, sure = np.array([0, 0, 0, 1, 1]), np.array([[1.0, 0.0]] * 5)
    >>> precision_score_binary(ScoredClasses(y, sure, positive=0))
    0.6
    """
    return float(scored.precision[scored.positive_code])


def recall_score_binary(scored: ScoredClasses) -> float:
    """Return the recall of the positive class; 0 where it is absent.

    >>> y, sure = np.array([0, 0, 0, 1, 1]), np.array([[1.0, 0.0]] * 5)
    >>> recall_score_binary(ScoredClasses(y, sure, positive=0))
    1.0
    """
    return float(scored.recall[scored.positive_code])


#: Metric name to its formula.
FORMULAS: Mapping[str, Callable[[ScoredClasses], float]] = {
    "accuracy": accuracy,
    "AUC_weighted": auc_weighted,
    "average_precision_score_weighted": average_precision_score_weighted,
    "norm_macro_recall": norm_macro_recall,
    "precision_score_weighted": precision_score_weighted,
    "f1_score_weighted": f1_score_weighted,
    "f1_score_macro": f1_score_macro,
    "balanced_accuracy": balanced_accuracy,
    "AUC_macro": auc_macro,
    "log_loss": log_loss,
    "AUC_micro": auc_micro,
    "average_precision_score_macro": average_precision_score_macro,
    "average_precision_score_micro": average_precision_score_micro,
    "matthews_correlation": matthews_correlation,
    "precision_score_macro": precision_score_macro,
    "recall_score_macro": balanced_accuracy,
    "weighted_accuracy": weighted_accuracy,
    # With one class a row, what is wrong for one class is wrong for another: all these are equal.
    "f1_score_micro": accuracy,
    "precision_score_micro": accuracy,
    "recall_score_micro": accuracy,
    "recall_score_weighted": accuracy,
    "AUC_binary": auc_binary,
    "average_precision_score_binary": average_precision_score_binary,
    "f1_score_binary": f1_score_binary,
    "precision_score_binary": precision_score_binary,
    "recall_score_binary": recall_score_binary,
}
