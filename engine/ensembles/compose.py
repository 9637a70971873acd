"""Composition of ensembles: their parts and scores, and the estimator built from the parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.ensembles.estimators import (
    SharedFeatures,
    StackEnsembleClassifier,
    StackEnsembleRegressor,
    VotingEnsembleClassifier,
    VotingEnsembleRegressor,
)
from engine.ensembles.members import share_first_steps
from engine.ensembles.meta_features import Array
from engine.ensembles.out_of_fold import OutOfFold
from engine.metrics.scores import mean_over_folds
from engine.pipelines.protocols import Estimator, Transformer

Ensemble = (
    VotingEnsembleClassifier
    | VotingEnsembleRegressor
    | StackEnsembleClassifier
    | StackEnsembleRegressor
)


@dataclass(frozen=True)
class EnsembleResult:
    """An ensemble's parts and its scores.

    Attributes
    ----------
    members:
        Iteration -> weight; 1 for every member of a stack.
    metrics, fold_metrics:
        Scores from rows whose targets had no part in the weights or the meta learner: the mean,
        and those of each part of the rows.
    predictions:
        (n_rows, n_classes) or (n_rows,) for every row of the data, by an ensemble that was made
        without the row; NaN for rows that the members did not predict either.
    meta_learner:
        A stack's meta learner, fitted on the members' out-of-fold predictions; ``None`` for voting.
    features:
        The fitted transformer of a meta learner that sees features too; else ``None``.
    own_weight:
        The meta learner's weight in its mean with the members; ``None`` where it decides alone.
    n_inputs:
        How many members, the first ones, the meta learner sees; ``None`` for all.
    """

    members: Mapping[int, float]
    metrics: Mapping[str, float]
    fold_metrics: Sequence[Mapping[str, float]]
    predictions: Array
    meta_learner: Estimator | None = None
    features: Transformer | None = None
    own_weight: float | None = None
    n_inputs: int | None = None

    @property
    def heaviest(self) -> int:
        """The member of the largest weight, the first of equals.

        Examples
        --------
        >>> import numpy as np
        >>> EnsembleResult({4: 0.3, 7: 0.7}, {}, [], np.zeros(0)).heaviest
        7
        """
        return max(self.members, key=lambda n: self.members[n])


def score_parts(
    data: OutOfFold,
    members: Mapping[int, float],
    predicted: Array,
    predict: Callable[[NDArray[Any], OutOfFold], Array],
    meta_learner: Estimator | None = None,
) -> EnsembleResult:
    """Score each part of the rows by an ensemble that was made from the other parts.

    Parameters
    ----------
    data:
        The candidates' predictions.
    members, meta_learner:
        Those of the ensemble that was made from all rows.
    predicted:
        What that ensemble predicts; it stands for parts that cannot be scored by another.
    predict:
        Takes the numbers of the rows to make an ensemble from, and a part; returns the ensemble's
        predictions for the part.
    """
    scores, everything = [], predicted.copy()
    for others, mine in data.splits():
        part = data.take(mine)
        everything[mine] = predict(others, part)
        scores.append(part.all_scores(everything[mine]))
    if not scores:
        scores = [data.all_scores(everything)]
    metrics = mean_over_folds(scores)
    return EnsembleResult(members, metrics, scores, data.scatter(everything), meta_learner)


def compose(
    result: EnsembleResult, pipelines: Mapping[int, Pipeline], classes: NDArray[Any] | None
) -> Ensemble:
    """Build the fitted estimator of an ensemble.

    Parameters
    ----------
    result:
        From `engine.ensembles.voting`, `engine.ensembles.stacking` or
        `engine.ensembles.second_level`.
    pipelines:
        Iteration -> fitted pipeline, at least the members.
    classes:
        Sorted class labels; ``None`` for regression.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.dummy import DummyRegressor
    >>> from sklearn.pipeline import make_pipeline
    >>> X, y = np.zeros((4, 1)), np.array([0.0, 0.0, 0.0, 4.0])
    >>> mean = make_pipeline(DummyRegressor()).fit(X, y)
    >>> median = make_pipeline(DummyRegressor(strategy="median")).fit(X, y)
    >>> result = EnsembleResult({0: 0.75, 5: 0.25}, {}, [], np.zeros(0))
    >>> compose(result, {0: mean, 5: median}, None).predict(X[:2]).tolist()
    [0.75, 0.75]
    """
    fitted: list[Any] = [pipelines[n] for n in result.members]
    if result.features is not None:
        fitted.append(Pipeline([("datatransformer", result.features)]))
    fitted = share_first_steps(fitted)
    features = None if result.features is None else fitted.pop()[0]
    members = [(f"iteration_{n}", p) for n, p in zip(result.members, fitted, strict=True)]
    if result.meta_learner is None:
        voting = VotingEnsembleRegressor if classes is None else VotingEnsembleClassifier
        return voting.of_fitted(members, list(result.members.values()), classes)
    weights = None
    if result.own_weight is not None:
        weights = [*result.members.values(), result.own_weight]
    stacking = StackEnsembleRegressor if classes is None else StackEnsembleClassifier
    return stacking.of_fitted(
        members, result.meta_learner, classes, features, weights, result.n_inputs
    )


def as_pipeline(
    name: str,
    result: EnsembleResult,
    pipelines: Mapping[int, Pipeline],
    classes: NDArray[Any] | None,
) -> Pipeline:
    """Build an ensemble in the form of a run's other models.

    Parameters
    ----------
    name:
        The ensemble's name, that of the last step.
    result, pipelines, classes:
        As in `compose`.

    Returns
    -------
    sklearn.pipeline.Pipeline
        Two steps: ``datatransformer``, which passes X on and describes the features of the
        heaviest member, and the ensemble.

    Examples
    --------
    >>> import numpy as np
    >>> from engine.pipelines.build import build_pipeline
    >>> from engine.pipelines.spec import PipelineSpec
    >>> X, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    >>> tree = build_pipeline(PipelineSpec("DecisionTree"), "regression").fit(X, y)
    >>> model = as_pipeline("VotingEnsemble", EnsembleResult({0: 1.0}, {}, [], y), {0: tree}, None)
    >>> list(model.named_steps), model.predict(X).tolist()
    (['datatransformer', 'VotingEnsemble'], [0.0, 1.0, 2.0, 3.0])
    """
    features = SharedFeatures(pipelines[result.heaviest].named_steps["datatransformer"])
    ensemble = compose(result, pipelines, classes)
    return Pipeline([("datatransformer", features), (name, ensemble)])
