"""A fitted pipeline as an ONNX model, for runtimes without Python.

What scikit-learn fitted goes through skl2onnx; what is ours, the first step and the ensembles, and
boosted trees (`engine.pipelines.onnx_trees`) are written node by node.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from engine.data.columns import normalise
from engine.ensembles.estimators import (
    SharedFeatures,
    StackEnsembleClassifier,
    StackEnsembleRegressor,
    VotingEnsembleClassifier,
    VotingEnsembleRegressor,
)
from engine.ensembles.meta_features import CLIPPED
from engine.errors import ModelException
from engine.onnx.features import _Featurizer
from engine.onnx.graph import _FLOAT, _KIND, _MATRIX, _ML, _OPSETS, _Graph
from engine.onnx.trees import Trees, trees_of
from engine.pipelines.estimators.catboost_categories import TextCategories
from engine.pipelines.estimators.labels import EncodedLabels
from engine.pipelines.estimators.mlp import AnnealedMLP
from engine.pipelines.estimators.reduction import ShareOfColumns
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.features.transformer import DataTransformer


def to_onnx(model: Pipeline) -> Any:
    """Convert a fitted pipeline of the catalogue, or an ensemble of such.

    Parameters
    ----------
    model:
        As ``AutoMLRun.get_output`` returns it.

    Returns
    -------
    onnx.ModelProto
        Its inputs are ``X``, double (n_rows, n_columns), when the pipeline was fitted on numbers
        alone, else a tensor (n_rows, 1) a raw column, under the column's name: double for numbers
        (NaN for missing ones), string for categories (``""`` for missing ones). `onnx_inputs`
        makes them from a table. Its outputs are ``label`` (n_rows,) and ``probabilities``
        (n_rows, n_classes), or for regression ``prediction`` (n_rows,); with a ``_`` behind where a
        column has that name.

    Raises
    ------
    ModelException
        For what has no counterpart in ONNX (dates, text, native categories, SVMs, CatBoost), or
        without the packages of the extra ``onnx``.
    """
    try:
        import onnx
        import skl2onnx  # noqa: F401
    except ImportError as error:
        raise ModelException(
            f"ONNX needs packages that are not installed ({error.name}): pip install "
            "'raysmith[onnx]'"
        ) from error
    first = _first_steps(model)
    tables = [step for step in first if isinstance(step, DataTransformer)]
    columns = {
        column.name: column.purpose
        for table in tables
        for column in table.columns
        if column.purpose not in ("Ignore", "DateTime", "Text")
    }
    graph = _Graph(columns or {_MATRIX})
    if tables:
        for name, purpose in columns.items():
            kind = onnx.TensorProto.DOUBLE if purpose == "Numeric" else onnx.TensorProto.STRING
            graph.input(name, kind, 1)
    else:
        graph.input(_MATRIX, onnx.TensorProto.DOUBLE, int(first[0].n_features_in_))
    scores = _Converter(graph).model(model)
    classes = getattr(model, "classes_", None)
    if classes is None:
        graph.output("prediction", graph.add("Reshape", scores, graph.constant(np.array([-1]))),
                     onnx.TensorProto.DOUBLE, ["n_rows"])  # fmt: skip
    else:
        best = graph.add("ArgMax", scores, axis=1, keepdims=0)
        labels, kind = _labels(np.asarray(classes))
        graph.output("label", graph.add("Gather", graph.constant(labels), best), kind, ["n_rows"])
        shape = ["n_rows", len(classes)]
        graph.output("probabilities", scores, onnx.TensorProto.DOUBLE, shape)
    return graph.model({_KIND: "table" if tables else "matrix"})


def onnx_inputs(model: Any, X: Any) -> dict[str, NDArray[Any]]:
    """Rows in the form that a model of `to_onnx` takes, for ``InferenceSession.run(None, ...)``.

    Parameters
    ----------
    model:
        The ONNX model (``onnx.ModelProto``).
    X:
        (n_rows, n_columns): a DataFrame with the columns of the training data, in any order, or a
        matrix.

    Raises
    ------
    ModelException
        When ``X`` lacks a column.
    """
    import onnx

    kinds = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
    if {entry.key: entry.value for entry in model.metadata_props}.get(_KIND) == "matrix":
        matrix = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
        return {_MATRIX: matrix.astype(np.float64)}
    if not isinstance(X, pd.DataFrame):
        raise ModelException(
            f"X is a {type(X).__name__}; the model takes a DataFrame with the columns "
            f"{list(kinds)[:20]}"
        )
    table = X.set_axis([str(name) for name in X.columns], axis=1)
    missing = [name for name in kinds if name not in table]
    if missing:
        raise ModelException(f"X lacks the columns {missing[:20]}, which the model takes")
    made = {}
    for name, kind in kinds.items():
        if kind == onnx.TensorProto.DOUBLE:
            values = normalise(table[name], "Numeric").to_numpy(dtype=np.float64)
        else:
            texts = normalise(table[name], "Categorical").astype(object)
            values = texts.where(texts.notna(), "").to_numpy(dtype=object)
        made[name] = values.reshape(-1, 1)
    return made


class _Converter:
    """Writes a model's nodes into a graph, whose inputs are there."""

    def __init__(self, graph: _Graph) -> None:
        self._graph = graph
        # Members of an ensemble share first steps.
        self._first: dict[int, tuple[str, int]] = {}

    def model(self, model: Any) -> str:
        """(n_rows, n_classes) probabilities, or (n_rows, 1) values, in double."""
        first, *others = [step for _, step in model.steps]
        if isinstance(first, SharedFeatures):
            return self._ensemble(others[-1])
        if id(first) not in self._first:
            self._first[id(first)] = self._first_step(first)
        X, n_columns = self._first[id(first)]
        for step in others[:-1]:
            X, n_columns = self._scale(step, X, n_columns)
        return self._estimator(others[-1], X, n_columns)

    def _first_step(self, step: Any) -> tuple[str, int]:
        if isinstance(step, DataTransformer):
            return _Featurizer(self._graph).convert(step)
        X = _MATRIX
        if step.fill_missing:
            fill = self._graph.constant(step.fill_values_[None, :].astype(np.float64))
            X = self._graph.add("Where", self._graph.add("IsNaN", X), fill, X)
        return X, int(step.n_features_in_)

    def _scale(self, step: Any, X: str, n_columns: int) -> tuple[str, int]:
        if isinstance(step, ShareOfColumns):
            step = step.reducer_
            if not hasattr(step, "components_"):
                return X, n_columns  # a single column is passed on
        width = len(getattr(step, "components_", range(n_columns)))
        return self._graph.double(self._graph.include(_sklearn(step, n_columns), X)), width

    def _estimator(self, model: Any, X: str, n_columns: int) -> str:
        graph = self._graph
        if isinstance(model, EncodedLabels | TextCategories):
            return self._estimator(model.estimator_, X, n_columns)
        if isinstance(model, TransformedTargetRegressor):
            scaled, scaler = self._estimator(model.regressor_, X, n_columns), model.transformer_
            wide = graph.add("Mul", scaled, graph.constant(np.array([[float(scaler.scale_[0])]])))
            return graph.add("Add", wide, graph.constant(np.array([[float(scaler.mean_[0])]])))
        if isinstance(model, Pipeline):
            for _, step in model.steps[:-1]:
                X, n_columns = self._scale(step, X, n_columns)
            return self._estimator(model.steps[-1][1], X, n_columns)
        trees = trees_of(model)
        if trees is not None:
            return self._trees(trees, X)
        scores = graph.double(graph.include(_sklearn(model, n_columns), X))
        width = len(model.classes_) if hasattr(model, "predict_proba") else 1
        return graph.add("Reshape", scores, graph.constant(np.array([-1, width])))

    def _trees(self, trees: Trees, X: str) -> str:
        graph = self._graph
        given = graph.double(graph.add("Cast", X, to=_FLOAT)) if trees.rounded else X
        sums = graph.double(
            graph.add("TreeEnsembleRegressor", given, domain=_ML, **trees.attributes())
        )
        if trees.link == "softmax":
            return graph.add("Softmax", sums, axis=1)
        if trees.link == "logistic":
            second = graph.add("Sigmoid", sums)
            first = graph.add("Sub", graph.constant(np.array([[1.0]])), second)
            return graph.add("Concat", first, second, axis=1)
        return sums

    def _ensemble(self, ensemble: Any) -> str:
        classes = getattr(ensemble, "classes_", None)
        outputs = [self._aligned(member, classes) for member in ensemble.members_]
        if isinstance(ensemble, VotingEnsembleClassifier | VotingEnsembleRegressor):
            shares = np.asarray(ensemble.weights, dtype=np.float64)
            parts = [
                self._graph.add("Mul", output, self._graph.constant(np.array([[share]])))
                for output, share in zip(outputs, shares / shares.sum(), strict=True)
            ]
            return self._graph.add("Sum", *parts)
        assert isinstance(ensemble, StackEnsembleClassifier | StackEnsembleRegressor)
        if ensemble.features_ is not None:
            raise ModelException("cannot convert a stack whose meta learner sees features to ONNX")
        features = outputs if classes is None else [self._log_odds(o) for o in outputs]
        X = self._graph.add("Concat", *features, axis=1)
        n_columns = len(outputs) * (1 if classes is None else len(classes) - 1)
        learner = ensemble.meta_learner_
        scores = self._estimator(learner, X, n_columns)
        if classes is None:
            return scores
        return self._spread(scores, np.asarray(learner.classes_, dtype=int), len(classes))

    def _aligned(self, member: Any, classes: Any) -> str:
        """The member's probabilities in the order of the ensemble's classes."""
        scores = self.model(member)
        if classes is None:
            return scores
        return self._spread(scores, np.searchsorted(classes, member.classes_), len(classes))

    def _spread(self, scores: str, places: NDArray[Any], n_classes: int) -> str:
        if len(places) == n_classes:
            return scores
        moves = np.zeros((len(places), n_classes))
        moves[np.arange(len(places)), places] = 1.0
        return self._graph.add("MatMul", scores, self._graph.constant(moves))

    def _log_odds(self, probabilities: str) -> str:
        """As `engine.ensembles.meta_features.meta_input`."""
        graph = self._graph
        starts, ends, axes = (graph.constant(np.array([n])) for n in (0, -1, 1))
        most = graph.add("Slice", probabilities, starts, ends, axes)
        low, high = graph.constant(np.array(CLIPPED)), graph.constant(np.array(1 - CLIPPED))
        kept = graph.add("Clip", most, low, high)
        rest = graph.add("Sub", graph.constant(np.array([[1.0]])), kept)
        return graph.add("Log", graph.add("Div", kept, rest))


