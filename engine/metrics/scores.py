"""Every metric: its name, its direction and how it is computed.

Classification metrics take class probabilities; the predicted class is the most probable one.
Classes that a fold's validation part does not hold cannot be scored and are left out of averages
over classes. Where scikit-learn has the metric, scikit-learn computes it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn import metrics as sk


def score_classification(
    y_true: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None = None,
    positive: int | None = None,
) -> dict[str, float]:
    """All classification metrics.

    Parameters
    ----------
    y_true:
        Class codes ``0 .. n_classes - 1``, shape (n_rows,).
    probabilities:
        Shape (n_rows, n_classes), one column a class code.
    sample_weight:
        Shape (n_rows,), or ``None`` for equal weights.
    positive:
        The code of the positive class of two: the metrics called ``_binary`` are added.

    Returns
    -------
    dict
        Metric name to value. ``norm_macro_recall`` is ``(balanced accuracy - chance) /
        (1 - chance)`` with ``chance = 1 / n_classes``. AUC and average precision are one class
        against the rest, averaged over the classes present (``weighted``: by their frequency);
        NaN where only one class is present.
    """
    n_classes = probabilities.shape[1]
    rows = np.clip(np.asarray(probabilities, dtype=np.float64), 0.0, None)
    totals = rows.sum(axis=1, keepdims=True)
    # Rows that sum to 1 stay as they are: a division would tear ties apart.
    off = np.abs(totals[:, 0] - 1.0) > 1e-6
    rows[off & (totals[:, 0] <= 0)] = 1.0 / n_classes
    np.divide(rows, totals, out=rows, where=off[:, None] & (totals > 0))
    y_pred = rows.argmax(axis=1)
    weigh = {"sample_weight": sample_weight}
    present = np.unique(y_true)

    with warnings.catch_warnings():
        # balanced_accuracy warns when a class is predicted that this fold does not hold.
        warnings.simplefilter("ignore", UserWarning)
        balanced = float(sk.balanced_accuracy_score(y_true, y_pred, **weigh))
    chance = 1.0 / n_classes
    scores = {
        "accuracy": float(sk.accuracy_score(y_true, y_pred, **weigh)),
        "balanced_accuracy": balanced,
        "norm_macro_recall": (balanced - chance) / (1.0 - chance),
        "log_loss": float(
            sk.log_loss(
                y_true, rows / rows.sum(axis=1, keepdims=True), labels=np.arange(n_classes), **weigh
            )
        ),
    }
    averaged = {"zero_division": 0.0, **weigh}
    scores["precision_score_weighted"] = float(
        sk.precision_score(y_true, y_pred, average="weighted", **averaged)
    )
    for average in ("weighted", "macro"):
        scores[f"f1_score_{average}"] = float(
            sk.f1_score(y_true, y_pred, average=average, labels=present, **averaged)
        )
    if positive is not None:
        scores |= _of_the_positive(y_true == positive, rows[:, positive], y_pred == positive, weigh)
    if len(present) < 2:
        undefined = ("AUC_weighted", "AUC_macro", "average_precision_score_weighted")
        return scores | dict.fromkeys(undefined, math.nan)
    one_hot = (y_true[:, None] == present[None, :]).astype(np.int8)
    of_present = rows[:, present]
    areas = np.asarray(sk.roc_auc_score(one_hot, of_present, average=None, **weigh))
    support = one_hot.sum(axis=0) if sample_weight is None else sample_weight @ one_hot
    precisions = sk.average_precision_score(one_hot, of_present, average="weighted", **weigh)
    scores["AUC_weighted"] = float(np.average(areas, weights=support))
    scores["AUC_macro"] = float(areas.mean())
    scores["average_precision_score_weighted"] = float(precisions)
    return scores


def _of_the_positive(
    is_positive: NDArray[np.bool_],
    probability: NDArray[np.float64],
    predicted: NDArray[np.bool_],
    weigh: Mapping[str, Any],
) -> dict[str, float]:
    area = precision = math.nan
    if is_positive.any() and not is_positive.all():
        area = float(sk.roc_auc_score(is_positive, probability, **weigh))
        precision = float(sk.average_precision_score(is_positive, probability, **weigh))
    averaged = {"zero_division": 0.0, **weigh}
    return {
        "AUC_binary": area,
        "average_precision_score_binary": precision,
        "f1_score_binary": float(sk.f1_score(is_positive, predicted, **averaged)),
        "precision_score_binary": float(sk.precision_score(is_positive, predicted, **averaged)),
        "recall_score_binary": float(sk.recall_score(is_positive, predicted, **averaged)),
    }


def score_regression(
    y_true: NDArray[np.float64],
    y_pred: NDArray[np.float64],
    sample_weight: NDArray[np.float64] | None = None,
    y_range: float | None = None,
) -> dict[str, float]:
    """All regression metrics.

    Parameters
    ----------
    y_true, y_pred:
        Shape (n_rows,).
    sample_weight:
        Shape (n_rows,), or ``None`` for equal weights.
    y_range:
        Width of the whole target, ``max - min``, by which the ``normalized_`` metrics are divided;
        default: that of ``y_true``.

    Returns
    -------
    dict
        Metric name to value. ``spearman_correlation`` is the (weighted) Pearson correlation of the
        ranks, and 0 for a constant prediction. ``root_mean_squared_log_error`` is NaN where the
        target or the prediction is negative; ``r2_score`` is NaN for fewer than two rows.
    """
    weigh = {"sample_weight": sample_weight}
    if y_range is None:
        y_range = float(np.ptp(y_true))
    rmse = float(sk.root_mean_squared_error(y_true, y_pred, **weigh))
    mae = float(sk.mean_absolute_error(y_true, y_pred, **weigh))
    negative = bool((y_true < 0).any() or (y_pred < 0).any())
    return {
        "spearman_correlation": _spearman(y_true, y_pred, sample_weight),
        "r2_score": float(sk.r2_score(y_true, y_pred, **weigh)) if len(y_true) > 1 else math.nan,
        "root_mean_squared_error": rmse,
        "mean_absolute_error": mae,
        "normalized_root_mean_squared_error": rmse / y_range if y_range > 0 else math.nan,
        "normalized_mean_absolute_error": mae / y_range if y_range > 0 else math.nan,
        "median_absolute_error": float(sk.median_absolute_error(y_true, y_pred, **weigh)),
        "root_mean_squared_log_error": math.nan
        if negative
        else float(sk.root_mean_squared_log_error(y_true, y_pred, **weigh)),
    }


def _spearman(
    y_true: NDArray[np.float64], y_pred: NDArray[np.float64], weight: NDArray[np.float64] | None
) -> float:
    if len(y_true) < 2:
        return math.nan
    covariance = np.cov(rankdata(y_true), rankdata(y_pred), aweights=weight, ddof=0)
    spread = math.sqrt(covariance[0, 0] * covariance[1, 1])
    return float(covariance[0, 1] / spread) if spread > 0 else 0.0


#: Undefined for a fold whose validation part holds one class only: the mean skips such folds.
_SKIP_UNDEFINED_FOLDS = frozenset(
    {
        "AUC_weighted",
        "AUC_macro",
        "AUC_binary",
        "average_precision_score_weighted",
        "average_precision_score_binary",
    }
)


def mean_over_folds(folds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The plain mean of each metric over the folds.

    A metric that is NaN in a fold is NaN in the mean, but for AUC and average precision, whose
    mean is taken over the folds that define them.
    """
    means = {}
    for name in folds[0]:
        values = np.array([fold[name] for fold in folds])
        if name in _SKIP_UNDEFINED_FOLDS and not np.isnan(values).all():
            values = values[~np.isnan(values)]
        means[name] = float(values.mean())
    return means
