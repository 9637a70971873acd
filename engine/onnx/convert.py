"""Conversion of a fitted pipeline to an ONNX model, for runtimes without Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from engine.data.dataset import Matrix, is_sparse
from engine.data.values import normalise
from engine.ensembles.estimators import SharedFeatures
from engine.errors import ModelException
from engine.onnx.graph import BOOL, DOUBLE, INT64, KIND, MATRIX, NUMBERS, STRING, Graph
from engine.onnx.model import ModelNodes
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.features.transformer import DataTransformer

if TYPE_CHECKING:
    from onnx import ModelProto


def to_onnx(model: Pipeline, by_column: bool = False) -> ModelProto:
    """Convert a fitted pipeline of the catalogue, or an ensemble of such.

    Parameters
    ----------
    model:
        As ``AutoMLRun.get_output`` returns it.
    by_column:
        Whether a pipeline that was fitted on numbers alone has an input a column too.

    Returns
    -------
    onnx.ModelProto
        Its inputs are ``X``, double (n_rows, n_columns), when the pipeline was fitted on numbers
        alone, unless ``by_column`` is set, else a tensor (n_rows, 1) a raw column, under the
        column's name: double for numbers (NaN for missing ones), string for categories (``""`` for
        missing ones). `onnx_inputs` makes them from a table. Its outputs are ``label`` (n_rows,)
        and ``probabilities`` (n_rows, n_classes), or for regression ``prediction`` (n_rows,); with
        a ``_`` behind where a column has that name.

    Raises
    ------
    ModelException
        For what has no counterpart in ONNX (dates, text, native categories, SVMs, CatBoost), or
        without the packages of the extra ``onnx``.

    Examples
    --------
    >>> from engine.pipelines.build import build_pipeline
    >>> from engine.pipelines.spec import PipelineSpec
    >>> X, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    >>> pipeline = build_pipeline(PipelineSpec("DecisionTree"), "regression").fit(X, y)
    >>> model = to_onnx(pipeline)
    >>> [value.name for value in model.graph.input], [value.name for value in model.graph.output]
    (['X'], ['prediction'])
    >>> [value.name for value in to_onnx(pipeline, by_column=True).graph.input]
    ['column_0', 'column_1']
    """
    try:
        import onnx  # noqa: F401
        import skl2onnx  # noqa: F401
    except ImportError as error:
        raise ModelException(
            f"ONNX needs packages that are not installed ({error.name}): pip install "
            "'raysmith[onnx]'"
        ) from error
    graph = _graph_with_inputs(model, by_column)
    scores = ModelNodes(graph).write(model)
    classes = getattr(model, "classes_", None)
    if classes is None:
        values = graph.add("Reshape", scores, graph.constant(np.array([-1])))
        graph.output("prediction", values, DOUBLE, ["n_rows"])
    else:
        best = graph.add("ArgMax", scores, axis=1, keepdims=0)
        labels, kind = _labels(np.asarray(classes))
        graph.output("label", graph.add("Gather", graph.constant(labels), best), kind, ["n_rows"])
        graph.output("probabilities", scores, DOUBLE, ["n_rows", len(classes)])
    return graph.model()


def onnx_inputs(model: ModelProto, X: Matrix) -> dict[str, NDArray[Any]]:
    """Put rows into the form that a model of `to_onnx` takes.

    Parameters
    ----------
    model:
        The ONNX model (``onnx.ModelProto``).
    X:
        (n_rows, n_columns): a DataFrame with the columns of the training data, in any order, or a
        matrix.

    Returns
    -------
    dict
        Input name -> array, for ``onnxruntime.InferenceSession.run(None, ...)``.

    Raises
    ------
    ModelException
        When ``X`` lacks a column, or is a matrix where the model takes a table.

    Examples
    --------
    >>> from engine.pipelines.build import build_pipeline
    >>> from engine.pipelines.spec import PipelineSpec
    >>> X, y = np.arange(8.0).reshape(4, 2), np.arange(4.0)
    >>> model = to_onnx(build_pipeline(PipelineSpec("DecisionTree"), "regression").fit(X, y))
    >>> onnx_inputs(model, X[:1])
    {'X': array([[0., 1.]])}
    """
    kinds = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
    kind = {entry.key: entry.value for entry in model.metadata_props}.get(KIND)
    if kind == "matrix":
        return {MATRIX: _matrix(X)}
    if kind == NUMBERS and not isinstance(X, pd.DataFrame):
        columns = _matrix(X)
        if columns.shape[1] != len(kinds):
            raise ModelException(f"X has {columns.shape[1]} columns; the model takes {len(kinds)}")
        return {name: columns[:, [n]] for n, name in enumerate(kinds)}
    if not isinstance(X, pd.DataFrame):
        raise ModelException(
            f"X is a {type(X).__name__}; the model takes a DataFrame with the columns "
            f"{list(kinds)[:20]}"
        )
    table = X.set_axis([str(name) for name in X.columns], axis=1)
    missing = [name for name in kinds if name not in table]
    if missing:
        raise ModelException(f"X lacks the columns {missing[:20]}, which the model takes")
    inputs = {}
    for name, element in kinds.items():
        if element == DOUBLE:
            values = normalise(table[name], "Numeric").to_numpy(dtype=np.float64)
        else:
            texts = normalise(table[name], "Categorical").astype(object)
            values = texts.where(texts.notna(), "").to_numpy(dtype=object)
        inputs[name] = values.reshape(-1, 1)
    return inputs


def _matrix(X: Matrix) -> NDArray[np.float64]:
    return np.asarray(X.toarray() if is_sparse(X) else X).astype(np.float64)


def _graph_with_inputs(model: Pipeline, by_column: bool) -> Graph:
    first = _first_steps(model)
    columns = {
        column.name: column.purpose
        for step in first
        if isinstance(step, DataTransformer)
        for column in step.columns
        if column.purpose not in ("Ignore", "DateTime", "Text")
    }
    kind = "matrix"
    if any(isinstance(step, DataTransformer) for step in first):
        kind = "table"
    elif by_column:
        kind = NUMBERS
        columns = dict.fromkeys(first[0].get_engineered_feature_names(), "Numeric")
    graph = Graph(columns or {MATRIX}, {KIND: kind})
    if kind == "matrix":
        graph.input(MATRIX, DOUBLE, int(first[0].n_features_in_))
    for name, purpose in columns.items():
        graph.input(name, DOUBLE if purpose == "Numeric" else STRING, 1)
    if kind == NUMBERS:
        graph.matrix = graph.add("Concat", *columns, axis=1)
    return graph


def _first_steps(model: Pipeline) -> list[DataTransformer | NumericMatrix]:
    """Return the first step of the pipeline, or of each member of an ensemble."""
    first = model.steps[0][1]
    if isinstance(first, SharedFeatures):
        return [step for member in model.steps[-1][1].members_ for step in _first_steps(member)]
    if not isinstance(first, DataTransformer | NumericMatrix):
        raise ModelException(f"cannot convert a {type(first).__name__} to ONNX")
    return [first]


def _labels(classes: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Return the class labels in a type that ONNX has, and the number of that type."""
    if classes.dtype.kind in "iu":
        return classes.astype(np.int64), INT64
    if classes.dtype.kind == "b":
        return classes, BOOL
    if classes.dtype.kind == "f":
        return classes.astype(np.float64), DOUBLE
    return classes.astype(object), STRING
