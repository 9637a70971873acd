"""Out-of-fold predictions of a run's pipelines: the material that ensembles are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.dataset import Dataset, Fold
from engine.data.splits import is_k_fold
from engine.ensembles.meta_features import Array, divide
from engine.metrics.metric import Metric
from engine.metrics.scores import score_classification, score_one, score_regression

#: Rows that a choice among candidates looks at: more rows do not improve it.
_MOST_ROWS = 5_000


@dataclass(frozen=True)
class OutOfFold:
    """Candidates' predictions for rows that they were not fitted on, with the rows' targets.

    Attributes
    ----------
    y:
        (n,) class codes or values.
    weight:
        (n,) sample weights or ``None``.
    parts:
        (n,) number of the part that a row belongs to. Each part is scored by an ensemble that was
        made from the other parts.
    predictions:
        Iteration -> (n, n_classes) probabilities or (n,) values.
    y_range:
        Largest minus smallest training target, for normalized metrics.
    n_classes:
        Number of classes; ``None`` for regression.
    prediction_ms:
        Iteration -> milliseconds that its pipeline takes for 1,000 rows, where it was measured.
    kinds:
        Iteration -> name of its estimator, where it is known.
    row_mask:
        (n_rows of the data,) whether a row is among these n; default: all are.
    positive:
        Code of the positive class of two, where one is named.

    Examples
    --------
    >>> from engine.metrics.metric import METRICS
    >>> y = np.array([1.0, 2.0, 3.0, 4.0])
    >>> data = OutOfFold(y, None, np.array([0, 0, 1, 1]), {0: y + 1, 1: y - 0.5}, 3.0, None)
    >>> data.ranked(METRICS["mean_absolute_error"])
    [1, 0]
    >>> data.score(METRICS["mean_absolute_error"], data.mean({0: 0.5, 1: 0.5}))
    0.25
    >>> [(made.tolist(), scored.tolist()) for made, scored in data.splits()]
    [([2, 3], [0, 1]), ([0, 1], [2, 3])]
    """

    y: NDArray[Any]
    weight: Array | None
    parts: NDArray[np.int64]
    predictions: Mapping[int, Array]
    y_range: float
    n_classes: int | None
    prediction_ms: Mapping[int, float] = field(default_factory=dict)
    kinds: Mapping[int, str] = field(default_factory=dict)
    row_mask: NDArray[np.bool_] | None = None
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
        """Keep the rows that every candidate has predicted.

        Parameters
        ----------
        dataset:
            The data; its features are not looked at.
        folds:
            The folds that the predictions were made with. K folds become the parts; otherwise the
            rows are divided by `divide`.
        predictions:
            Iteration -> predictions for all rows, or for those of the data's own validation part;
            NaN where a candidate has none.
        prediction_ms, kinds:
            See `OutOfFold`.

        Examples
        --------
        >>> from engine.data.check import check_data
        >>> from engine.data.splits import SplitPlan, make_splits
        >>> X = np.arange(6.0)[:, None]
        >>> data = check_data({"X": X, "y": X[:, 0]}, "regression")
        >>> predictions = {0: np.array([np.nan, 1.0, 2.0, 3.0, 4.0, 5.0])}
        >>> OutOfFold.of(data, make_splits(data, SplitPlan(2)), predictions).y.tolist()
        [1.0, 2.0, 3.0, 4.0, 5.0]
        """
        if dataset.X_valid is not None:
            labels, weight = dataset.y_valid, dataset.sample_weight_valid
        else:
            labels, weight = dataset.y, dataset.sample_weight
        assert labels is not None
        y = dataset.target(labels)
        mask = np.ones(len(y), dtype=bool)
        for values in predictions.values():
            mask &= np.isfinite(values.reshape(len(values), -1)).all(axis=1)
        parts = np.full(len(y), -1)
        for number, (_, valid) in enumerate(folds):
            parts[valid] = number
        if not is_k_fold(folds, len(y)):
            rows = np.flatnonzero(mask)
            parts[rows] = divide(y[rows], dataset.classes is not None)
        return cls(
            y[mask],
            None if weight is None else weight[mask],
            parts[mask],
            {n: np.asarray(v[mask], dtype=np.float64) for n, v in predictions.items()},
            float(np.ptp(dataset.y)) if dataset.classes is None else 1.0,
            None if dataset.classes is None else len(dataset.classes),
            prediction_ms or {},
            kinds or {},
            mask,
            dataset.positive,
        )

    def take(self, rows: NDArray[Any]) -> OutOfFold:
        """Return the rows of these numbers, in this order.

        Examples
        --------
        >>> y = np.array([5.0, 6.0, 7.0])
        >>> data = OutOfFold(y, None, np.array([0, 0, 1]), {0: y + 1}, 2.0, None)
        >>> data.take(np.array([2, 0])).predictions[0].tolist()
        [8.0, 6.0]
        """
        return replace(
            self,
            y=self.y[rows],
            weight=None if self.weight is None else self.weight[rows],
            parts=self.parts[rows],
            predictions={n: v[rows] for n, v in self.predictions.items()},
        )

    def subsample(self) -> OutOfFold:
        """Draw up to 5,000 rows, always the same ones: enough to choose among candidates."""
        if len(self.y) <= _MOST_ROWS:
            return self
        return self.take(np.sort(np.random.default_rng(0).choice(len(self.y), _MOST_ROWS, False)))

    def splits(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """Pair the rows outside each part with those inside: to make an ensemble, to score it.

        Examples
        --------
        >>> y = np.array([5.0, 6.0, 7.0])
        >>> data = OutOfFold(y, None, np.array([0, 1, 1]), {0: y}, 2.0, None)
        >>> [(made.tolist(), scored.tolist()) for made, scored in data.splits()]
        [([1, 2], [0]), ([0], [1, 2])]
        """
        numbers = [n for n in np.unique(self.parts) if (self.parts != n).any()]
        return [(np.flatnonzero(self.parts != n), np.flatnonzero(self.parts == n)) for n in numbers]

    def scatter(self, predicted: Array) -> Array:
        """Spread predictions of these rows over all rows of the data; NaN for the others.

        Examples
        --------
        >>> y = np.array([5.0, 7.0])
        >>> mask = np.array([True, False, True])
        >>> data = OutOfFold(y, None, np.array([0, 1]), {0: y}, 2.0, None, row_mask=mask)
        >>> data.scatter(np.array([1.0, 2.0])).tolist()
        [1.0, nan, 2.0]
        >>> data.gather(np.array([1.0, 9.0, 2.0])).tolist()
        [1.0, 2.0]
        """
        if self.row_mask is None:
            return predicted
        full = np.full((len(self.row_mask), *predicted.shape[1:]), np.nan)
        full[self.row_mask] = predicted
        return full

    def gather(self, predicted: Array) -> Array:
        """Take the predictions of these rows from those of all rows; the inverse of `scatter`."""
        return predicted if self.row_mask is None else predicted[self.row_mask]

    def with_candidate(
        self, predicted: Array, prediction_ms: float, kind: str
    ) -> tuple[OutOfFold, int]:
        """Add a candidate that is no iteration.

        Parameters
        ----------
        predicted, prediction_ms, kind:
            Its entries of `predictions`, `prediction_ms` and `kinds`.

        Returns
        -------
        tuple
            The data with the candidate, and the free number that stands for it.

        Examples
        --------
        >>> y = np.array([5.0, 7.0])
        >>> data = OutOfFold(y, None, np.array([0, 1]), {3: y + 1}, 2.0, None)
        >>> added, number = data.with_candidate(y, 0.5, "second level")
        >>> number, added.kinds
        (-1, {-1: 'second level'})
        """
        number = min(0, *self.predictions) - 1
        added = replace(
            self,
            predictions={**self.predictions, number: predicted},
            prediction_ms={**self.prediction_ms, number: prediction_ms},
            kinds={**self.kinds, number: kind},
        )
        return added, number

    def score(self, metric: Metric, predicted: Array) -> float:
        """Return one metric's score of predictions for these rows."""
        return score_one(metric, self.y, predicted, self.weight, self.y_range)

    def all_scores(self, predicted: Array) -> dict[str, float]:
        """Return metric name -> score of predictions for these rows.

        Examples
        --------
        >>> y = np.array([5.0, 7.0])
        >>> data = OutOfFold(y, None, np.array([0, 1]), {0: y}, 2.0, None)
        >>> data.all_scores(y + 1)["mean_absolute_error"]
        1.0
        """
        if self.n_classes is None:
            return score_regression(self.y, predicted, self.weight, self.y_range)
        return score_classification(self.y, predicted, self.weight, self.positive)

    def ranked(self, metric: Metric) -> list[int]:
        """Return the candidates, best first; those without a score last, equals by number.

        Examples
        --------
        >>> from engine.metrics.metric import METRICS
        >>> y = np.array([5.0, 6.0])
        >>> candidates = {0: y + 2, 1: y + 1, 2: y + 2}
        >>> data = OutOfFold(y, None, np.array([0, 1]), candidates, 1.0, None)
        >>> data.ranked(METRICS["mean_absolute_error"])
        [1, 0, 2]
        """
        losses = {n: metric.loss(self.score(metric, p)) for n, p in self.predictions.items()}
        return sorted(losses, key=lambda n: (np.nan_to_num(losses[n], nan=np.inf), n))

    def mean(self, weights: Mapping[int, float]) -> Array:
        """Return the weighted sum of candidates' predictions, a mean where the weights sum to 1.

        Examples
        --------
        >>> y = np.array([5.0, 6.0])
        >>> data = OutOfFold(y, None, np.array([0, 1]), {0: y, 4: y + 4}, 1.0, None)
        >>> data.mean({0: 0.75, 4: 0.25}).tolist()
        [6.0, 7.0]
        """
        total: Array = np.sum([weights[n] * self.predictions[n] for n in weights], axis=0)
        return total
