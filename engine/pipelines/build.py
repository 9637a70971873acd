"""From a pipeline's description to an unfitted scikit-learn pipeline."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
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
from engine.pipelines.spec import PipelineSpec


def build_pipeline(
    spec: PipelineSpec,
    task: Task,
    *,
    layout: Layout | None = None,
    sparse: bool = False,
    cores: int = 1,
    n_rows: int = 0,
    random_state: int | None = 0,
) -> Pipeline:
    """An unfitted pipeline: ``datatransformer``, the scaler if any, the estimator.

    Parameters
    ----------
    spec:
        What to build.
    task:
        Chooses between the classifier and the regressor of that name.
    layout:
        How the columns are featurized; ``None`` for a numeric X.
    sparse:
        Whether X is a scipy sparse matrix.
    cores:
        Threads the estimator may use.
    n_rows:
        Rows that it will be fitted on: large data changes some parameters that are not given.
    random_state:
        Seed of everything in it that is random.

    Raises
    ------
    KeyError
        For a name that the catalogue does not hold.
    ModuleNotFoundError
        For XGBoost or CatBoost without the ``boost`` extra.
    """
    entry = estimators_of(task)[spec.estimator]
    fill = not entry.handles_missing
    steps: list[tuple[str, Any]] = []
    if spec.scaler != NO_SCALER:
        scaler = SCALERS[spec.scaler]
        params = {**scaler.fixed, **(scaler.for_sparse if sparse else {}), **spec.scaler_params}
        if scaler.seed_parameter:
            params[scaler.seed_parameter] = random_state
        steps.append((spec.scaler, _load(scaler.factory)(**params)))
        fill = fill or not scaler.handles_missing
    first: Any
    if layout is not None:
        # A scaler needs numbers without NaN, whatever comes after it.
        output: Output = entry.input if spec.scaler == NO_SCALER else "encoded"
        if output == "native" and layout.config.for_onnx:
            output = "codes"
        first = DataTransformer(layout.columns, layout.config, output, task == "regression")
    else:
        # Most estimators that take NaN in a dense matrix refuse it in a sparse one.
        first = NumericMatrix(fill_missing=fill or sparse)
    steps.insert(0, ("datatransformer", first))
    steps.append((spec.estimator, _build_estimator(entry, spec, cores, n_rows, random_state)))
    return Pipeline(steps)


def _build_estimator(
    entry: EstimatorEntry, spec: PipelineSpec, cores: int, n_rows: int, random_state: int | None
) -> Any:
    params = {**entry.fixed, **entry.size_rule(spec.estimator_params, n_rows)}
    if entry.threads_parameter:
        params[entry.threads_parameter] = cores
    if entry.seed_parameter:
        params[entry.seed_parameter] = random_state
    estimator = _load(entry.factory)(**params)
    for wrapper in entry.wrappers:
        estimator = _WRAPPERS[wrapper](estimator)
    return estimator


_WRAPPERS: Mapping[Wrapper, Callable[[Any], Any]] = {
    "calibrated": CalibratedMargin,
    "text_categories": TextCategories,
    "encoded": EncodedLabels,
    "scaled_target": lambda e: TransformedTargetRegressor(e, transformer=StandardScaler()),
}


def _load(factory: str) -> Any:
    module, _, name = factory.partition(":")
    return getattr(importlib.import_module(module), name)
