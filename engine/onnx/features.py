"""Featurization as ONNX nodes."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.errors import ModelException
from engine.onnx.graph import _ML, _Graph
from engine.pipelines.features.categories import MISSING, Categories
from engine.pipelines.features.numbers import Numbers
from engine.pipelines.features.transformer import DataTransformer


class _Featurizer:
    """`DataTransformer` as nodes over a tensor a column."""

    def __init__(self, graph: _Graph) -> None:
        self._graph = graph

    def convert(self, transformer: DataTransformer) -> tuple[str, int]:
        blocks = []
        for part in transformer._parts:
            write = {Numbers: self._numbers, Categories: self._categories}
            kind = type(part)
            if kind not in write:
                raise ModelException(
                    f"the columns {part.columns[:20]} are dates or text, which ONNX has no "
                    "counterpart for; leave them out with drop_column_names"
                )
            blocks += write[kind](part)
        X = blocks[0] if len(blocks) == 1 else self._graph.add("Concat", *blocks, axis=1)
        return X, len(transformer.get_source_columns())

    def _numbers(self, part: Any) -> list[str]:
        graph = self._graph
        columns = {name: name for name in part.columns}
        marks = []
        for names, imputer in part._imputers:
            fills = dict(zip(names, imputer.statistics_, strict=True))
            missing = {n: graph.add("IsNaN", n) for n in names}
            if imputer.add_indicator:
                marks += [graph.double(missing[names[i]]) for i in imputer.indicator_.features_]
            for name in names:
                fill = graph.constant(np.array([[float(fills[name])]]))
                columns[name] = graph.add("Where", missing[name], fill, columns[name])
        return [*columns.values(), *marks]

    def _categories(self, part: Any) -> list[str]:
        graph = self._graph
        codes = {name: self._codes(part, name) for name in part.columns}
        blocks = []
        if part._by_code and part.output == "native":
            raise ModelException(
                f"the columns {part._by_code[:20]} go to an estimator that splits on categories "
                "itself; a run with enable_onnx_compatible_models=True has none of these"
            )
        for names, encoder in part._one_hot:
            if encoder.drop_idx_ is not None or encoder._infrequent_enabled:
                raise ModelException("one-hot encoding with these parameters cannot be converted")
            for name, categories in zip(names, encoder.categories_, strict=True):
                known = graph.constant(categories.astype(np.int64)[None, :])
                blocks.append(graph.double(graph.add("Equal", codes[name], known)))
        if part._by_code and not part._one_hot:
            plain = [graph.double(codes[name]) for name in part._by_code]
            if part.output == "codes":
                nan = graph.constant(np.array([[np.nan]]))
                zero = graph.constant(np.array([[0.0]]))
                plain = [graph.add("Where", graph.add("Less", c, zero), nan, c) for c in plain]
            blocks += plain
        for names, encoder in part._target:
            each = len(encoder.encodings_) // len(names)
            for index, encodings in enumerate(encoder.encodings_):
                feature = index // each
                average = np.ravel(encoder.target_mean_)[index % each]
                encoded = graph.add(
                    "LabelEncoder",
                    codes[names[feature]],
                    domain=_ML,
                    keys_int64s=[int(code) for code in encoder.categories_[feature]],
                    values_floats=[float(value) for value in encodings],
                    default_float=float(average),
                )
                blocks.append(graph.double(encoded))
        return blocks

    def _codes(self, part: Any, name: str) -> str:
        labels: dict[str, int] = {"": MISSING} | part._labels[name]
        return self._graph.add(
            "LabelEncoder",
            name,
            domain=_ML,
            keys_strings=list(labels),
            values_int64s=list(labels.values()),
            default_int64=part.rest_code(name),
        )
