"""Columns of one kind, and what becomes of them: numbers, dates, texts, categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import OneHotEncoder, TargetEncoder

from engine.data.columns import Column, normalise
from engine.data.featurization import FeaturizationConfig

#: ``encoded``: no NaN, categories as numbers that carry meaning. ``codes``: NaN stay, few
#: categories as codes (for trees). ``native``: NaN stay, few categories as a pandas categorical.
Output = Literal["encoded", "codes", "native"]

#: What histogram-based boosting can tell apart; rarer ones go together, but not where the target
#: encodes them.
_MOST_CATEGORIES = 250
MISSING, UNKNOWN = -1, -2


def side_by_side(blocks: list[Any]) -> Any:
    """Blocks of columns as one: an array, or a DataFrame where one of them is."""
    if len(blocks) == 1:
        return blocks[0]
    if not any(isinstance(block, pd.DataFrame) for block in blocks):
        return np.hstack(blocks)
    return pd.concat([pd.DataFrame(block) for block in blocks], axis=1)


class Part:
    """Columns of one kind."""

    #: Whether making it costs more than keeping it. It is then the same whatever the output.
    is_slow = False

    def __init__(self, columns: list[Column], config: FeaturizationConfig) -> None:
        self.columns = [column.name for column in columns]
        self.config = config

    def fit_transform(self, frame: pd.DataFrame, y: Any) -> Any:
        raise NotImplementedError

    def names(self) -> list[str]:
        raise NotImplementedError

    def transform(self, frame: pd.DataFrame) -> Any:
        raise NotImplementedError

    def made(self) -> dict[str, tuple[int, list[str]]]:
        """Column -> how many columns came of it, and by which steps."""
        raise NotImplementedError

    def sources(self) -> list[str]:
        """The raw column of each column that comes out, in their order."""
        raise NotImplementedError

    def grouped(self, transformer: str, columns: Sequence[str]) -> list[tuple[list[str], Any]]:
        """Columns that have the same parameters of ``transformer``, with these."""
        groups: list[tuple[list[str], dict[str, Any]]] = []
        for column in columns:
            params = self.config.params_of(transformer, column)
            for names, known in groups:
                if known == params:
                    names.append(column)
                    break
            else:
                groups.append(([column], params))
        return groups


class Numbers(Part):
    """Numbers, filled and marked where the output may hold no NaN."""

    def __init__(self, columns: list[Column], config: FeaturizationConfig, output: Output) -> None:
        super().__init__(columns, config)
        self.fill = output == "encoded"
        groups = self.grouped("Imputer", self.columns)
        self.columns = [name for names, _ in groups for name in names]
        if not self.fill:
            # Only what the user asked for: these estimators split on missing values themselves.
            groups = [(names, params) for names, params in groups if params]
        mark = self.fill and not config.is_blocked("MissingMarker")
        self._imputers = [
            (names, SimpleImputer(**{"keep_empty_features": True, "add_indicator": mark} | params))
            for names, params in groups
        ]

    def fit_transform(self, frame: pd.DataFrame, y: Any) -> NDArray[np.float64]:
        values = self._values(frame)
        for names, imputer in self._imputers:
            imputer.fit(values[:, self._places(names)])
        return self._fill(values)

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        return self._fill(self._values(frame))

    def names(self) -> list[str]:
        return self.columns + [f"{name}_missing" for names in self._marked() for name in names]

    def sources(self) -> list[str]:
        return self.columns + [name for names in self._marked() for name in names]

    def made(self) -> dict[str, tuple[int, list[str]]]:
        marked = {name for names in self._marked() for name in names}
        imputed = {name for names, _ in self._imputers for name in names}
        return {
            name: (
                1 + (name in marked),
                ["Imputer"] * (name in imputed) + ["MissingMarker"] * (name in marked),
            )
            for name in self.columns
        }

    def _values(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        block = frame[self.columns]
        if all(dtype == np.float64 for dtype in block.dtypes):
            values = block.to_numpy()
            return (
                values if np.isfinite(values.sum()) else np.where(np.isinf(values), np.nan, values)
            )
        return np.column_stack([normalise(block[n], "Numeric").to_numpy() for n in self.columns])

    def _fill(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self._imputers:
            return values
        filled, marks = values.copy(), []
        for names, imputer in self._imputers:
            places = self._places(names)
            result = imputer.transform(values[:, places])
            filled[:, places] = result[:, : len(places)]
            marks.append(result[:, len(places) :])
        return np.hstack([filled, *marks])

    def _places(self, names: list[str]) -> list[int]:
        return [self.columns.index(name) for name in names]

    def _marked(self) -> list[list[str]]:
        return [
            [names[index] for index in imputer.indicator_.features_]
            for names, imputer in self._imputers
            if imputer.add_indicator
        ]


class Dates(Part):
    """Dates as year, month, day, hour, weekday and seconds; missing ones as numbers are."""

    def __init__(self, columns: list[Column], config: FeaturizationConfig, output: Output) -> None:
        super().__init__([] if config.is_blocked("DateTime") else columns, config)
        self._imputer = SimpleImputer(keep_empty_features=True) if output == "encoded" else None

    def fit_transform(self, frame: pd.DataFrame, y: Any) -> NDArray[np.float64]:
        from skrub import DatetimeEncoder  # a second to import: only where dates are

        self._encoders = {}
        for name in self.columns:
            params = {"add_weekday": True} | self.config.params_of("DateTime", name)
            self._encoders[name] = DatetimeEncoder(**params).fit(normalise(frame[name], "DateTime"))
        values = self._values(frame)
        return values if self._imputer is None else self._imputer.fit_transform(values)

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        values = self._values(frame)
        return values if self._imputer is None else self._imputer.transform(values)

    def names(self) -> list[str]:
        return [f"{name}_{part}" for name in self.columns for part in self._outputs(name)]

    def sources(self) -> list[str]:
        return [name for name in self.columns for _ in self._outputs(name)]

    def made(self) -> dict[str, tuple[int, list[str]]]:
        return {name: (len(self._outputs(name)), ["DateTime"]) for name in self.columns}

    def _outputs(self, name: str) -> list[str]:
        prefix = f"{name}_"
        found = self._encoders[name].get_feature_names_out()
        return [str(output).removeprefix(prefix) for output in found]

    def _values(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        blocks = [
            self._encoders[n].transform(normalise(frame[n].rename(n), "DateTime").rename(n))
            for n in self.columns
        ]
        return np.hstack([block.to_numpy(dtype=np.float64, na_value=np.nan) for block in blocks])


class Texts(Part):
    """Text as TF-IDF of character n-grams, reduced to a few columns."""

    is_slow = True

    def __init__(self, columns: list[Column], config: FeaturizationConfig) -> None:
        super().__init__([] if config.is_blocked("TfIdf") else columns, config)

    def fit_transform(self, frame: pd.DataFrame, y: Any) -> NDArray[np.float32]:
        from skrub import StringEncoder

        self._encoders = {}
        blocks = []
        for name in self.columns:
            params = {"random_state": 0} | self.config.params_of("TfIdf", name)
            self._encoders[name] = StringEncoder(**params)
            blocks.append(self._encoders[name].fit_transform(self._text(frame, name)).to_numpy())
        self._widths = [block.shape[1] for block in blocks]
        return np.hstack(blocks)

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float32]:
        blocks = [e.transform(self._text(frame, name)) for name, e in self._encoders.items()]
        return np.hstack([block.to_numpy() for block in blocks])

    def names(self) -> list[str]:
        widths = zip(self.columns, self._widths, strict=True)
        return [f"{name}_tfidf_{index}" for name, width in widths for index in range(width)]

    def sources(self) -> list[str]:
        widths = zip(self.columns, self._widths, strict=True)
        return [name for name, width in widths for _ in range(width)]

    def made(self) -> dict[str, tuple[int, list[str]]]:
        widths = zip(self.columns, self._widths, strict=True)
        return {name: (width, ["TfIdf"]) for name, width in widths}

    def _text(self, frame: pd.DataFrame, name: str) -> pd.Series:
        return normalise(frame[name], "Text").rename(name)


class Categories(Part):
    """Few categories one-hot (``encoded``), codes, or as they are (``native``); many by target.

    Boosting that splits on categories itself learns more from many of them by target, too:
    `benchmarks/generated.py` has a thousand.
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
            self._by_target = []
        elif config.is_blocked("OneHotEncoder") and output == "encoded":
            self._by_target = list(self.columns)
        else:
            self._by_target = many
        self._by_code = [name for name in self.columns if name not in self._by_target]
        self.columns = self._by_code + self._by_target

    def fit_transform(self, frame: pd.DataFrame, y: Any) -> Any:
        self._labels = {}
        for name in self.columns:
            values = normalise(frame[name], "Categorical")
            counts = values.value_counts()
            most = None if name in self._by_target else _MOST_CATEGORIES
            frequent = list(counts.index[counts > 0][:most])
            self._labels[name] = {label: code for code, label in enumerate(frequent)}
        self._one_hot: list[tuple[list[str], OneHotEncoder]] = []
        self._target: list[tuple[list[str], TargetEncoder]] = []
        if self.output == "encoded" and not self.config.is_blocked("OneHotEncoder"):
            for names, params in self.grouped("OneHotEncoder", self._by_code):
                defaults = {"handle_unknown": "ignore", "sparse_output": False, "drop": None}
                encoder = OneHotEncoder(**defaults | params)
                self._one_hot.append((names, encoder.fit(self._codes(frame, names))))
        blocks = self._coded(frame)
        for names, params in self.grouped("TargetEncoder", self._by_target):
            # fit_transform gives each row an encoding that its own target had no part in.
            target = TargetEncoder(**self._target_defaults | params)
            blocks.append(target.fit_transform(self._codes(frame, names), y))
            self._target.append((names, target))
        return side_by_side(blocks)

    def transform(self, frame: pd.DataFrame) -> Any:
        blocks = self._coded(frame)
        blocks += [e.transform(self._codes(frame, names)) for names, e in self._target]
        return side_by_side(blocks)

    def names(self) -> list[str]:
        if not self._one_hot:
            result = list(self._by_code)
        else:
            result = [n for names, _ in self._one_hot for name in names for n in self._hot(name)]
        for names, encoder in self._target:
            outputs = encoder.get_feature_names_out(names)
            result += [f"{output}_target" for output in outputs]
        return result

    def sources(self) -> list[str]:
        result = list(self._by_code)
        if self._one_hot:
            groups = [name for names, _ in self._one_hot for name in names]
            result = [name for name in groups for _ in self._hot(name)]
        for names, encoder in self._target:
            each = len(encoder.get_feature_names_out(names)) // len(names)
            result += [name for name in names for _ in range(each)]
        return result

    def made(self) -> dict[str, tuple[int, list[str]]]:
        result: dict[str, tuple[int, list[str]]] = {}
        for name in self._by_code:
            if self._one_hot:
                result[name] = len(self._hot(name)), ["OneHotEncoder"]
            else:
                result[name] = 1, ["LabelEncoder" if self.output == "codes" else "Categorical"]
        for names, encoder in self._target:
            each = len(encoder.get_feature_names_out(names)) // len(names)
            result |= {name: (each, ["TargetEncoder"]) for name in names}
        return result

    def _coded(self, frame: pd.DataFrame) -> list[Any]:
        if not self._by_code:
            return []
        if self.output == "native":
            block = {
                name: pd.Categorical.from_codes(
                    list(np.maximum(self._codes(frame, [name])[:, 0], -1)),
                    pd.RangeIndex(len(self._labels[name]) + 1),
                )
                for name in self._by_code
            }
            return [pd.DataFrame(block)]
        if self._one_hot:
            return [e.transform(self._codes(frame, names)) for names, e in self._one_hot]
        codes = self._codes(frame, self._by_code).astype(np.float64)
        if self.output == "codes":
            codes[codes < 0] = np.nan
        return [codes]

    def _codes(self, frame: pd.DataFrame, names: list[str]) -> NDArray[np.int64]:
        """(n_rows, len(names)): by frequency; the rarest together; `MISSING`, `UNKNOWN`."""
        codes = np.empty((len(frame), len(names)), dtype=np.int64)
        for index, name in enumerate(names):
            values = normalise(frame[name], "Categorical")
            labels = self._labels[name]
            rest = self.rest_code(name)
            table = np.array(
                [*(labels.get(label, rest) for label in values.cat.categories), MISSING],
                dtype=np.int64,
            )
            codes[:, index] = table[values.cat.codes.to_numpy()]
        return codes

    def rest_code(self, name: str) -> int:
        """What a label gets that is not among the frequent ones of training."""
        labels = self._labels[name]
        lumped = name not in self._by_target and len(labels) == _MOST_CATEGORIES
        return len(labels) if lumped else UNKNOWN

    def _hot(self, name: str) -> list[str]:
        texts = {code: label for label, code in self._labels[name].items()}
        texts |= {MISSING: "missing", len(texts): "other"}
        for names, encoder in self._one_hot:
            if name in names:
                found = encoder.categories_[names.index(name)]
                return [f"{name}_{texts.get(int(code), 'other')}" for code in found]
        return []
