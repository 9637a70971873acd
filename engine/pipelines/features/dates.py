"""Date columns: calendar parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer

from engine.data.columns import Column
from engine.data.featurization import FeaturizationConfig
from engine.data.values import normalise
from engine.pipelines.features.part import Output, Part


class Dates(Part):
    """Calendar parts of dates: year, month, day, hour, weekday and total seconds.

    Missing dates become the mean of each calendar part where the output may hold no NaN.

    Parameters
    ----------
    columns, config:
        See `Part`. No column is left when ``DateTime`` is blocked.
    output:
        Whether missing dates are filled (``encoded``).

    Examples
    --------
    >>> part = Dates([Column("day", "DateTime")], FeaturizationConfig(), "encoded")
    >>> days = pd.DataFrame({"day": pd.to_datetime(["2024-01-31", "2025-02-01"])})
    >>> part.fit_transform(days, None)[:, :3].tolist()
    [[2024.0, 1.0, 31.0], [2025.0, 2.0, 1.0]]
    >>> part.output_names()[:3]
    ['day_year', 'day_month', 'day_day']
    """

    def __init__(self, columns: list[Column], config: FeaturizationConfig, output: Output) -> None:
        super().__init__([] if config.is_blocked("DateTime") else columns, config)
        self._imputer = SimpleImputer(keep_empty_features=True) if output == "encoded" else None

    def fit_transform(self, frame: pd.DataFrame, y: NDArray[Any] | None) -> NDArray[np.float64]:
        """Choose the calendar parts of each column and return them."""
        from skrub import DatetimeEncoder  # a second to import: only where dates are

        self._encoders = {}
        for name in self.columns:
            params = {"add_weekday": True} | self.config.params_of("DateTime", name)
            self._encoders[name] = DatetimeEncoder(**params).fit(normalise(frame[name], "DateTime"))
        values = self._values(frame)
        return values if self._imputer is None else self._imputer.fit_transform(values)

    def transform(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        """Return (n_rows, n_features) calendar parts of other rows."""
        values = self._values(frame)
        return values if self._imputer is None else self._imputer.transform(values)

    def output_names(self) -> list[str]:
        """Return ``<column>_<calendar part>`` for each feature."""
        return [f"{name}_{part}" for name in self.columns for part in self._outputs(name)]

    def source_columns(self) -> list[str]:
        """Return the date column of each feature."""
        return [name for name in self.columns for _ in self._outputs(name)]

    def summary(self) -> dict[str, tuple[int, list[str]]]:
        """Return the number of calendar parts of each column, by ``DateTime``."""
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
