"""Memory that estimators need at the peak of their fit, by their input's size and parameters.

The numbers were measured by ``benchmarks/memory.py``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

#: Bytes of a number in the matrices and arrays that estimators get and return.
_NUMBER = 8
#: Bytes of a tree's node in scikit-learn, beside its value for each output.
_NODE = 64
#: Bytes of a kernel's value in the cache of a support vector machine.
_KERNEL_VALUE = 4
#: A model is in memory twice while it is packed.
_PACKED = 2
_DEFAULT_TREES = 100
#: A tree of this depth may have a leaf for every row.
_DEEPEST = 60


@dataclass(frozen=True)
class InputSize:
    """The size of what an estimator is fitted on.

    Attributes
    ----------
    n_rows:
        Rows.
    n_values:
        Values of a row: columns after featurization, or the stored values of a sparse row.
    n_outputs:
        Values of a prediction: 1 for regression, else the number of classes.
    """

    n_rows: int
    n_values: float
    n_outputs: int


#: (parameters that the estimator is given, size of its input) -> bytes.
ModelBytes = Callable[[Mapping[str, Any], InputSize], float]


def small_model(params: Mapping[str, Any], size: InputSize) -> float:
    """Return 0, for a model that is small beside the data."""
    return 0.0


@dataclass(frozen=True)
class MemoryNeeds:
    """Memory that an evaluation takes at its peak beside the data itself.

    Attributes
    ----------
    copies:
        Copies of the estimator's input as float64, with those that folds and scaler make.
    outputs:
        Arrays of (n_rows, n_outputs) float64.
    model:
        Bytes of the model and of what is made while it is fitted.

    Examples
    --------
    >>> size = InputSize(n_rows=1_048_576, n_values=50, n_outputs=2)
    >>> MemoryNeeds(copies=2.0, outputs=1.0).megabytes({}, size)
    816.0
    """

    copies: float = 3.0
    outputs: float = 2.0
    model: ModelBytes = small_model

    def megabytes(self, params: Mapping[str, Any], size: InputSize) -> float:
        """Return the memory in MiB for an estimator with these parameters."""
        values = self.copies * size.n_values + self.outputs * size.n_outputs
        return float(_NUMBER * size.n_rows * values + self.model(params, size)) / 2**20


def trees_model(leaves_a_row: float, trees: int = _DEFAULT_TREES) -> ModelBytes:
    """Return the rule for trees and forests.

    Parameters
    ----------
    leaves_a_row:
        Leaves of a tree for each row that it sees, where a leaf may hold a single row.
    trees:
        Number of trees where ``n_estimators`` is not given.

    Examples
    --------
    >>> size = InputSize(n_rows=1000, n_values=10, n_outputs=1)
    >>> trees_model(1.0)({"n_estimators": 10, "min_samples_leaf": 2}, size)
    1440000.0
    """

    def rule(params: Mapping[str, Any], size: InputSize) -> float:
        count = params.get("n_estimators", trees)
        rows = size.n_rows * (params.get("max_samples") or 1.0)
        leaves = leaves_a_row * rows / params.get("min_samples_leaf", 1)
        leaves = min(leaves, 2.0 ** min(params.get("max_depth") or _DEEPEST, _DEEPEST))
        return float(count * _PACKED * 2 * leaves * (_NODE + _NUMBER * size.n_outputs))

    return rule


def kernel_model(params: Mapping[str, Any], size: InputSize) -> float:
    """Return the bytes of a support vector machine: its cache of the kernel, and its vectors.

    Examples
    --------
    >>> kernel_model({"cache_size": 500}, InputSize(n_rows=1000, n_values=10, n_outputs=2))
    4160000.0
    """
    cache = min(params.get("cache_size", 200) * 2**20, _KERNEL_VALUE * size.n_rows**2)
    return float(cache + 2 * _NUMBER * size.n_rows * size.n_values)
