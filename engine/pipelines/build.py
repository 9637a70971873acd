"""Unfitted scikit-learn pipelines from their specifications."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from engine.data.dataset import Layout
from engine.metrics.metric import Task
from engine.pipelines.catalogue.entries import NO_SCALER, EstimatorEntry, Wrapper
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.catalogue.scalers import SCALERS
from engine.pipelines.estimators.catboost_categories import TextCategories
from engine.pipelines.estimators.labels import EncodedLabels
from engine.pipelines.estimators.svm import CalibratedMargin
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.features.part import Output
from engine.pipelines.features.transformer import DataTransformer
from engine.pipelines.protocols import Estimator, Transformer
from engine.pipelines.spec import PipelineSpec


def build_pipeline(
    spec: PipelineSpec,
    task: Task,
    *,
    layout: Layout | None = None,
    names: Sequence[str] | None = None,
    sparse: bool = False,
    cores: int = 1,
    n_rows: int = 0,
    random_state: int | None = 0,
) -> Pipeline:
    """Build an unfitted pipeline: ``datatransformer``, the scaler if any, and the estimator.

    Parameters
    ----------
    spec:
        What to build.
    task:
        Chooses between the classifier and the regressor of that name.
    layout:
        How the columns are featurized; ``None`` for a numeric X.
    names:
        The user's names of the columns of a numeric X, by which a table to predict is taken.
        Default: those of the table that the pipeline is fitted on, if it is one.
    sparse:
        Whether X is a scipy sparse matrix.
    cores:
        Threads the estimator may use.
    n_rows:
        Rows that it will be fitted on: large data changes some parameters that are not given.
    random_state:
        Seed of all steps.

    Raises
    ------
    KeyError
        For a name that the catalogue does not hold.
    ModuleNotFoundError
        For XGBoost or CatBoost without the ``boost`` extra.

    Examples
    --------
    >>> pipeline = build_pipeline(PipelineSpec("SGD", "MaxAbsScaler"), "classification")
    >>> list(pipeline.named_steps)
    ['datatransformer', 'MaxAbsScaler', 'SGD']
    """
    entry = estimators_of(task)[spec.estimator]
    steps: list[tuple[str, Any]] = [
        ("datatransformer", _build_first_step(entry, spec, task, layout, names, sparse))
    ]
    if spec.scaler != NO_SCALER:
        steps.append((spec.scaler, _build_scaler(spec, sparse, random_state)))
    steps.append((spec.estimator, _build_estimator(entry, spec, cores, n_rows, random_state)))
    return Pipeline(steps)


def _build_first_step(
    entry: EstimatorEntry,
    spec: PipelineSpec,
    task: Task,
    layout: Layout | None,
    names: Sequence[str] | None,
    sparse: bool,
) -> DataTransformer | NumericMatrix:
    has_scaler = spec.scaler != NO_SCALER
    if layout is None:
        fill = not entry.handles_missing or (
            has_scaler and not SCALERS[spec.scaler].handles_missing
        )
        # Most estimators that take NaN in a dense matrix refuse it in a sparse one.
        return NumericMatrix(fill or sparse, names)
    # A scaler needs numbers without NaN, whatever comes after it.
    output: Output = "encoded" if has_scaler else entry.input
    if output == "native" and layout.config.for_onnx:
        output = "codes"
    return DataTransformer(
        layout.columns, layout.config, output, task == "regression", layout.named
    )


def _build_scaler(spec: PipelineSpec, sparse: bool, random_state: int | None) -> Transformer:
    entry = SCALERS[spec.scaler]
    params = {**entry.fixed, **(entry.for_sparse if sparse else {}), **spec.scaler_params}
    if entry.seed_parameter:
        params[entry.seed_parameter] = random_state
    return _load(entry.factory)(**params)


def _build_estimator(
    entry: EstimatorEntry, spec: PipelineSpec, cores: int, n_rows: int, random_state: int | None
) -> Estimator:
    params = {**entry.fixed, **entry.size_rule(spec.estimator_params, n_rows)}
    if entry.threads_parameter:
        params[entry.threads_parameter] = cores
    if entry.seed_parameter:
        params[entry.seed_parameter] = random_state
    estimator = _load(entry.factory)(**params)
    for wrapper in entry.wrappers:
        estimator = _WRAPPERS[wrapper](estimator)
    return estimator


_WRAPPERS: Mapping[Wrapper, Callable[[Estimator], Estimator]] = {
    "calibrated": CalibratedMargin,
    "text_categories": TextCategories,
    "encoded": EncodedLabels,
    "scaled_target": lambda e: TransformedTargetRegressor(e, transformer=StandardScaler()),
}


def _load(factory: str) -> Any:
    module, _, name = factory.partition(":")
    return getattr(importlib.import_module(module), name)
