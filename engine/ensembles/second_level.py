"""A second level: boosting that sees the features, and what other pipelines predict from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from engine.data.dataset import Dataset, Fold, rows_of
from engine.ensembles.meta_features import meta_input, meta_predict
from engine.evaluation.fit_options import ALL_ROWS, KeptByPart
from engine.evaluation.parts import fit_features, fit_weight, part_of, pipeline_for
from engine.evaluation.rounds import mean_rounds, rounds_of_the_others
from engine.pipelines.fitting.early_stopping import AtRounds, fit_with_early_stopping
from engine.pipelines.spec import PipelineSpec

#: Random thresholds, as the best splits of the predictions alone would leave features no say. With
#: more than two classes a round is as many trees, and there are half as many rounds.
_PARAMS = {"learning_rate": 0.05, "extra_trees": True}
_PARAMS_MANY_CLASSES = {"learning_rate": 0.1, "extra_trees": True}
#: The fit on all rows, in fits of a fold, with a reserve for scoring.
_LAST_FIT = 2.0


class GivenUp(Exception):
    """A second level that is not wanted any more."""


@dataclass(frozen=True)
class SecondLevel:
    """A fitted second level.

    Attributes
    ----------
    predictions:
        Of every row, by a second level that was fitted without it: (n_rows, n_classes) or
        (n_rows,).
    features:
        The fitted transformer that makes features from X.
    model:
        Fitted on all rows' features and out-of-fold predictions, `meta_input`, for class codes or
        values.
    """

    predictions: NDArray[np.float64]
    features: Any
    model: Any


def fit_second_level(
    dataset: Dataset,
    folds: Sequence[Fold],
    outputs: Sequence[NDArray[np.float64]],
    *,
    inputs: Sequence[Sequence[int]] | None = None,
    cores: int = 1,
    random_state: int = 0,
    class_weight: Any = None,
    seconds: float | None = None,
    stop: Callable[[], bool] | None = None,
    kept: KeptByPart | None = None,
) -> SecondLevel:
    """Fit LightGBM on features and out-of-fold predictions.

    Parameters
    ----------
    dataset, folds:
        As the predictions were made with; the folds as `is_k_fold` wants them.
    outputs:
        Each (n_rows, n_classes) or (n_rows,): a pipeline's out-of-fold predictions.
    inputs:
        Which of the outputs the model of each fold sees and, last, that of all rows. Where they
        were chosen by their scores, those of a fold must be chosen on the other rows: the best of
        many is partly luck. Default: all see all.
    cores:
        Threads that may be used.
    random_state:
        Seed.
    class_weight:
        ``"balanced"`` or label to weight, multiplied into the sample weights.
    seconds:
        No boosting rounds are added to any fit after its share of these; default: no limit.
    stop:
        Asked before each fit whether to give up; default: never.
    kept:
        As in `engine.evaluation.fit_options.FitOptions`.

    Raises
    ------
    GivenUp
        When ``stop`` said so.

    Notes
    -----
    Source: Wolpert (1992), Stacked generalization; features beside the predictions as in
    scikit-learn's ``StackingClassifier(passthrough=True)``.
    """
    n_classes = None if dataset.classes is None else len(dataset.classes)
    fixed = _PARAMS if n_classes is None or n_classes == 2 else _PARAMS_MANY_CLASSES

    def parts_of(params: dict[str, Any]) -> tuple[Any, Any]:
        """What makes the features, and the booster; the same with any number of threads."""
        spec = PipelineSpec("LightGBM", estimator_params=fixed | params)
        features, booster = pipeline_for(dataset, spec, cores, random_state)
        return features, booster.set_params(deterministic=True, force_col_wise=True)

    codes = dataset.target(dataset.y)
    weight = fit_weight(dataset, class_weight)
    fit_seconds = None if seconds is None else seconds / (len(folds) + _LAST_FIT)

    inputs = inputs or [range(len(outputs))] * (len(folds) + 1)

    def go_on() -> None:
        if stop is not None and stop():
            raise GivenUp("the second level is not wanted any more")

    def seen_by(number: int, rows: NDArray[np.int64]) -> list[NDArray[np.float64]]:
        return [outputs[n][rows] for n in inputs[number]]

    with threadpool_limits(limits=cores):
        rounds, fitted = [], []
        for number, (train, valid) in enumerate(folds):
            go_on()
            X, y, w = part_of(dataset, weight, train)
            features, booster = parts_of({})
            X, X_valid = fit_features([features], X, y, rows_of(dataset.X, valid), number, kept)
            seen = meta_input(seen_by(number, train), X)
            seen_valid = meta_input(seen_by(number, valid), X_valid)
            best = fit_with_early_stopping(
                booster, seen, codes[train], w, seen_valid, codes[valid], fit_seconds, keep_all=True
            )
            rounds.append(best)
            fitted.append((booster, X_valid))
        predictions = np.zeros_like(outputs[0], dtype=np.float64)
        for number, (booster, X_valid) in enumerate(fitted):
            valid = folds[number][1]
            model = AtRounds(booster, rounds_of_the_others(rounds, number))
            predictions[valid] = meta_predict(model, seen_by(number, valid), n_classes, X_valid)
        go_on()
        features, booster = parts_of({"n_estimators": mean_rounds(rounds)})
        everything = [outputs[n] for n in inputs[-1]]
        X, _ = fit_features([features], dataset.X, dataset.y, None, ALL_ROWS, kept)
        seen = meta_input(everything, X)
        booster.fit(seen, codes, sample_weight=weight)
    return SecondLevel(predictions, features, booster)


class Fitting(Protocol):
    """A second level that is being fitted elsewhere."""

    def result(self) -> SecondLevel | None:
        """Wait for it; ``None`` when it failed or was not ready in time."""

    def cancel(self) -> None:
        """It is not wanted any more."""
