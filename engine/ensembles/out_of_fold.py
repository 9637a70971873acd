"""Out-of-fold predictions of a run's pipelines; what an ensemble is compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset, Fold
from engine.data.splits import is_k_fold
from engine.ensembles.meta_features import Array, divide
from engine.metrics.metric import METRICS, Metric
from engine.metrics.scores import score_classification, score_one, score_regression

#: Rows that a choice among candidates looks at: it does not get better with more.
_MOST_ROWS = 5_000


@dataclass(frozen=True)
class OutOfFold:
    """What the candidates predicted for rows that they were not fitted on.

    Attributes
    ----------
    y:
        (n,) class codes or values.
    weight:
        (n,) or ``None``.
    parts:
        (n,) number of the part that a row belongs to: each part is scored by an ensemble that was
        made from the others.
    predictions:
        Iteration -> (n, n_classes) or (n,).
    prediction_ms:
        Iteration -> milliseconds that its pipeline takes for 1,000 rows, as far as known.
    kinds:
        Iteration -> name of its estimator, as far as known.
    known:
        (n_rows of the data,) which of its rows these are; default: all.
    positive:
        The code of the positive class of two, where one is named.
    """

    y: NDArray[Any]
    weight: Array | None
    parts: NDArray[np.int64]
    predictions: Mapping[int, Array]
    y_range: float
    n_classes: int | None
    prediction_ms: Mapping[int, float] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)
    known: NDArray[np.bool_] | None = None
    positive: int | None = None

    @classmethod
    def of(
        cls,
        dataset: Dataset,
        folds: Sequence[Fold],
        predictions: Mapping[int, Array],
        prediction_ms: Mapping[int, float] | None = None,
        kinds: Mapping[int, str] | None = None,
    ) -> OutOfFold:
        """Keeps the rows that were predicted; k folds are the parts, else the rows are divided."""
        if dataset.X_valid is not None:
            labels, weight = dataset.y_valid, dataset.sample_weight_valid
        else:
            labels, weight = dataset.y, dataset.sample_weight
        assert labels is not None
        y = dataset.target(labels)
        known = np.ones(len(y), dtype=bool)
        for values in predictions.values():
            known &= np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        parts = np.full(len(y), -1)
        for number, (_, valid) in enumerate(folds):
            parts[valid] = number
        if not is_k_fold(folds, len(y)):
            rows = np.flatnonzero(known)
            parts[rows] = divide(y[rows], dataset.classes is not None)
        return cls(
            y[known],
            None if weight is None else weight[known],
            parts[known],
            {n: np.asarray(v[known], dtype=np.float64) for n, v in predictions.items()},
            float(np.ptp(dataset.y)) if dataset.classes is None else 1.0,
            None if dataset.classes is None else len(dataset.classes),
            prediction_ms or {},
            kinds or {},
            known,
            dataset.positive,
        )

    def rows(self, chosen: NDArray[Any]) -> OutOfFold:
        return replace(
            self,
            y=self.y[chosen],
            weight=None if self.weight is None else self.weight[chosen],
            parts=self.parts[chosen],
            predictions={n: v[chosen] for n, v in self.predictions.items()},
        )

    def splits(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """(rows to make an ensemble from, rows to score it on), a pair a part."""
        numbers = [n for n in np.unique(self.parts) if (self.parts != n).any()]
        return [(np.flatnonzero(self.parts != n), np.flatnonzero(self.parts == n)) for n in numbers]

    def everywhere(self, predicted: Array) -> Array:
        """Predictions of these rows as predictions of all rows of the data."""
        if self.known is None:
            return predicted
        full = np.full((len(self.known), *predicted.shape[1:]), np.nan)
        full[self.known] = predicted
        return full

    def score(self, name: str, predicted: Array) -> float:
        return score_one(METRICS[name], self.y, predicted, self.weight, self.y_range)

    def all_scores(self, predicted: Array) -> dict[str, float]:
        if self.n_classes is None:
            return score_regression(self.y, predicted, self.weight, self.y_range)
        return score_classification(self.y, predicted, self.weight, self.positive)

    def ranked(self, metric: Metric) -> list[int]:
        """The candidates, best first."""
        sign = -1 if metric.greater_is_better else 1
        losses = {n: sign * self.score(metric.name, p) for n, p in self.predictions.items()}
        return sorted(losses, key=lambda n: (np.nan_to_num(losses[n], nan=np.inf), n))

    def mean(self, weights: Mapping[int, float]) -> Array:
        """The weighted sum of candidates' predictions."""
        total: Array = np.sum([weights[n] * self.predictions[n] for n in weights], axis=0)
        return total

    def few(self) -> OutOfFold:
        """As many rows as a choice among candidates needs."""
        if len(self.y) <= _MOST_ROWS:
            return self
        return self.rows(np.sort(np.random.default_rng(0).choice(len(self.y), _MOST_ROWS, False)))
