"""The data preparation SDK, as far as scripts used it with automated ML: lazy tables of files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Self

import pandas as pd

from engine.azureml.data.paths import as_paths
from engine.azureml.data.tabular_dataset import profile
from engine.data.table_source import ReadOptions
from engine.data.tabular_dataset import TabularDataset
from engine.errors import DataException

__all__ = [
    "ColumnSelector",
    "Dataflow",
    "PromoteHeadersMode",
    "auto_read_file",
    "read_csv",
    "read_pandas_dataframe",
    "read_parquet_file",
    "smart_read_file",
]


class PromoteHeadersMode(IntEnum):
    """Where column names come from."""

    NONE = 0
    UNGROUPED = 1
    GROUPED = 2
    CONSTANTGROUPED = 3


@dataclass(frozen=True)
class ColumnSelector:
    """Columns by a word in their names, or a regular expression.

    Examples
    --------
    >>> ColumnSelector(term=".*", use_regex=True).pattern
    '(?i:.*)'
    """

    term: str
    use_regex: bool = False
    ignore_case: bool = True
    match_whole_word: bool = False

    @property
    def pattern(self) -> str:
        """The regular expression that is looked for in names."""

        term = self.term if self.use_regex else re.escape(self.term)
        term = rf"\b{term}\b" if self.match_whole_word else term
        return f"(?i:{term})" if self.ignore_case else term


class Dataflow(TabularDataset):
    """A table that is read when it is needed, by the methods of the data preparation SDK.

    Examples
    --------
    >>> flow = read_pandas_dataframe(pd.DataFrame({"a": ["1", "2", None], "y": ["0", "1", "0"]}))
    >>> X, y = flow.drop_columns("y"), flow.keep_columns("y").to_long("y")
    >>> X_train, _ = X.random_split(percentage=0.67, seed=3)
    >>> y_train, _ = y.random_split(percentage=0.67, seed=3)
    >>> X_train.head(5).shape, y_train.row_count
    ((2, 1), 2)
    """

    def keep_columns(self, columns: Any, validate_column_exists: bool = False) -> Self:
        """Keep these columns; the table is read at once with ``validate_column_exists``."""
        kept = super().keep_columns(columns)
        if validate_column_exists:
            kept.head(1)
        return kept

    def drop_nulls(self, columns: Any, column_relationship: object = None) -> Self:
        """Leave out rows without a value in any of these columns."""
        if isinstance(columns, ColumnSelector):
            raise DataException("columns: give names; a ColumnSelector is taken by to_long only")
        return super().drop_nulls(columns)

    def to_pandas_dataframe(
        self, extended_types: bool = False, nulls_as_nan: bool = True, **more: object
    ) -> pd.DataFrame:
        """Read the table and do the steps."""
        return super().to_pandas_dataframe()

    def head(self, count: int = 10) -> pd.DataFrame:
        """Return the first rows."""
        return self.to_pandas_dataframe().head(count)

    def get_profile(self, *arguments: object, **named: object) -> pd.DataFrame:
        """Return a summary of the columns, a row each."""
        return profile(self.to_pandas_dataframe())

    @property
    def row_count(self) -> int:
        """Number of rows."""
        return len(self.to_pandas_dataframe())

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and of columns."""
        rows, columns = self.to_pandas_dataframe().shape
        return rows, columns

    @property
    def dtypes(self) -> dict[str, str]:
        """Column -> type of its values."""
        return {str(k): str(v) for k, v in self.to_pandas_dataframe().dtypes.items()}

    def to_long(self, columns: Any) -> Self:
        """Read columns as integers: names, or a `ColumnSelector`."""
        return self.convert(_chosen(columns), "long")

    def to_number(self, columns: Any, *arguments: object, **named: object) -> Self:
        """Read columns as numbers: names, or a `ColumnSelector`."""
        return self.convert(_chosen(columns), "double")

    def to_bool(self, columns: Any, *arguments: object, **named: object) -> Self:
        """Read columns as booleans: names, or a `ColumnSelector`."""
        return self.convert(_chosen(columns), "boolean")

    def to_string(self, columns: Any) -> Self:
        """Read columns as texts: names, or a `ColumnSelector`."""
        return self.convert(_chosen(columns), "string")

    def to_datetime(self, columns: Any, *arguments: object, **named: object) -> Self:
        """Read columns as times: names, or a `ColumnSelector`."""
        return self.convert(_chosen(columns), "datetime")


def auto_read_file(path: Any, include_path: bool = False) -> Dataflow:
    """Return a table of files, whose kind is found by their name and their first lines.

    Parameters
    ----------
    path:
        Path or URI of a file, a folder or a pattern; a reference to a datastore; or a list.
    include_path:
        Whether a first column says which file a row is from.
    """
    paths = as_paths(path)
    name = paths[0].lower().partition("?")[0]
    if name.endswith((".parquet", ".pq")):
        return read_parquet_file(path, include_path)
    if name.endswith((".json", ".jsonl")):
        return Dataflow.from_files(paths, "json_lines", ReadOptions(include_path=include_path))
    options = ReadOptions(separator="", include_path=include_path)
    return Dataflow.from_files(paths, "delimited", options)


smart_read_file = auto_read_file


def read_csv(
    path: Any,
    separator: str = ",",
    header: PromoteHeadersMode | bool | int = PromoteHeadersMode.CONSTANTGROUPED,
    encoding: Any = "utf8",
    quoting: bool = False,
    inference_arguments: object = None,
    skip_rows: int = 0,
    skip_mode: object = None,
    comment: str | None = None,
    include_path: bool = False,
    archive_options: object = None,
    infer_column_types: bool = False,
    verify_exists: bool = True,
    **more: object,
) -> Dataflow:
    """Return a table of text files.

    Parameters
    ----------
    path:
        As of `auto_read_file`.
    separator, header, encoding:
        Of the text.
    skip_rows:
        Number of rows that are left out, after the header.
    include_path:
        Whether a first column says which file a row is from.
    infer_column_types:
        Whether numbers, booleans and dates are found; else every value is text.
    """
    options = ReadOptions(
        separator=separator,
        header=bool(header),
        encoding=str(getattr(encoding, "name", encoding)).lower(),
        infer_types=infer_column_types or inference_arguments is not None,
        include_path=include_path,
    )
    flow = Dataflow.from_files(as_paths(path), "delimited", options)
    return flow.skip(skip_rows) if skip_rows else flow


def read_parquet_file(path: Any, include_path: bool = False, **more: object) -> Dataflow:
    """Return a table of Parquet files."""
    return Dataflow.from_files(as_paths(path), "parquet", ReadOptions(include_path=include_path))


def read_pandas_dataframe(df: pd.DataFrame, *arguments: object, **named: object) -> Dataflow:
    """Return a table in memory as a `Dataflow`."""
    return Dataflow.of(df)


def _chosen(columns: Any) -> Any:
    if isinstance(columns, ColumnSelector):
        return columns.pattern
    return [columns] if isinstance(columns, str) else list(columns)
