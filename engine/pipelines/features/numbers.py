"""Numeric columns: imputation and missing-value indicators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.data.values import normalise, without_too_large
from engine.pipelines.features.part import Output, Part


class Numbers(Part):
    """Numbers, filled and marked where the output may hold no NaN.

    Other outputs keep NaN, except in columns for which the user has given the imputer parameters.

    Parameters
    ----------
    columns, config:
        See `Part`. Without ``MissingMarker``, filled values are not marked.
    output:
        Whether missing numbers are filled (``encoded``).

    Attributes
    ----------
    imputers:
        (names, imputer) for each group of columns with the same parameters; marks are the
        imputer's indicator.

    Examples
    --------
    >>> part = Numbers([Column("size", "Numeric")], FeaturizationConfig(), "encoded")
    >>> part.fit_transform(pd.DataFrame({"size": [1.0, None, 3.0]}), None).tolist()
    [[1.0, 0.0], [2.0, 1.0], [3.0, 0.0]]
    >>> part.output_names()
    ['size', 'size_missing']
    """

    def __init__(self, columns: list[Column], config: FeaturizationConfig, output: Output) -> None:
        super().__init__(columns, config)
        self.fill = output == "encoded"
        groups = self.group_by_params("Imputer", self.columns)
        self.columns = [name for names, _ in groups for name in names]
        if not self.fill:
            # Only on request: these estimators split on missing values themselves.
            groups = [(names, params) for names, params in groups if params]
        mark = self.fill and not config.is_blocked("MissingMarker")
        self.imputers = [
            (names, SimpleImputer(**{"keep_empty_features": True, "add_indicator": mark} | params))
            for names, params in groups
        ]

    def fit_transform(self, frame: pd.DataFrame, y: NDArray[Any] | None) -> NDArray[np.float64]:
        """Fit the imputers; return the numbers and, behind them, the marks of missing values."""
        values = self._values(frame)
        for names, imputer in self.imputers:
            imputer.fit(values[:, self._places(names)])
        return self._fill(values)

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return the numbers; infinite ones count as missing.

        Examples
        --------
        >>> part = Numbers([Column("size", "Numeric")], FeaturizationConfig(), "codes")
        >>> _ = part.fit_transform(pd.DataFrame({"size": [1.0, 2.0]}), None)
        >>> part.transform(pd.DataFrame({"size": [5.0, np.inf]})).ravel()
        array([ 5., nan])
        """
        return self._fill(self._values(frame))

    def output_names(self) -> list[str]:
        """Return the columns' names, then ``<column>_missing`` for each mark."""
        return self.columns + [f"{name}_missing" for names in self._marked() for name in names]

    def source_columns(self) -> list[str]:
        """Return the columns' names, then the column of each mark."""
        return self.columns + [name for names in self._marked() for name in names]

    def summary(self) -> dict[str, tuple[int, list[str]]]:
        """Return each column's number of features, by ``Imputer`` and ``MissingMarker``.

        Examples
        --------
        >>> part = Numbers([Column("size", "Numeric")], FeaturizationConfig(), "encoded")
        >>> _ = part.fit_transform(pd.DataFrame({"size": [1.0, None, 3.0]}), None)
        >>> part.summary()
        {'size': (2, ['Imputer', 'MissingMarker'])}
        """
        marked = {name for names in self._marked() for name in names}
        imputed = {name for names, _ in self.imputers for name in names}
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
            return without_too_large(block.to_numpy())
        return np.column_stack([normalise(block[n], "Numeric").to_numpy() for n in self.columns])

    def _fill(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        if not self.imputers:
            return values
        filled, marks = values.copy(), []
        for names, imputer in self.imputers:
            places = self._places(names)
            result = imputer.transform(values[:, places])
            filled[:, places] = result[:, : len(places)]
            marks.append(result[:, len(places) :])
        return np.hstack([filled, *marks])

    def _places(self, names: list[str]) -> list[int]:
        place = {name: index for index, name in enumerate(self.columns)}
        return [place[name] for name in names]

    def _marked(self) -> list[list[str]]:
        return [
            [names[index] for index in imputer.indicator_.features_]
            for names, imputer in self.imputers
            if imputer.add_indicator
        ]
