"""Trees as the attributes of an ONNX node."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier, RandomForestRegressor
from sklearn.linear_model import Ridge
from sklearn.tree import DecisionTreeClassifier

from engine.onnx.graph import DOUBLE, ML_DOMAIN, Graph
from engine.onnx.trees import tree_attributes, trees_of
from engine.pipelines.libraries.trees import Node, Trees

onnxruntime = pytest.importorskip("onnxruntime")

STUMP = (Node(0, 0.5, 1, 2, missing_left=True), Node(values=(1.0,)), Node(values=(2.0,)))


def sums(trees, X):
    graph = Graph(["X"], {})
    graph.input("X", DOUBLE, X.shape[1])
    node = graph.add("TreeEnsembleRegressor", "X", domain=ML_DOMAIN, **tree_attributes(trees))
    graph.output("sums", graph.double(node), DOUBLE, ["n_rows", len(trees.base)])
    session = onnxruntime.InferenceSession(
        graph.model().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    return session.run(None, {"X": X})[0]


@pytest.mark.parametrize(("comparison", "at_threshold"), [("<=", 1.0), ("<", 2.0)])
def test_a_row_goes_left_by_the_comparison(comparison, at_threshold):
    trees = Trees([(0, STUMP)], np.zeros(1), comparison, "identity")
    X = np.array([[0.4], [0.5], [0.6]])
    assert sums(trees, X).ravel().tolist() == [1.0, at_threshold, 2.0]


@pytest.mark.parametrize(("missing_left", "expected"), [(True, 1.0), (False, 2.0)])
def test_missing_values_have_their_side(missing_left, expected):
    tree = (Node(0, 0.5, 1, 2, missing_left=missing_left), *STUMP[1:])
    trees = Trees([(0, tree)], np.zeros(1), "<=", "identity")
    assert sums(trees, np.array([[np.nan]])).ravel().tolist() == [expected]


def test_thresholds_that_single_precision_cannot_tell_apart():
    threshold = 1.7e9 + 25
    tree = (Node(0, threshold, 1, 2), *STUMP[1:])
    trees = Trees([(0, tree)], np.zeros(1), "<=", "identity")
    X = np.array([[threshold], [threshold + 1e-6], [threshold + 1]])
    assert sums(trees, X).ravel().tolist() == [1.0, 2.0, 2.0]


def test_leaves_are_added_to_their_outputs():
    both = (Node(0, 0.5, 1, 2), Node(values=(1.0, 10.0)), Node(values=(2.0, 20.0)))
    trees = Trees([(0, both), (1, STUMP)], np.array([100.0, 1000.0]), "<=", "identity")
    assert sums(trees, np.array([[0.0], [1.0]])).tolist() == [[101.0, 1011.0], [102.0, 1022.0]]


@pytest.mark.parametrize(
    ("model", "method"),
    [
        (DecisionTreeClassifier(), "predict_proba"),
        (ExtraTreesClassifier(n_estimators=7), "predict_proba"),
        (RandomForestRegressor(n_estimators=7), "predict"),
    ],
)
def test_forests_are_means_of_their_trees(model, method):
    X = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32).astype(float)
    y = np.digitize(X[:, 0], [-0.5, 0.5])
    X[::7, 1] = np.nan
    model.fit(X, y)
    expected = getattr(model, method)(X).reshape(len(X), -1)
    np.testing.assert_allclose(sums(trees_of(model), X), expected, atol=1e-5)


def test_a_linear_model_has_no_trees():
    assert trees_of(Ridge()) is None
