"""Types of the catalogue's entries."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from engine.metrics.metric import Task
from engine.pipelines.catalogue.memory_needs import MemoryNeeds
from engine.pipelines.catalogue.ranges import Space
from engine.pipelines.catalogue.size_rules import SizeRule, as_given
from engine.pipelines.features.part import Output

#: Name of the scaler of a pipeline without one.
NO_SCALER = ""

#: From the inside out: margins to probabilities, categories to texts, labels to codes, and a
#: regression target to mean 0 and variance 1.
Wrapper = Literal["calibrated", "text_categories", "encoded", "scaled_target"]


@dataclass(frozen=True)
class ScalerEntry:
    """A scaler of the catalogue.

    Attributes
    ----------
    name:
        The name that users write, and that tables show.
    factory:
        ``module:class``, imported when first built.
    fixed:
        Parameters that are never searched.
    space:
        Parameters that are searched, with their ranges.
    seed_parameter:
        Name of the parameter for the seed; ``None`` for a scaler without chance.
    handles_missing, handles_sparse, handles_dense:
        Whether it takes NaN in X, CSR matrices, and arrays.
    for_sparse:
        Parameters that a sparse X needs.
    """

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
    """An estimator of the catalogue, for one task.

    Attributes
    ----------
    name:
        The name that users write, and that tables show.
    task:
        ``classification`` or ``regression``.
    factory:
        ``module:class``, imported when first built.
    fixed:
        Parameters that are never searched.
    space:
        Parameters that are searched, with their ranges.
    scalers:
        Scalers that make sense before it (``""``: no scaler); the first is the default.
    threads_parameter, seed_parameter:
        Names of the parameters for the number of cores and the seed.
    wrappers:
        Wrappers of the estimator, from the inside out.
    rounds_parameter:
        For boosters, the name of the parameter for the number of rounds. ``fixed`` holds their
        limit; early stopping on each fold's validation part finds a good number.
    steps_parameter:
        For forests and networks, the name of the parameter for the number of trees or epochs,
        which is reduced where time is short.
    handles_missing, handles_sparse, handles_weights:
        Whether it takes NaN in X, CSR matrices, and ``sample_weight`` in `fit`.
    input:
        Output format of the first step when columns are featurized and no scaler follows.
    cost:
        Time of an iteration as a multiple of LightGBM's, roughly: a guess until one has run.
    size_rule:
        Turns the parameters of a specification into the estimator's own, and keeps its time within
        bounds on large data.
    max_rows:
        Most rows for which it is proposed, because its time grows with their square; ``None`` for
        no limit.
    memory:
        Memory at the peak of its fit: a guess until one has run.
    converts_to_onnx:
        Whether `engine.onnx` can convert it.

    Examples
    --------
    >>> from engine.pipelines.catalogue.estimators import CLASSIFIERS
    >>> entry = CLASSIFIERS["KNN"]
    >>> entry.factory, entry.max_rows, entry.handles_weights
    ('sklearn.neighbors:KNeighborsClassifier', 50000, False)
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
    size_rule: SizeRule = as_given
    max_rows: int | None = None
    memory: MemoryNeeds = field(default_factory=MemoryNeeds)
    converts_to_onnx: bool = True

    @property
    def installed(self) -> bool:
        """Whether its package can be imported (XGBoost and CatBoost are an extra)."""
        package = self.factory.partition(":")[0].partition(".")[0]
        return importlib.util.find_spec(package) is not None
