"""Featurization as ONNX nodes."""

from __future__ import annotations

import numpy as np

from engine.errors import ModelException
from engine.onnx.graph import ML_DOMAIN, Graph
from engine.pipelines.features.categories import MISSING, Categories
from engine.pipelines.features.numbers import Numbers
from engine.pipelines.features.transformer import DataTransformer


class FeatureNodes:
    """Writes a `DataTransformer` as nodes over inputs of one column each.

    Parameters
    ----------
    graph:
        Has an input for each raw column that is used, under the column's name.
    """

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def write(self, transformer: DataTransformer) -> tuple[str, int]:
        """Write the nodes; return the name of their output and its number of columns.

        Raises
        ------
        ModelException
            For dates, text, native categories and uncommon parameters of one-hot encoding.
        """
        blocks: list[str] = []
        for part in transformer.parts_:
            if isinstance(part, Numbers):
                blocks += self._numbers(part)
            elif isinstance(part, Categories):
                blocks += self._categories(part)
            else:
                raise ModelException(
                    f"the columns {part.columns[:20]} are dates or text, which ONNX has no "
                    "counterpart for; leave them out with drop_column_names"
                )
        X = blocks[0] if len(blocks) == 1 else self._graph.add("Concat", *blocks, axis=1)
        return X, len(transformer.get_source_columns())

    def _numbers(self, part: Numbers) -> list[str]:
        graph = self._graph
        columns = {name: name for name in part.columns}
        marks = []
        for names, imputer in part.imputers:
            fills = dict(zip(names, imputer.statistics_, strict=True))
            missing = {n: graph.add("IsNaN", n) for n in names}
            if imputer.add_indicator:
                marks += [graph.double(missing[names[i]]) for i in imputer.indicator_.features_]
            for name in names:
                fill = graph.constant(np.array([[float(fills[name])]]))
                columns[name] = graph.add("Where", missing[name], fill, columns[name])
        return [*columns.values(), *marks]

    def _categories(self, part: Categories) -> list[str]:
        if part.by_code and part.output == "native":
            raise ModelException(
                f"the columns {part.by_code[:20]} go to an estimator that splits on categories "
                "itself; a run with enable_onnx_compatible_models=True has none of these"
            )
        codes = {name: self._codes(part, name) for name in part.columns}
        if part.one_hot_encoders:
            return [*self._one_hot(part, codes), *self._by_target(part, codes)]
        plain = [self._graph.double(codes[name]) for name in part.by_code]
        if part.output == "codes":
            plain = [self._nan_where_negative(block) for block in plain]
        return [*plain, *self._by_target(part, codes)]

    def _one_hot(self, part: Categories, codes: dict[str, str]) -> list[str]:
        graph, blocks = self._graph, []
        for names, encoder in part.one_hot_encoders:
            lumps = encoder.min_frequency is not None or encoder.max_categories is not None
            if encoder.drop_idx_ is not None or lumps:
                raise ModelException("one-hot encoding with these parameters cannot be converted")
            for name, categories in zip(names, encoder.categories_, strict=True):
                known = graph.constant(categories.astype(np.int64)[None, :])
                blocks.append(graph.double(graph.add("Equal", codes[name], known)))
        return blocks

    def _by_target(self, part: Categories, codes: dict[str, str]) -> list[str]:
        graph, blocks = self._graph, []
        for names, encoder in part.target_encoders:
            each = len(encoder.encodings_) // len(names)
            for index, encodings in enumerate(encoder.encodings_):
                feature = index // each
                average = np.ravel(encoder.target_mean_)[index % each]
                encoded = graph.add(
                    "LabelEncoder",
                    codes[names[feature]],
                    domain=ML_DOMAIN,
                    keys_int64s=[int(code) for code in encoder.categories_[feature]],
                    values_floats=[float(value) for value in encodings],
                    default_float=float(average),
                )
                blocks.append(graph.double(encoded))
        return blocks

    def _nan_where_negative(self, codes: str) -> str:
        graph = self._graph
        is_negative = graph.add("Less", codes, graph.constant(np.array([[0.0]])))
        return graph.add("Where", is_negative, graph.constant(np.array([[np.nan]])), codes)

    def _codes(self, part: Categories, name: str) -> str:
        labels: dict[str, int] = {"": MISSING} | part.labels[name]
        return self._graph.add(
            "LabelEncoder",
            name,
            domain=ML_DOMAIN,
            keys_strings=list(labels),
            values_int64s=list(labels.values()),
            default_int64=part.rest_code(name),
        )
