"""An ensemble of pipelines: its parts and scores, and the estimator of them; no Ray, no store."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.ensembles.estimators import (
    StackEnsembleClassifier,
    StackEnsembleRegressor,
    VotingEnsembleClassifier,
    VotingEnsembleRegressor,
    share_first_steps,
)
from engine.ensembles.meta_features import Array
from engine.ensembles.out_of_fold import OutOfFold
from engine.metrics.scores import mean_over_folds


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


def score_parts(
    data: OutOfFold,
    members: Mapping[int, float],
    predicted: Array,
    predict: Callable[[NDArray[Any], OutOfFold], Array],
    meta_learner: Any = None,
) -> EnsembleResult:
    """An ensemble's result, each part of the rows scored by one that was made from the others.

    Parameters
    ----------
    data:
        The candidates' predictions.
    members, meta_learner:
        Of the ensemble that was made from all rows.
    predicted:
        What that one predicts: kept where rows have no others.
    predict:
        (numbers of the rows to make an ensemble from, a part) -> its predictions for the part.
    """
    scores, everything = [], predicted.copy()
    for others, mine in data.splits():
        part = data.rows(mine)
        everything[mine] = predict(others, part)
        scores.append(part.all_scores(everything[mine]))
    if not scores:
        scores = [data.all_scores(everything)]
    metrics = mean_over_folds(scores)
    return EnsembleResult(members, metrics, scores, data.everywhere(everything), meta_learner)


def compose(
    result: EnsembleResult, pipelines: Mapping[int, Any], classes: NDArray[Any] | None
) -> Any:
    """The ensemble as a fitted estimator.

    Parameters
    ----------
    result:
        From `engine.search.voting` or `engine.search.stacking`.
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
