"""Ensembles of a run's pipelines, from their out-of-fold predictions; no Ray, no store."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.linear_model import (
    ElasticNet,
    ElasticNetCV,
    LinearRegression,
    LogisticRegression,
    LogisticRegressionCV,
)
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from engine.data import Dataset, Fold
from engine.metrics import (
    METRICS,
    Metric,
    mean_over_folds,
    score_classification,
    score_one,
    score_regression,
)
from engine.pipelines.ensembles import (
    StackEnsembleClassifier,
    StackEnsembleRegressor,
    VotingEnsembleClassifier,
    VotingEnsembleRegressor,
    divide,
    meta_input,
    meta_predict,
    share_first_steps,
)
from engine.splits import is_k_fold

if TYPE_CHECKING:
    from engine.second_level import SecondLevel

logger = logging.getLogger("raysmith.trial")

Array = NDArray[np.float64]

#: The second level among iterations.
_OWN = -1
#: Rows that the greedy selection looks at: its choice does not get better with more.
_MOST_ROWS = 5_000
#: Additions to the candidates that the greedy selection starts with: the best of each estimator, as
#: many as this and no more than a third of all. Near copies of the best would only repeat it.
_ADDITIONS = 20
_START = 4
#: All of them come from this many of the best candidates.
_POOL = 20
#: Metrics whose greedy selection picks up less noise when the log loss decides: it sees by how much
#: a prediction is off, they only see orders and sides (`benchmarks/ensembles.py` compares).
_BY_LOG_LOSS = ("AUC_weighted", "AUC_macro", "average_precision_score_weighted", "accuracy")
#: An ensemble of more than the fewest that takes longer to predict 1,000 rows gives members up
#: while it loses no more than this much of the metric (of a regression metric, this share).
_FEWEST = 2
_SLOW_MS = 30.0
_WORTH_SPEED = 1e-4


@dataclass(frozen=True)
class EnsembleResult:
    """An ensemble's parts and its scores.

    Attributes
    ----------
    members:
        Iteration -> weight; for a stack all 1.
    metrics, fold_metrics:
        From rows whose targets had no part in the weights or the meta learner.
    predictions:
        For every row of the data, of an ensemble that was made without it; NaN for rows that the
        members did not predict either.
    meta_learner:
        Of a stack, fitted on the members' out-of-fold predictions; else ``None``.
    features:
        Of a stack whose meta learner sees features too, what makes them; else ``None``.
    own_weight:
        The meta learner's in the mean of it and the members; ``None`` where it decides alone.
    n_inputs:
        The meta learner sees this many of the members, the first ones; ``None`` for all.
    """

    members: Mapping[int, float]
    metrics: Mapping[str, float]
    fold_metrics: Sequence[Mapping[str, float]]
    predictions: Array
    meta_learner: Any = None
    features: Any = None
    own_weight: float | None = None
    n_inputs: int | None = None


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
        return score_one(name, self.y, predicted, self.weight, self.y_range)

    def all_scores(self, predicted: Array) -> dict[str, float]:
        if self.n_classes is None:
            return score_regression(self.y, predicted, self.weight, self.y_range)
        return score_classification(self.y, predicted, self.weight, self.positive)


def vote(data: OutOfFold, metric_name: str, seconds: float | None = None) -> EnsembleResult:
    """Weights for the candidates, greedily.

    From the mean of the best of a few estimators on, add again and again the candidate (any of the
    better ones, also one that is in) that makes the mean best; the weights are how often each was
    added.

    Parameters
    ----------
    data:
        The candidates' predictions.
    metric_name:
        What decides who is among the best. The additions are decided by it too, or by the log
        loss where that is the safer guide.
    seconds:
        Time for it all; what is not done by then is left out.

    Notes
    -----
    Source: Caruana, Niculescu-Mizil, Crew & Ksikes (2004), Ensemble selection from libraries of
    models; of its guards against overfitting, the sorted initialization and the selection with
    replacement.
    """
    metric = METRICS[metric_name]
    until = None if seconds is None else time.monotonic() + seconds
    members = _lighter(_few(data), metric, _select(_few(data), metric, until))
    scores, everything = [], _mean(data.predictions, members)
    for others, mine in data.splits():
        part = _few(data.rows(others))
        weights = _lighter(part, metric, _select(part, metric, until))
        part = data.rows(mine)
        everything[mine] = _mean(part.predictions, weights)
        scores.append(part.all_scores(everything[mine]))
    if not scores:
        scores = [data.all_scores(everything)]
    return EnsembleResult(members, mean_over_folds(scores), scores, data.everywhere(everything))


def choose_one(data: OutOfFold, metric_name: str) -> list[float]:
    """What choosing the best single candidate gives, a score for each part of the rows.

    The best of many scores is partly luck: of the rows that it was chosen on. Here each part is
    scored by the candidate that is best on the others, as an ensemble's parts are, so that the two
    can be compared.

    Source: Varma & Simon (2006), Bias in error estimation when using cross-validation for model
    selection.
    """
    metric, scores = METRICS[metric_name], []
    for others, mine in data.splits():
        best = _sorted(_few(data.rows(others)), metric)[0]
        part = data.rows(mine)
        scores.append(part.score(metric_name, part.predictions[best]))
    return scores


def gain(metric: Metric, scores: Sequence[float], than: Sequence[float]) -> tuple[float, float]:
    """By how much ``scores`` are better in the mean of the parts, and the standard error of that.

    Parts that have no score are left out; NaN when none has.
    """
    differences = np.asarray(scores, dtype=np.float64) - np.asarray(than, dtype=np.float64)
    differences = differences[np.isfinite(differences)]
    if not len(differences):
        return np.nan, np.nan
    sign = 1.0 if metric.greater_is_better else -1.0
    error = differences.std(ddof=1) / np.sqrt(len(differences)) if len(differences) > 1 else np.inf
    return sign * float(differences.mean()), float(error)


def stack(
    data: OutOfFold,
    members: Sequence[int],
    *,
    choose: Callable[[OutOfFold], Sequence[int]] | None = None,
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
    choose:
        How they were chosen: each part is scored by a stack of what is chosen on the others.
        Default: they were not chosen by their scores.
    meta_learner_type:
        One of `engine.pipelines.names.META_LEARNERS`; default: the first of the task.
    meta_learner_kwargs:
        Its parameters.
    train_percentage:
        Share of the rows that it is fitted on; default: all.
    """
    learner = _meta_learner(data, meta_learner_type, meta_learner_kwargs or {}, random_state)
    generator = np.random.default_rng(random_state)

    def fit(rows: NDArray[Any], members: Sequence[int]) -> Any:
        if train_percentage is not None:
            size = max(2, round(train_percentage * len(rows)))
            chosen = np.sort(generator.choice(rows, size, replace=False))
            rows = chosen if len(np.unique(data.y[chosen])) > 1 else rows
        part = data.rows(rows)
        X = meta_input([part.predictions[n] for n in members])
        steps = getattr(learner, "regressor", learner).steps
        params = {} if part.weight is None else {f"{steps[-1][0]}__sample_weight": part.weight}
        return clone(learner).fit(X, part.y, **params)

    fitted = fit(np.arange(len(data.y)), members)
    outputs = [data.predictions[n] for n in members]
    scores, everything = [], meta_predict(fitted, outputs, data.n_classes)
    for others, mine in data.splits():
        part = data.rows(mine)
        stacked = members if choose is None else choose(data.rows(others))
        outputs = [part.predictions[n] for n in stacked]
        everything[mine] = meta_predict(fit(others, stacked), outputs, data.n_classes)
        scores.append(part.all_scores(everything[mine]))
    if not scores:
        scores = [data.all_scores(everything)]
    weights = dict.fromkeys(members, 1.0)
    metrics = mean_over_folds(scores)
    return EnsembleResult(weights, metrics, scores, data.everywhere(everything), fitted)


