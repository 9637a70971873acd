"""Fitted pipelines and ensembles as ONNX nodes.

Estimators and scalers of scikit-learn go through skl2onnx. The first step, the ensembles and trees
are written node by node.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.compose import TransformedTargetRegressor
from sklearn.pipeline import Pipeline

from engine.ensembles.compose import Ensemble
from engine.ensembles.estimators import (
    SharedFeatures,
    StackEnsembleClassifier,
    StackEnsembleRegressor,
    VotingEnsembleClassifier,
    VotingEnsembleRegressor,
)
from engine.ensembles.meta_features import CLIPPED
from engine.errors import ModelException
from engine.onnx.features import FeatureNodes
from engine.onnx.graph import FLOAT, MATRIX, ML_DOMAIN, OPSETS, Graph
from engine.onnx.trees import tree_attributes, trees_of
from engine.pipelines.estimators.mlp import AnnealedMLP
from engine.pipelines.estimators.reduction import ShareOfColumns
from engine.pipelines.estimators.wrappers import fitted_inside
from engine.pipelines.features.numeric_matrix import NumericMatrix
from engine.pipelines.features.transformer import DataTransformer
from engine.pipelines.libraries.trees import Trees
from engine.pipelines.protocols import Predictor, Transformer

if TYPE_CHECKING:
    from onnx import ModelProto


class ModelNodes:
    """Writes a fitted pipeline as nodes.

    Parameters
    ----------
    graph:
        Has its inputs already.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        # Members of an ensemble share first steps.
        self._first: dict[int, tuple[str, int]] = {}

    def write(self, model: Pipeline) -> str:
        """Write the nodes; return the name of their output, in double precision.

        It is (n_rows, n_classes) probabilities, or (n_rows, 1) values.

        Raises
        ------
        ModelException
            For a step that has no counterpart in ONNX.
        """
        first, *others = [step for _, step in model.steps]
        if isinstance(first, SharedFeatures):
            return self._ensemble(others[-1])
        if id(first) not in self._first:
            self._first[id(first)] = self._first_step(first)
        X, n_columns = self._first[id(first)]
        for step in others[:-1]:
            X, n_columns = self._scale(step, X, n_columns)
        return self._estimator(others[-1], X, n_columns)

    def _first_step(self, step: DataTransformer | NumericMatrix) -> tuple[str, int]:
        if isinstance(step, DataTransformer):
            return FeatureNodes(self._graph).write(step)
        X = self._graph.matrix
        if step.fill_missing:
            fill = self._graph.constant(step.fill_values_[None, :].astype(np.float64))
            X = self._graph.add("Where", self._graph.add("IsNaN", X), fill, X)
        return X, int(step.n_features_in_)

    def _scale(self, step: Transformer, X: str, n_columns: int) -> tuple[str, int]:
        if isinstance(step, ShareOfColumns):
            step = step.reducer_
            if not hasattr(step, "components_"):
                return X, n_columns  # a single column is passed on
        width = len(getattr(step, "components_", range(n_columns)))
        return self._graph.double(self._graph.include(_sklearn(step, n_columns), X)), width

    def _estimator(self, estimator: Predictor, X: str, n_columns: int) -> str:
        graph, model = self._graph, fitted_inside(estimator)
        if isinstance(model, TransformedTargetRegressor):
            return self._unscaled(self._estimator(model.regressor_, X, n_columns), model)
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

    def _unscaled(self, scaled: str, model: TransformedTargetRegressor) -> str:
        """Turn predictions of the standardized target into those of the target itself."""
        graph, scaler = self._graph, model.transformer_
        wide = graph.add("Mul", scaled, graph.constant(np.array([[float(scaler.scale_[0])]])))
        return graph.add("Add", wide, graph.constant(np.array([[float(scaler.mean_[0])]])))

    def _trees(self, trees: Trees, X: str) -> str:
        graph = self._graph
        given = graph.double(graph.add("Cast", X, to=FLOAT)) if trees.rounded else X
        sums = graph.double(
            graph.add("TreeEnsembleRegressor", given, domain=ML_DOMAIN, **tree_attributes(trees))
        )
        if trees.link == "softmax":
            return graph.add("Softmax", sums, axis=1)
        if trees.link == "logistic":
            second = graph.add("Sigmoid", sums)
            first = graph.add("Sub", graph.constant(np.array([[1.0]])), second)
            return graph.add("Concat", first, second, axis=1)
        return sums

    def _ensemble(self, ensemble: Ensemble) -> str:
        classes = getattr(ensemble, "classes_", None)
        outputs = [self._aligned(member, classes) for member in ensemble.members_]
        if isinstance(ensemble, VotingEnsembleClassifier | VotingEnsembleRegressor):
            return self._weighted_sum(outputs, np.asarray(ensemble.weights, dtype=np.float64))
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

    def _weighted_sum(self, outputs: Sequence[str], weights: NDArray[np.float64]) -> str:
        graph = self._graph
        parts = [
            graph.add("Mul", output, graph.constant(np.array([[share]])))
            for output, share in zip(outputs, weights / weights.sum(), strict=True)
        ]
        return graph.add("Sum", *parts)

    def _aligned(self, member: Pipeline, classes: NDArray[Any] | None) -> str:
        """Write a member, with probabilities in the order of the ensemble's classes."""
        scores = self.write(member)
        if classes is None:
            return scores
        return self._spread(scores, np.searchsorted(classes, member.classes_), len(classes))

    def _spread(self, scores: str, places: NDArray[Any], n_classes: int) -> str:
        """Move probabilities to their columns; classes that have no column get 0."""
        if len(places) == n_classes:
            return scores
        moves = np.zeros((len(places), n_classes))
        moves[np.arange(len(places)), places] = 1.0
        return self._graph.add("MatMul", scores, self._graph.constant(moves))

    def _log_odds(self, probabilities: str) -> str:
        """Write what `engine.ensembles.meta_features.meta_input` computes."""
        graph = self._graph
        starts, ends, axes = (graph.constant(np.array([n])) for n in (0, -1, 1))
        most = graph.add("Slice", probabilities, starts, ends, axes)
        low, high = graph.constant(np.array(CLIPPED)), graph.constant(np.array(1 - CLIPPED))
        kept = graph.add("Clip", most, low, high)
        rest = graph.add("Sub", graph.constant(np.array([[1.0]])), kept)
        return graph.add("Log", graph.add("Div", kept, rest))


def _sklearn(model: Predictor | Transformer, n_columns: int) -> ModelProto:
    """Convert an estimator or a scaler of scikit-learn to a model of its own."""
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import DoubleTensorType

    if isinstance(model, AnnealedMLP):
        model = model.as_sklearn()
    if not type(model).__module__.startswith("sklearn."):
        raise ModelException(f"cannot convert a {type(model).__name__} to ONNX")
    return convert_sklearn(
        model,
        initial_types=[(MATRIX, DoubleTensorType([None, n_columns]))],
        options={id(model): {"zipmap": False}} if hasattr(model, "classes_") else None,
        target_opset=OPSETS,
    )
