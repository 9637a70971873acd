"""ONNX graphs, built node by node."""

from __future__ import annotations

import numpy as np
import pytest

from engine.errors import ModelException
from engine.onnx.graph import DOUBLE, KIND, OPSETS, STRING, Graph

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")


def computed(graph, **inputs):
    session = onnxruntime.InferenceSession(
        graph.model().SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, inputs), strict=True))


def test_nodes_and_constants_compute():
    graph = Graph(["x"], {})
    graph.input("x", DOUBLE, 2)
    graph.output("y", graph.add("Add", "x", graph.constant(np.array([[1.0, 2.0]]))), DOUBLE, [1, 2])
    assert computed(graph, x=np.array([[10.0, 20.0]]))["y"].tolist() == [[11.0, 22.0]]


def test_texts_are_constants_too():
    graph = Graph(["x"], {})
    graph.input("x", DOUBLE, 1)
    texts = graph.constant(np.array(["no", "yes"], dtype=object))
    place = graph.add("Cast", graph.add("Reshape", "x", graph.constant(np.array([-1]))), to=7)
    graph.output("word", graph.add("Gather", texts, place), STRING, ["n_rows"])
    assert computed(graph, x=np.array([[1.0], [0.0]]))["word"].tolist() == ["yes", "no"]


def test_no_node_and_no_output_has_the_name_of_a_column():
    graph = Graph(["x", "Abs_1", "constant_3", "y", "y_"], {})
    graph.input("x", DOUBLE, 1)
    first = graph.add("Abs", "x")
    assert first != "Abs_1"
    second = graph.constant(np.array([[1.0]]))
    assert second not in ("Abs_1", "constant_3", first)
    graph.output("y", graph.add("Add", first, second), DOUBLE, ["n_rows", 1])
    assert computed(graph, x=np.array([[-2.0]]))["y__"].tolist() == [[3.0]]


def other_model(version):
    helper = onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Neg", ["X"], ["Y"])],
        "other",
        [helper.make_tensor_value_info("X", DOUBLE, [None, 1])],
        [helper.make_tensor_value_info("Y", DOUBLE, [None, 1])],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])


def test_another_model_is_included_twice():
    graph = Graph(["X"], {})
    graph.input("X", DOUBLE, 1)
    twice = graph.include(other_model(OPSETS[""]), graph.include(other_model(13), "X"))
    graph.output("Z", twice, DOUBLE, ["n_rows", 1])
    assert computed(graph, X=np.array([[5.0]]))["Z"].tolist() == [[5.0]]


def test_a_model_with_newer_operators_is_refused():
    with pytest.raises(ModelException, match="version"):
        Graph(["X"], {}).include(other_model(OPSETS[""] + 1), "X")


def test_the_model_has_its_properties():
    graph = Graph(["x"], {KIND: "table"})
    graph.input("x", DOUBLE, 1)
    graph.output("y", graph.double("x"), DOUBLE, ["n_rows", 1])
    model = graph.model()
    assert {entry.key: entry.value for entry in model.metadata_props} == {KIND: "table"}
    assert {entry.domain: entry.version for entry in model.opset_import} == OPSETS