def vote_with(
    data: OutOfFold,
    metric_name: str,
    own: SecondLevel,
    inputs: Sequence[int],
    seconds: float | None = None,
) -> EnsembleResult | None:
    """Weights for the candidates and a second level, as `vote` gives them.

    Parameters
    ----------
    data, metric_name, seconds:
        As in `vote`.
    own:
        The second level.
    inputs:
        The iterations whose predictions it has seen, in that order; all are members, some perhaps
        of weight 0.

    Returns
    -------
    EnsembleResult or None
        ``None`` when the second level has no weight in the best mean.
    """
    known = slice(None) if data.known is None else data.known
    cost = sum(data.prediction_ms.get(n, 0.0) for n in inputs)
    voted = vote(
        replace(
            data,
            predictions={**data.predictions, _OWN: own.predictions[known]},
            prediction_ms={**data.prediction_ms, _OWN: cost},
            kinds={**data.kinds, _OWN: "second level"},
        ),
        metric_name,
        seconds,
    )
    members = dict(voted.members)
    own_weight = members.pop(_OWN, None)
    if own_weight is None:
        return None
    return replace(
        voted,
        members={n: members.pop(n, 0.0) for n in inputs} | members,
        meta_learner=own.model,
        features=own.features,
        own_weight=own_weight,
        n_inputs=len(inputs),
    )


def stack_members(data: OutOfFold, metric_name: str, at_most: int) -> list[int]:
    """The best candidates, best first; fewer when together they would predict slowly."""
    metric = METRICS[metric_name]
    best = _sorted(_few(data), metric)[:at_most]
    kept = _lighter(_few(data), metric, dict.fromkeys(best, 1.0 / len(best)))
    return [n for n in best if n in kept]


def _sorted(data: OutOfFold, metric: Metric) -> list[int]:
    sign = -1 if metric.greater_is_better else 1
    losses = {n: sign * data.score(metric.name, p) for n, p in data.predictions.items()}
    return sorted(losses, key=lambda n: (np.nan_to_num(losses[n], nan=np.inf), n))


