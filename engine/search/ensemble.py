"""Ensembles of a run's pipelines, from their out-of-fold predictions; no Ray, no store."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
)
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.data import Dataset, Fold, Matrix
from engine.metrics import (
    METRICS,
    Metric,
    mean_over_folds,
    score_classification,
    score_one,
    score_regression,
)

logger = logging.getLogger("raysmith.trial")

Array = NDArray[np.float64]

#: Rows that the greedy selection looks at: its choice does not get better with more.
_MOST_ROWS = 5_000
_SELECTIONS = 25
_PARTS = 5

META_LEARNERS: Mapping[str, tuple[str, ...]] = {
    "classification": ("LogisticRegression", "LogisticRegressionCV", "LightGBMClassifier"),
    "regression": ("ElasticNet", "ElasticNetCV", "LinearRegression", "LightGBMRegressor"),
}


@dataclass(frozen=True)
class EnsembleResult:
    """An ensemble's parts and its scores.

    Attributes
    ----------
    members:
        Iteration -> weight; for a stack all 1.
    metrics, fold_metrics:
        From rows whose targets had no part in the weights or the meta learner.
    meta_learner:
        Of a stack, fitted on the members' out-of-fold predictions; else ``None``.
    """

    members: Mapping[int, float]
    metrics: Mapping[str, float]
    fold_metrics: Sequence[Mapping[str, float]]
    meta_learner: Any = None


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
    """

    y: NDArray[Any]
    weight: Array | None
    parts: NDArray[np.int64]
    predictions: Mapping[int, Array]
    y_range: float
    n_classes: int | None

    @classmethod
    def of(
        cls, dataset: Dataset, folds: Sequence[Fold], predictions: Mapping[int, Array]
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
        is_k_fold = len(folds) > 1 and sum(len(valid) for _, valid in folds) == len(y)
        if not (is_k_fold and (parts >= 0).all()):
            rows = np.flatnonzero(known)
            parts[rows] = _divide(y[rows], dataset.classes is not None)
        return cls(
            y[known],
            None if weight is None else weight[known],
            parts[known],
            {n: np.asarray(v[known], dtype=np.float64) for n, v in predictions.items()},
            float(np.ptp(dataset.y)) if dataset.classes is None else 1.0,
            None if dataset.classes is None else len(dataset.classes),
        )

    def rows(self, chosen: NDArray[Any]) -> OutOfFold:
        return OutOfFold(
            self.y[chosen],
            None if self.weight is None else self.weight[chosen],
            self.parts[chosen],
            {n: v[chosen] for n, v in self.predictions.items()},
            self.y_range,
            self.n_classes,
        )

    def splits(self) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        """(rows to make an ensemble from, rows to score it on), a pair a part."""
        numbers = [n for n in np.unique(self.parts) if (self.parts != n).any()]
        return [(np.flatnonzero(self.parts != n), np.flatnonzero(self.parts == n)) for n in numbers]

    def score(self, name: str, predicted: Array) -> float:
        return score_one(name, self.y, predicted, self.weight, self.y_range)

    def all_scores(self, predicted: Array) -> dict[str, float]:
        if self.n_classes is None:
            return score_regression(self.y, predicted, self.weight, self.y_range)
        return score_classification(self.y, predicted, self.weight)


def vote(data: OutOfFold, metric_name: str, seconds: float | None = None) -> EnsembleResult:
    """Weights for the candidates, greedily.

    From the best candidate on, add again and again the candidate (any, also one that is in) that
    makes the mean best by the metric; the weights are how often each was added.

    Parameters
    ----------
    data:
        The candidates' predictions.
    metric_name:
        What decides.
    seconds:
        Time for it all; what is not done by then is left out.

    Notes
    -----
    Source: Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble selection from libraries of
    models.
    """
    metric = METRICS[metric_name]
    until = None if seconds is None else time.monotonic() + seconds
    members = _select(_few(data), metric, until)
    scores = []
    for others, mine in data.splits():
        weights = _select(_few(data.rows(others)), metric, until)
        part = data.rows(mine)
        scores.append(part.all_scores(_mean(part.predictions, weights)))
    if not scores:
        scores = [data.all_scores(_mean(data.predictions, members))]
    return EnsembleResult(members, mean_over_folds(scores), scores)


def stack(
    data: OutOfFold,
    members: Sequence[int],
    *,
    meta_learner_type: str | None = None,
    meta_learner_kwargs: Mapping[str, Any] | None = None,
    train_percentage: float | None = None,
    random_state: int = 0,
) -> EnsembleResult:
    """A meta learner over the members' predictions.

    Parameters
    ----------
    data:
        The candidates' predictions.
    members:
        The iterations that are stacked.
    meta_learner_type:
        One of `META_LEARNERS`; default ``LogisticRegression`` and ``ElasticNet``.
    meta_learner_kwargs:
        Its parameters.
    train_percentage:
        Share of the rows that it is fitted on; default: all.
    """
    features = {n: data.predictions[n] for n in members}
    learner = _meta_learner(data, meta_learner_type, meta_learner_kwargs or {}, random_state)
    generator = np.random.default_rng(random_state)

    def fit(rows: NDArray[Any]) -> Any:
        if train_percentage is not None:
            size = max(2, round(train_percentage * len(rows)))
            chosen = np.sort(generator.choice(rows, size, replace=False))
            rows = chosen if len(np.unique(data.y[chosen])) > 1 else rows
        part = data.rows(rows)
        X = meta_features([features[n][rows] for n in members])
        name = learner.steps[-1][0]
        params = {} if part.weight is None else {f"{name}__sample_weight": part.weight}
        return clone(learner).fit(X, part.y, **params)

    scores = []
    for others, mine in data.splits():
        part = data.rows(mine)
        predicted = meta_predict(
            fit(others), [part.predictions[n] for n in members], data.n_classes
        )
        scores.append(part.all_scores(predicted))
    fitted = fit(np.arange(len(data.y)))
    if not scores:
        predicted = meta_predict(fitted, list(features.values()), data.n_classes)
        scores = [data.all_scores(predicted)]
    return EnsembleResult(dict.fromkeys(members, 1.0), mean_over_folds(scores), scores, fitted)


def meta_features(predictions: Sequence[Array]) -> Array:
    """The members' predictions side by side; probabilities as log-odds, the last class left out."""
    columns = []
    for values in predictions:
        if values.ndim == 1:
            columns.append(values[:, None])
        else:
            clipped = np.clip(values[:, :-1], 1e-4, 1 - 1e-4)
            columns.append(np.log(clipped / (1 - clipped)))
    return np.hstack(columns)


def meta_predict(learner: Any, predictions: Sequence[Array], n_classes: int | None) -> Array:
    """(n, n_classes) probabilities in the order of the class codes, or (n,) values."""
    X = meta_features(predictions)
    if n_classes is None:
        return np.asarray(learner.predict(X), dtype=np.float64)
    probabilities = np.zeros((len(X), n_classes))
    probabilities[:, np.asarray(learner.classes_, dtype=int)] = learner.predict_proba(X)
    return probabilities


def _select(data: OutOfFold, metric: Metric, until: float | None) -> dict[int, float]:
    """Iteration -> weight, the heaviest first."""
    names = list(data.predictions)
    scores = {n: data.score(metric.name, data.predictions[n]) for n in names}
    best = names[0]
    for name in names:
        if metric.is_better(scores[name], scores[best]):
            best = name
    chosen, total, top = [best], data.predictions[best].copy(), scores[best]
    bag, best_bag = [best], [best]
    for size in range(2, _SELECTIONS + 1):
        step: tuple[int, float] | None = None
        for name in names:
            if until is not None and time.monotonic() > until:
                break
            score = data.score(metric.name, (total + data.predictions[name]) / size)
            if metric.is_better(score, None if step is None else step[1]):
                step = (name, score)
        if step is None or (until is not None and time.monotonic() > until):
            break
        bag.append(step[0])
        total += data.predictions[step[0]]
        if metric.is_better(step[1], top):
            top, best_bag = step[1], list(bag)
        elif len(bag) - len(best_bag) >= 8:
            break
    chosen = best_bag
    counts = {n: chosen.count(n) / len(chosen) for n in dict.fromkeys(chosen)}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _mean(predictions: Mapping[int, Array], weights: Mapping[int, float]) -> Array:
    total: Array = np.sum([weights[n] * predictions[n] for n in weights], axis=0)
    return total


def _few(data: OutOfFold) -> OutOfFold:
    if len(data.y) <= _MOST_ROWS:
        return data
    return data.rows(np.sort(np.random.default_rng(0).choice(len(data.y), _MOST_ROWS, False)))


def _divide(y: NDArray[Any], stratified: bool) -> NDArray[np.int64]:
    """A part for each row, of `_PARTS` or as many as the rows allow."""
    parts = np.zeros(len(y), dtype=np.int64)
    n_parts = min(_PARTS, len(y) // 2)
    if n_parts < 2:
        return parts
    chosen: Any = KFold
    if stratified and np.unique(y, return_counts=True)[1].min() >= n_parts:
        chosen = StratifiedKFold
    splitter = chosen(n_parts, shuffle=True, random_state=0)
    for number, (_, mine) in enumerate(splitter.split(np.zeros(len(y)), y)):
        parts[mine] = number
    return parts


def _meta_learner(
    data: OutOfFold, name: str | None, params: Mapping[str, Any], random_state: int
) -> Any:
    if name is None:
        name = "ElasticNet" if data.n_classes is None else "LogisticRegression"
        # Few members that agree with each other: a strong pull towards their mean.
        defaults: dict[str, Any] = (
            {"alpha": 0.01 * float(np.std(data.y) or 1.0), "l1_ratio": 0.1, "positive": True}
            if data.n_classes is None
            else {"C": 0.05, "max_iter": 500}
        )
        params = defaults | dict(params)
    learners: dict[str, Any] = {
        "LogisticRegression": LogisticRegression,
        "LogisticRegressionCV": LogisticRegressionCV,
        "ElasticNet": ElasticNet,
        "ElasticNetCV": ElasticNetCV,
        "LinearRegression": LinearRegression,
    }
    if name in learners:
        return make_pipeline(StandardScaler(), learners[name](**params))
    import lightgbm

    settings = {"verbosity": -1, "n_jobs": 1, "random_state": random_state, "n_estimators": 50}
    chosen = lightgbm.LGBMRegressor if data.n_classes is None else lightgbm.LGBMClassifier
    return make_pipeline(chosen(**settings | dict(params)))


class _Ensemble(BaseEstimator):
    """What voting and stacking have in common.

    Parameters
    ----------
    members:
        (name, pipeline) pairs; `fit` fits clones of them, `of_fitted` takes fitted ones as they
        are.
    """

    members_: list[Any]

    def _outputs(self, X: Matrix, classes: NDArray[Any] | None) -> list[Array]:
        """Each member's predictions, probabilities in the order of ``classes``."""
        if classes is None:
            return [np.asarray(m.predict(X), dtype=np.float64).reshape(-1) for m in self.members_]
        outputs = []
        for member in self.members_:
            full = np.zeros((_n_rows(X), len(classes)))
            full[:, np.searchsorted(classes, member.classes_)] = member.predict_proba(X)
            outputs.append(full)
        return outputs


class _Voting(_Ensemble):
    def __init__(self, members: Sequence[tuple[str, Any]], weights: Sequence[float]) -> None:
        self.members = members
        self.weights = weights

    def fit(self, X: Matrix, y: NDArray[Any]) -> _Voting:
        self.members_ = [clone(member).fit(X, y) for _, member in self.members]
        if isinstance(self, ClassifierMixin):
            self.classes_ = np.unique(y)
        return self

    def _mean(self, outputs: Sequence[Array]) -> Array:
        return np.asarray(np.average(np.stack(outputs), axis=0, weights=self.weights))


class VotingEnsembleClassifier(ClassifierMixin, _Voting):
    """The weighted mean of the members' class probabilities."""

    def predict_proba(self, X: Matrix) -> Array:
        return self._mean(self._outputs(X, self.classes_))

    def predict(self, X: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class VotingEnsembleRegressor(RegressorMixin, _Voting):
    """The weighted mean of the members' predictions."""

    def predict(self, X: Matrix) -> Array:
        return self._mean(self._outputs(X, None))


class _Stack(_Ensemble):
    def __init__(self, members: Sequence[tuple[str, Any]], meta_learner: Any) -> None:
        self.members = members
        self.meta_learner = meta_learner

    def fit(self, X: Matrix, y: NDArray[Any]) -> _Stack:
        """Fits the members on all rows, the meta learner on their out-of-fold predictions."""
        is_classifier = isinstance(self, ClassifierMixin)
        if is_classifier:
            self.classes_ = np.unique(y)
        codes = np.searchsorted(self.classes_, y) if is_classifier else np.asarray(y)
        parts = _divide(codes, is_classifier)
        outputs: list[Array] = []
        for _, member in self.members:
            shape = (len(y), len(self.classes_)) if is_classifier else (len(y),)
            output = np.zeros(shape)
            for number in np.unique(parts):
                train, valid = np.flatnonzero(parts != number), np.flatnonzero(parts == number)
                self.members_ = [clone(member).fit(_take(X, train), y[train])]
                classes = self.classes_ if is_classifier else None
                output[valid] = self._outputs(_take(X, valid), classes)[0]
            outputs.append(output)
        self.meta_learner_ = clone(self.meta_learner).fit(meta_features(outputs), codes)
        self.members_ = [clone(member).fit(X, y) for _, member in self.members]
        return self


class StackEnsembleClassifier(ClassifierMixin, _Stack):
    """A meta learner over the members' class probabilities."""

    def predict_proba(self, X: Matrix) -> Array:
        outputs = self._outputs(X, self.classes_)
        return meta_predict(self.meta_learner_, outputs, len(self.classes_))

    def predict(self, X: Matrix) -> NDArray[Any]:
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class StackEnsembleRegressor(RegressorMixin, _Stack):
    """A meta learner over the members' predictions."""

    def predict(self, X: Matrix) -> Array:
        return meta_predict(self.meta_learner_, self._outputs(X, None), None)


def _n_rows(X: Matrix) -> int:
    return int(X.shape[0]) if hasattr(X, "shape") else len(X)


def _take(X: Matrix, rows: NDArray[Any]) -> Matrix:
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def compose(
    result: EnsembleResult, pipelines: Mapping[int, Any], classes: NDArray[Any] | None
) -> Any:
    """The ensemble as a fitted estimator.

    Parameters
    ----------
    result:
        From `vote` or `stack`.
    pipelines:
        Iteration -> fitted pipeline, at least the members.
    classes:
        Sorted class labels; ``None`` for regression.
    """
    members = [(f"iteration_{n}", pipelines[n]) for n in result.members]
    ensemble: Any
    if result.meta_learner is None:
        voting = VotingEnsembleRegressor if classes is None else VotingEnsembleClassifier
        ensemble = voting(members, list(result.members.values()))
    else:
        stacking = StackEnsembleRegressor if classes is None else StackEnsembleClassifier
        ensemble = stacking(members, result.meta_learner)
        ensemble.meta_learner_ = result.meta_learner
    ensemble.members_ = [pipeline for _, pipeline in members]
    if classes is not None:
        ensemble.classes_ = classes
    return ensemble
