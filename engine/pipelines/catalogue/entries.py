"""Types of the catalogue's entries."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from optuna.distributions import (
    BaseDistribution,
)

from engine.metrics.metric import Task
from engine.pipelines.catalogue.size_rules import Settle, as_given
from engine.pipelines.features.part import Output

Space = Mapping[str, BaseDistribution]


Wrapper = Literal["calibrated", "text_categories", "encoded", "scaled_target"]


NO_SCALER = ""


@dataclass(frozen=True)
class ScalerEntry:
    """A preprocessor: ``factory`` is ``module:class``; ``for_sparse`` are its changed settings."""

    name: str
    factory: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    seed_parameter: str | None = None
    handles_missing: bool = False
    handles_sparse: bool = True
    handles_dense: bool = True
    for_sparse: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class EstimatorEntry:
    """An estimator of the catalogue.

    Attributes
    ----------
    factory:
        ``module:class``, imported when first built.
    fixed:
        Parameters that are never searched.
    space:
        Parameters that are, with their ranges.
    scalers:
        Preprocessors that make sense before it (``""``: none).
    threads_parameter, seed_parameter:
        Its names for the number of cores and the seed.
    wrappers:
        What it is wrapped in, from the inside: ``calibrated`` (margins to probabilities),
        ``text_categories`` (categories to texts), ``encoded`` (labels to codes) or
        ``scaled_target`` (regression target to mean 0 and variance 1).
    rounds_parameter:
        For boosting, its name for the number of rounds. ``fixed`` holds their limit; how many are
        good is found by early stopping on each fold's validation part.
    steps_parameter:
        For forests and networks, its name for the number of trees or epochs: there are fewer of
        them where time is short.
    handles_missing, handles_sparse, handles_weights:
        NaN in X, CSR matrices, ``sample_weight`` in `fit`.
    input:
        What the first step gives it when columns are featurized and no scaler stands between.
    cost:
        Time of an iteration against that of LightGBM, roughly; a guess until one has run.
    settle:
        (parameters of a specification, number of rows) -> what the estimator is given: in its own
        words, and with what keeps its time within bounds on large data.
    max_rows:
        More rows than this and it is not proposed: its time grows with their square.
    converts_to_onnx:
        Whether `engine.pipelines.to_onnx` knows it.
    """

    name: str
    task: Task
    factory: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    space: Space = field(default_factory=dict)
    scalers: tuple[str, ...] = (NO_SCALER,)
    threads_parameter: str | None = None
    seed_parameter: str | None = "random_state"
    wrappers: tuple[Wrapper, ...] = ()
    rounds_parameter: str | None = None
    steps_parameter: str | None = None
    handles_missing: bool = False
    handles_sparse: bool = True
    handles_weights: bool = True
    input: Output = "encoded"
    cost: float = 1.0
    settle: Settle = as_given
    max_rows: int | None = None
    converts_to_onnx: bool = True

    @property
    def installed(self) -> bool:
        """Whether the package it comes from is there (XGBoost and CatBoost are an extra)."""
        return (
            importlib.util.find_spec(self.factory.partition(".")[0].partition(":")[0]) is not None
        )