def _select(data: OutOfFold, metric: Metric, until: float | None) -> dict[int, float]:
    """Iteration -> weight, the heaviest first."""
    ranked = _sorted(data, metric)
    if until is not None and time.monotonic() > until:
        return {ranked[0]: 1.0}
    pool = ranked[:_POOL]
    guide = METRICS["log_loss"] if metric.name in _BY_LOG_LOSS else metric
    bag = _first_of_each_kind(pool, data.kinds)[: min(_START, max(1, len(ranked) // 3))]
    total: Array = np.sum([data.predictions[n] for n in bag], axis=0)
    top, best_bag = data.score(guide.name, total / len(bag)), list(bag)
    for _ in range(_ADDITIONS):
        step: tuple[int, float] | None = None
        for name in pool:
            if until is not None and time.monotonic() > until:
                break
            mean = (total + data.predictions[name]) / (len(bag) + 1)
            score = data.score(guide.name, mean)
            if guide.is_better(score, None if step is None else step[1]):
                step = (name, score)
        if step is None or (until is not None and time.monotonic() > until):
            break
        bag.append(step[0])
        total += data.predictions[step[0]]
        if guide.is_better(step[1], top):
            top, best_bag = step[1], list(bag)
        elif len(bag) - len(best_bag) >= 8:
            break
    counts = {n: best_bag.count(n) / len(best_bag) for n in dict.fromkeys(best_bag)}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def _first_of_each_kind(ranked: Sequence[int], kinds: Mapping[int, str]) -> list[int]:
    """What is of no known kind is of its own."""
    first: dict[Any, int] = {}
    for number in ranked:
        first.setdefault(kinds.get(number, number), number)
    return list(first.values())


def _lighter(data: OutOfFold, metric: Metric, weights: Mapping[int, float]) -> dict[int, float]:
    """Without slow members whose loss would not show; the others keep their proportions."""
    kept = dict(weights)
    costs = {n: data.prediction_ms.get(n, 0.0) for n in kept}
    if sum(costs.values()) <= _SLOW_MS:
        return kept

    def score_of(chosen: Mapping[int, float]) -> float:
        return data.score(metric.name, _mean(data.predictions, chosen) / sum(chosen.values()))

    sign = 1 if metric.greater_is_better else -1
    top = score_of(kept)
    allowed = _WORTH_SPEED * (1.0 if data.n_classes is not None else abs(top))
    for slowest in sorted(costs, key=lambda n: (-costs[n], n)):
        if len(kept) <= _FEWEST or sum(costs[n] for n in kept) <= _SLOW_MS:
            break
        without = {n: w for n, w in kept.items() if n != slowest}
        if sign * (top - score_of(without)) <= allowed:
            kept = without
    total = sum(kept.values())
    return {n: w / total for n, w in kept.items()}


def _mean(predictions: Mapping[int, Array], weights: Mapping[int, float]) -> Array:
    total: Array = np.sum([weights[n] * predictions[n] for n in weights], axis=0)
    return total


def _few(data: OutOfFold) -> OutOfFold:
    if len(data.y) <= _MOST_ROWS:
        return data
    return data.rows(np.sort(np.random.default_rng(0).choice(len(data.y), _MOST_ROWS, False)))


def _meta_learner(
    data: OutOfFold, name: str | None, params: Mapping[str, Any], random_state: int
) -> Any:
    # Members agree with each other: without a pull towards their mean, noise decides.
    if name is None and data.n_classes is None:
        settings = {"alpha": 1e-3, "l1_ratio": 0.1, "positive": True, **params}
        inner = make_pipeline(StandardScaler(), ElasticNet(**settings))
        return TransformedTargetRegressor(inner, transformer=StandardScaler())
    if name is None:
        name, params = "LogisticRegression", {"C": 0.05, "max_iter": 500, **params}
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
    fitted = [pipelines[n] for n in result.members]
    if result.features is not None:
        fitted.append(Pipeline([("datatransformer", result.features)]))
    fitted = share_first_steps(fitted)
    features = None if result.features is None else fitted.pop()[0]
    members = [(f"iteration_{n}", p) for n, p in zip(result.members, fitted, strict=True)]
    ensemble: Any
    if result.meta_learner is None:
        voting = VotingEnsembleRegressor if classes is None else VotingEnsembleClassifier
        ensemble = voting(members, list(result.members.values()))
    else:
        stacking = StackEnsembleRegressor if classes is None else StackEnsembleClassifier
        weights = None
        if result.own_weight is not None:
            weights = [*result.members.values(), result.own_weight]
        ensemble = stacking(members, result.meta_learner, features, weights, result.n_inputs)
        ensemble.meta_learner_ = result.meta_learner
        ensemble.features_ = features
    ensemble.members_ = [pipeline for _, pipeline in members]
    if classes is not None:
        ensemble.classes_ = classes
    return ensemble
