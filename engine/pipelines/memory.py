"""Memory that the evaluation of a pipeline is expected to need, before anything was seen."""

from __future__ import annotations

from engine.data.dataset import DataSummary
from engine.pipelines.catalogue.entries import NO_SCALER
from engine.pipelines.catalogue.estimators import estimators_of
from engine.pipelines.catalogue.memory_needs import InputSize
from engine.pipelines.spec import PipelineSpec

#: Type of a column -> features that it becomes, for estimators that take numbers only and for
#: those that take categories.
_FEATURES = {
    "Numeric": (1.0, 1.0),
    "Categorical": (15.0, 1.0),
    "CategoricalHash": (1.0, 1.0),
    "DateTime": (6.0, 6.0),
    "Text": (30.0, 30.0),
    "Ignore": (0.0, 0.0),
}
#: A stored value of a sparse matrix has an index beside it.
_SPARSE_VALUE = 1.5
#: Copies of the matrix that dimensionality reduction makes beside those of other scalers.
_REDUCTION_COPIES = 2.0


def expected_increase(spec: PipelineSpec, data: DataSummary) -> float:
    """Return the MiB by which a process is expected to grow while it evaluates a pipeline.

    The data itself does not count: it is in memory that processes share.

    Parameters
    ----------
    spec:
        The pipeline.
    data:
        Summary of the training data.

    Examples
    --------
    >>> data = DataSummary("regression", 1_000_000, 50, False, False, None, "split", "")
    >>> round(expected_increase(PipelineSpec("SGD"), data))
    854
    """
    entry = estimators_of(data.task)[spec.estimator]
    is_encoded = entry.input == "encoded" or spec.scaler != NO_SCALER
    n_outputs = 1 if data.class_counts is None else len(data.class_counts)
    size = InputSize(data.n_rows, _values_a_row(data, is_encoded), n_outputs)
    params = {**entry.fixed, **entry.size_rule(spec.estimator_params, data.n_rows)}
    increase = entry.memory.megabytes(params, size)
    if spec.scaler in ("PCA", "TruncatedSVDWrapper"):
        increase += _REDUCTION_COPIES * size.n_rows * size.n_values * 8 / 2**20
    return increase


def _values_a_row(data: DataSummary, is_encoded: bool) -> float:
    """Return how many numbers of eight bytes a row of an estimator's input takes."""
    if data.values_a_row is not None:
        return _SPARSE_VALUE * data.values_a_row
    if not data.purposes:
        return float(data.n_columns)
    column = 0 if is_encoded else 1
    other = (1.0, 1.0)
    return sum(n * _FEATURES.get(kind, other)[column] for kind, n in data.purposes.items())