def _first_steps(model: Pipeline) -> list[Any]:
    first = model.steps[0][1]
    if isinstance(first, SharedFeatures):
        return [step for member in model.steps[-1][1].members_ for step in _first_steps(member)]
    if not isinstance(first, DataTransformer | NumericMatrix):
        raise ModelException(f"cannot convert a {type(first).__name__} to ONNX")
    return [first]


def _labels(classes: NDArray[Any]) -> tuple[NDArray[Any], int]:
    from onnx import TensorProto

    if classes.dtype.kind in "iu":
        return classes.astype(np.int64), TensorProto.INT64
    if classes.dtype.kind == "b":
        return classes, TensorProto.BOOL
    if classes.dtype.kind == "f":
        return classes.astype(np.float64), TensorProto.DOUBLE
    return classes.astype(object), TensorProto.STRING


def _sklearn(model: Any, n_columns: int) -> Any:
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType

    if isinstance(model, AnnealedMLP):
        model = model.as_sklearn()
    if not type(model).__module__.startswith("sklearn."):
        raise ModelException(f"cannot convert a {type(model).__name__} to ONNX")
    return convert_sklearn(
        model,
        initial_types=[(_MATRIX, DoubleTensorType([None, n_columns]))],
        options={id(model): {"zipmap": False}} if hasattr(model, "classes_") else None,
        target_opset=_OPSETS,
    )
