"""Categorical columns: one-hot, ordinal and target encoding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.data.values import normalise
from engine.pipelines.features.blocks import Features, join_blocks
from engine.pipelines.features.part import Output, Part

#: Most categories that histogram-based boosting can distinguish. Rarer categories share a code,
#: except where the target encodes them.
_MOST_CATEGORIES = 250

#: Codes of missing values and of labels that training did not have.
MISSING, UNKNOWN = -1, -2


class Categories(Part):
    """Encoded categorical columns, by the number of their categories.

    Columns with few categories become one-hot columns (``encoded``), codes by frequency
    (``codes``) or pandas categoricals (``native``). Columns with many categories become the mean
    target of each category, also for boosters that split on categories themselves: these learn
    more from it (`benchmarks/generated.py` has a column of a thousand categories).

    Parameters
    ----------
    columns, config:
        See `Part`. With one of the encoders blocked, the other one is used.
    output:
        Format of columns with few categories.
    is_regression:
        Whether the target is a quantity.

    Attributes
    ----------
    by_code, by_target:
        Names of the columns with few and with many categories.
    labels:
        Column -> label -> code, the most frequent label first. Set by `fit_transform`.
    one_hot_encoders, target_encoders:
        (names, fitted encoder) for each group of columns with the same parameters. The encoders
        take codes. Set by `fit_transform`.

    Examples
    --------
    >>> part = Categories([Column("colour", "Categorical")], FeaturizationConfig(), "codes", False)
    >>> part.fit_transform(pd.DataFrame({"colour": ["red", "red", "blue", None]}), None).ravel()
    array([ 0.,  0.,  1., nan])
    """

    def __init__(
        self,
        columns: list[Column],
        config: FeaturizationConfig,
        output: Output,
        is_regression: bool,
    ) -> None:
        super().__init__(columns, config)
        self.output = output
        folds = KFold if is_regression else StratifiedKFold
        self._target_defaults = {
            "target_type": "continuous" if is_regression else "auto",
            "cv": folds(5, shuffle=True, random_state=0),
        }
        many = [column.name for column in columns if column.purpose == "CategoricalHash"]
        if config.is_blocked("TargetEncoder"):
            self.by_target = []
        elif config.is_blocked("OneHotEncoder") and output == "encoded":
            self.by_target = list(self.columns)
        else:
            self.by_target = many
        self.by_code = [name for name in self.columns if name not in self.by_target]
        self.columns = self.by_code + self.by_target

    def fit_transform(self, frame: pd.DataFrame, y: NDArray[Any] | None) -> Features:
        """Number the labels by frequency, fit the encoders and return the features.

        Target encoding needs ``y``. Each row's encoding comes from other rows' targets.
        """
        self.labels: dict[str, dict[str, int]] = {}
        for name in self.columns:
            values = normalise(frame[name], "Categorical")
            counts = values.value_counts()
            most = None if name in self.by_target else _MOST_CATEGORIES
            frequent = list(counts.index[counts > 0][:most])
            self.labels[name] = {label: code for code, label in enumerate(frequent)}
        self.one_hot_encoders: list[tuple[list[str], OneHotEncoder]] = []
        self.target_encoders: list[tuple[list[str], TargetEncoder]] = []
        if self.output == "encoded" and not self.config.is_blocked("OneHotEncoder"):
            for names, params in self.group_by_params("OneHotEncoder", self.by_code):
                defaults = {"handle_unknown": "ignore", "sparse_output": False, "drop": None}
                encoder = OneHotEncoder(**defaults | params)
                self.one_hot_encoders.append((names, encoder.fit(self._codes(frame, names))))
        blocks = self._coded(frame)
        for names, params in self.group_by_params("TargetEncoder", self.by_target):
            # fit_transform gives each row an encoding that its own target had no part in.
            target = TargetEncoder(**self._target_defaults | params)
            blocks.append(target.fit_transform(self._codes(frame, names), y))
            self.target_encoders.append((names, target))
        return join_blocks(blocks)

    def transform(self, frame: pd.DataFrame) -> Features:
        """Return the features; a label that training did not have counts as unknown."""
        blocks = self._coded(frame)
        blocks += [e.transform(self._codes(frame, names)) for names, e in self.target_encoders]
        return join_blocks(blocks)

    def output_names(self) -> list[str]:
        """Return the column's name, ``<column>_<label>`` or ``<column>_target`` for each feature.

        Examples
        --------
        >>> colour = Column("colour", "Categorical")
        >>> part = Categories([colour], FeaturizationConfig(), "encoded", False)
        >>> _ = part.fit_transform(pd.DataFrame({"colour": ["red", "red", "blue"]}), None)
        >>> part.output_names()
        ['colour_red', 'colour_blue']
        """
        if not self.one_hot_encoders:
            result = list(self.by_code)
        else:
            result = [
                n for names, _ in self.one_hot_encoders for name in names for n in self._hot(name)
            ]
        for names, encoder in self.target_encoders:
            outputs = encoder.get_feature_names_out(names)
            result += [f"{output}_target" for output in outputs]
        return result

    def source_columns(self) -> list[str]:
        """Return the raw column of each feature.

        Examples
        --------
        >>> colour = Column("colour", "Categorical")
        >>> part = Categories([colour], FeaturizationConfig(), "encoded", False)
        >>> _ = part.fit_transform(pd.DataFrame({"colour": ["red", "red", "blue"]}), None)
        >>> part.source_columns()
        ['colour', 'colour']
        """
        result = list(self.by_code)
        if self.one_hot_encoders:
            groups = [name for names, _ in self.one_hot_encoders for name in names]
            result = [name for name in groups for _ in self._hot(name)]
        for names, encoder in self.target_encoders:
            each = len(encoder.get_feature_names_out(names)) // len(names)
            result += [name for name in names for _ in range(each)]
        return result

    def summary(self) -> dict[str, tuple[int, list[str]]]:
        """Return each column's number of features and its encoder.

        Examples
        --------
        >>> colour = Column("colour", "Categorical")
        >>> part = Categories([colour], FeaturizationConfig(), "encoded", False)
        >>> _ = part.fit_transform(pd.DataFrame({"colour": ["red", "red", "blue"]}), None)
        >>> part.summary()
        {'colour': (2, ['OneHotEncoder'])}
        """
        result: dict[str, tuple[int, list[str]]] = {}
        for name in self.by_code:
            if self.one_hot_encoders:
                result[name] = len(self._hot(name)), ["OneHotEncoder"]
            else:
                result[name] = 1, ["LabelEncoder" if self.output == "codes" else "Categorical"]
        for names, encoder in self.target_encoders:
            each = len(encoder.get_feature_names_out(names)) // len(names)
            result |= {name: (each, ["TargetEncoder"]) for name in names}
        return result

    def _coded(self, frame: pd.DataFrame) -> list[Features]:
        if not self.by_code:
            return []
        if self.output == "native":
            block = {
                name: pd.Categorical.from_codes(
                    list(np.maximum(self._codes(frame, [name])[:, 0], -1)),
                    pd.RangeIndex(len(self.labels[name]) + 1),
                )
                for name in self.by_code
            }
            return [pd.DataFrame(block)]
        if self.one_hot_encoders:
            return [e.transform(self._codes(frame, names)) for names, e in self.one_hot_encoders]
        codes = self._codes(frame, self.by_code).astype(np.float64)
        if self.output == "codes":
            codes[codes < 0] = np.nan
        return [codes]

    def _codes(self, frame: pd.DataFrame, names: list[str]) -> NDArray[np.int64]:
        """Return (n_rows, len(names)) codes: by frequency, or `MISSING` or `UNKNOWN`."""
        codes = np.empty((len(frame), len(names)), dtype=np.int64)
        for index, name in enumerate(names):
            values = normalise(frame[name], "Categorical")
            labels = self.labels[name]
            rest = self.rest_code(name)
            table = np.array(
                [*(labels.get(label, rest) for label in values.cat.categories), MISSING],
                dtype=np.int64,
            )
            codes[:, index] = table[values.cat.codes.to_numpy()]
        return codes

    def rest_code(self, name: str) -> int:
        """Return the code of a label that is not among the frequent ones of training.

        Examples
        --------
        >>> colour = Column("colour", "Categorical")
        >>> part = Categories([colour], FeaturizationConfig(), "codes", False)
        >>> _ = part.fit_transform(pd.DataFrame({"colour": ["red", "red", "blue"]}), None)
        >>> part.rest_code("colour") == UNKNOWN
        True
        """
        labels = self.labels[name]
        lumped = name not in self.by_target and len(labels) == _MOST_CATEGORIES
        return len(labels) if lumped else UNKNOWN

    def _hot(self, name: str) -> list[str]:
        texts = {code: label for label, code in self.labels[name].items()}
        texts |= {MISSING: "missing", len(texts): "other"}
        for names, encoder in self.one_hot_encoders:
            if name in names:
                found = encoder.categories_[names.index(name)]
                return [f"{name}_{texts.get(int(code), 'other')}" for code in found]
        return []
