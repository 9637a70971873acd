"""ONNX graphs, built node by node."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from engine._version import __version__
from engine.errors import ModelException

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto

ML_DOMAIN = "ai.onnx.ml"
#: Versions that all current converters support, and ONNX Runtime since 1.14.
OPSETS = {"": 18, ML_DOMAIN: 3}
#: Element types, as ``onnx.TensorProto`` numbers them.
FLOAT, INT64, STRING, BOOL, DOUBLE = 1, 7, 8, 9, 11
#: Name of the input of a model that takes a matrix.
MATRIX = "X"
#: Key of the model's metadata for the kind of its input: ``matrix``, ``table`` (a tensor a
#: column), or ``numbers`` (a tensor a column of a matrix).
KIND, NUMBERS = "raysmith.input", "numbers"


class Graph:
    """A graph that grows node by node. Values have names, which its methods return.

    Parameters
    ----------
    columns:
        Names of the inputs, which no node and no output may have.
    properties:
        Metadata of the model.

    Attributes
    ----------
    matrix:
        Name of the value that holds all columns of a numeric X.

    Examples
    --------
    >>> graph = Graph(["x"], {})
    >>> graph.input("x", DOUBLE, 1)
    >>> double = graph.add("Add", "x", "x")
    >>> graph.output("x", double, DOUBLE, ["n_rows", 1])
    >>> model = graph.model()
    >>> [node.op_type for node in model.graph.node], model.graph.output[0].name
    (['Add', 'Identity'], 'x_')
    """

    def __init__(self, columns: Collection[str], properties: Mapping[str, str]) -> None:
        self.matrix = MATRIX
        self._columns = columns
        self._properties = properties
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._nodes: list[NodeProto] = []
        self._constants: list[TensorProto] = []
        self._count = 0

    def input(self, name: str, kind: int, width: int) -> None:
        """Add an input (n_rows, width) of an element type."""
        from onnx import helper

        self._inputs.append(helper.make_tensor_value_info(name, kind, ["n_rows", width]))

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: object) -> str:
        """Add a node with one output."""
        from onnx import helper

        output = self._name(kind)
        node = helper.make_node(kind, list(inputs), [output], output, domain=domain, **attributes)
        self._nodes.append(node)
        return output

    def constant(self, values: ArrayLike) -> str:
        """Add a constant: an array of numbers or of texts."""
        from onnx import helper, numpy_helper

        name, array = self._name("constant"), np.asarray(values)
        if array.dtype.kind in "OU":
            texts = [str(text).encode() for text in array.ravel()]
            tensor = helper.make_tensor(name, helper.TensorProto.STRING, array.shape, texts)
        else:
            tensor = numpy_helper.from_array(array, name)
        self._constants.append(tensor)
        return name

    def double(self, X: str) -> str:
        """Cast a value to double precision."""
        return self.add("Cast", X, to=DOUBLE)

    def include(self, model: ModelProto, X: str) -> str:
        """Add another model of one input, and return its last output.

        Raises
        ------
        ModelException
            When the model needs newer operators than `OPSETS`.
        """
        from onnx import compose

        for entry in model.opset_import:
            if entry.version > OPSETS.get(entry.domain, 1):
                raise ModelException(f"a converter used version {entry.version} of {entry.domain}")
        part = compose.add_prefix(model, f"{self._name('part')}_").graph
        self._nodes += [_identity(X, part.input[0].name), *part.node]
        self._constants += part.initializer
        return str(part.output[-1].name)

    def output(self, name: str, source: str, kind: int, shape: Sequence[str | int]) -> None:
        """Make a value an output; ``_`` is added to a name that a column has."""
        from onnx import helper

        while name in self._columns:
            name += "_"
        self._nodes.append(_identity(source, name))
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def model(self) -> ModelProto:
        """Return the graph as a checked ``onnx.ModelProto``."""
        from onnx import checker, helper

        graph = helper.make_graph(
            self._nodes, "raysmith", self._inputs, self._outputs, self._constants
        )
        imports = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        model.producer_name, model.producer_version = "raysmith", __version__
        helper.set_model_props(model, dict(self._properties))
        checker.check_model(model)
        return model

    def _name(self, kind: str) -> str:
        self._count += 1
        name = f"{kind}_{self._count}"
        return name if name not in self._columns else self._name(kind)


def _identity(source: str, target: str) -> NodeProto:
    from onnx import helper

    return helper.make_node("Identity", [source], [target], f"to_{target}")
