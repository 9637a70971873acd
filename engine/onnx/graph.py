"""An ONNX graph that is being built."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from engine._version import __version__
from engine.errors import ModelException

#: What the current converters all know, and ONNX Runtime since 1.14.
_OPSETS = {"": 18, "ai.onnx.ml": 3}


_ML = "ai.onnx.ml"


#: Of ``onnx.TensorProto``.
_FLOAT, _DOUBLE = 1, 11


_MATRIX = "X"


#: Of the model's metadata: whether it takes a matrix or a tensor a column.
_KIND = "raysmith.input"


class _Graph:
    """Nodes under names of their own.

    Parameters
    ----------
    columns:
        Names of the inputs, which no node may have.
    """

    def __init__(self, columns: Collection[str]) -> None:
        self._columns = columns
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._count = 0

    def input(self, name: str, kind: int, width: int) -> None:
        from onnx import helper

        self._inputs.append(helper.make_tensor_value_info(name, kind, ["n_rows", width]))

    def add(self, kind: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output; returns the output's name."""
        from onnx import helper

        output = self._name(kind)
        node = helper.make_node(kind, list(inputs), [output], output, domain=domain, **attributes)
        self._nodes.append(node)
        return output

    def constant(self, values: Any) -> str:
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
        return self.add("Cast", X, to=_DOUBLE)

    def include(self, model: Any, X: str) -> str:
        """Another model of one input; returns the name of its last output."""
        from onnx import compose

        for entry in model.opset_import:
            if entry.version > _OPSETS.get(entry.domain, 1):
                raise ModelException(f"a converter used version {entry.version} of {entry.domain}")
        part = compose.add_prefix(model, f"{self._name('part')}_").graph
        self._nodes += [_identity(X, part.input[0].name), *part.node]
        self._constants += part.initializer
        return str(part.output[-1].name)

    def output(self, name: str, source: str, kind: int, shape: Sequence[Any]) -> None:
        from onnx import helper

        while name in self._columns:
            name += "_"
        self._nodes.append(_identity(source, name))
        self._outputs.append(helper.make_tensor_value_info(name, kind, list(shape)))

    def model(self, properties: Mapping[str, str]) -> Any:
        from onnx import checker, helper

        graph = helper.make_graph(
            self._nodes, "raysmith", self._inputs, self._outputs, self._constants
        )
        imports = [helper.make_opsetid(domain, version) for domain, version in _OPSETS.items()]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8)
        model.producer_name, model.producer_version = "raysmith", __version__
        helper.set_model_props(model, dict(properties))
        checker.check_model(model)
        return model

    def _name(self, kind: str) -> str:
        self._count += 1
        name = f"{kind}_{self._count}"
        return name if name not in self._columns else self._name(kind)


def _identity(source: str, target: str) -> Any:
    from onnx import helper

    return helper.make_node("Identity", [source], [target], f"to_{target}")
