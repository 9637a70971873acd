"""`TabularDataset` by the methods of SDK v1."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NoReturn, Self

import pandas as pd

from engine.azureml.data.abstract_dataset import AbstractDataset
from engine.azureml.unavailable import SPARK, NotAvailable
from engine.data import tabular_dataset
from engine.errors import DataException
from engine.temporary import new_folder


class TabularDataset(AbstractDataset, tabular_dataset.TabularDataset):
    """A table that is read when it is needed; made by `Dataset.Tabular`."""

    kind = "tabular"
    _timestamps: tuple[str | None, str | None] = (None, None)

    def to_plan(self) -> dict[str, Any]:
        """Return JSON values from which the data set is made again."""
        return {**self.plan(), "timestamps": list(self._timestamps)}

    @classmethod
    def of_plan(cls, plan: Mapping[str, Any]) -> TabularDataset:
        """Return the data set that `to_plan` was called on."""
        opened = cls.from_plan(plan)
        fine, coarse = plan.get("timestamps", (None, None))
        opened._timestamps = (fine, coarse)
        return opened

    def then(self, name: str, **arguments: Any) -> Self:
        """Return the data set with one more step; it is no longer the registered one."""
        return super().then(name, **arguments).unnamed()

    def to_pandas_dataframe(
        self, on_error: str = "null", out_of_range_datetime: str = "null"
    ) -> pd.DataFrame:
        """Read the table; values that are not of their column's type are missing."""
        return super().to_pandas_dataframe()

    def keep_columns(self, columns: Any, validate: bool = False) -> Self:
        """Keep these columns; ``validate`` reads the table at once to see that they are there."""
        return self._checked(super().keep_columns(columns), validate)

    def take_sample(self, probability: float, seed: int | None = None) -> Self:
        """Keep a random share of the rows."""
        return self.sample(probability, seed)

    def get_profile(self, *arguments: object, **named: object) -> pd.DataFrame:
        """Return a summary of the columns, a row each: counts, extremes, quantiles."""
        return profile(self.to_pandas_dataframe())

    def with_timestamp_columns(
        self,
        timestamp: str | None = None,
        partition_timestamp: str | None = None,
        validate: bool = False,
        **more: object,
    ) -> Self:
        """Say which column holds times, for `time_before` and its like."""
        older = more.pop("fine_grain_timestamp", None), more.pop("coarse_grain_timestamp", None)
        changed = self.then("skip", count=0)
        changed.steps = self.steps
        fine, coarse = timestamp or older[0], partition_timestamp or older[1]
        changed._timestamps = (_text(fine), _text(coarse))
        return self._checked(changed, validate)

    @property
    def timestamp_columns(self) -> tuple[str | None, str | None]:
        """The columns given to `with_timestamp_columns`."""
        return self._timestamps

    def time_before(
        self, end_time: datetime, include_boundary: bool = True, **more: object
    ) -> Self:
        """Keep the rows up to a time."""
        return self.between(self._timestamp(), None, end_time, include_boundary)

    def time_after(
        self, start_time: datetime, include_boundary: bool = True, **more: object
    ) -> Self:
        """Keep the rows from a time on."""
        return self.between(self._timestamp(), start_time, None, include_boundary)

    def time_between(
        self,
        start_time: datetime,
        end_time: datetime,
        include_boundary: bool = True,
        **more: object,
    ) -> Self:
        """Keep the rows between two times."""
        return self.between(self._timestamp(), start_time, end_time, include_boundary)

    def time_recent(
        self, time_delta: timedelta, include_boundary: bool = True, **more: object
    ) -> Self:
        """Keep the rows of the last ``time_delta`` before now."""
        return self.time_after(datetime.now() - time_delta, include_boundary)

    def to_csv_files(self, separator: str = ",") -> Any:
        """Write the table to a file that goes with this process; return a `FileDataset` of it."""
        folder = new_folder("table")
        self.to_pandas_dataframe().to_csv(folder / "part-00000.csv", sep=separator, index=False)
        return _files([str(folder)])

    def to_parquet_files(self) -> Any:
        """Write the table to a file that goes with this process; return a `FileDataset` of it."""
        folder = new_folder("table")
        self.to_pandas_dataframe().to_parquet(folder / "part-00000.parquet", index=False)
        return _files([str(folder)])

    def to_spark_dataframe(self) -> NoReturn:
        """Refuse: there is no Spark.

        Raises
        ------
        NotAvailable
            Always.
        """
        raise NotAvailable(f"to_spark_dataframe is not available: {SPARK}")

    def _timestamp(self) -> str:
        column = self._timestamps[0] or self._timestamps[1]
        if column is None:
            raise DataException(
                "no column with times is known; name it first: with_timestamp_columns('when')"
            )
        return column

    @staticmethod
    def _checked(changed: Any, validate: bool) -> Any:
        if validate:
            changed.to_pandas_dataframe()
        return changed


def profile(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a summary of a table's columns, a row each.

    Examples
    --------
    >>> summary = profile(pd.DataFrame({"a": [1.0, None, 3.0]}))
    >>> int(summary.loc["a", "Count"]), int(summary.loc["a", "Missing"])
    (3, 1)
    """
    described = frame.describe(include="all").T
    described.insert(0, "Type", [str(dtype) for dtype in frame.dtypes])
    described.insert(1, "Missing", frame.isna().sum())
    described["count"] = len(frame)
    return described.rename(columns={"count": "Count"})


def _files(paths: list[str]) -> Any:
    return AbstractDataset.kinds["file"].of_plan({"paths": paths})


def _text(value: object) -> str | None:
    return None if value is None else str(value)
