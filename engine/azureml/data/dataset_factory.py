"""Factories of data sets: ``Dataset.Tabular`` and ``Dataset.File``."""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pandas as pd

from engine.azureml.data.file_dataset import FileDataset
from engine.azureml.data.paths import as_paths
from engine.azureml.data.tabular_dataset import TabularDataset
from engine.azureml.unavailable import SPARK, NotAvailable
from engine.client.datastores import Datastore
from engine.data.table_source import ReadOptions
from engine.errors import ConfigException, DataException


@dataclass(frozen=True)
class DataType:
    """Type of a column, for ``set_column_types``.

    Examples
    --------
    >>> DataType.to_datetime("%Y-%m-%d").date_format
    '%Y-%m-%d'
    """

    kind: str
    date_format: str | None = None

    @staticmethod
    def to_string() -> DataType:
        """Return the type of texts."""
        return DataType("string")

    @staticmethod
    def to_long() -> DataType:
        """Return the type of integers."""
        return DataType("long")

    @staticmethod
    def to_float(decimal_mark: str = ".") -> DataType:
        """Return the type of numbers."""
        return DataType("double")

    @staticmethod
    def to_bool(*arguments: object, **named: object) -> DataType:
        """Return the type of booleans."""
        return DataType("boolean")

    @staticmethod
    def to_datetime(formats: str | Sequence[str | None] | None = None) -> DataType:
        """Return the type of times, with a format of `datetime.strptime`."""
        given = [formats] if isinstance(formats, str) else formats or [None]
        return DataType("datetime", given[0])


class TabularDatasetFactory:
    """Makes tables of files.

    Examples
    --------
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("age,left\\n30,no\\n41,yes\\n")
    ...     file.flush()
    ...     data = TabularDatasetFactory.from_delimited_files(file.name)
    ...     data.take(1).to_pandas_dataframe()["age"].tolist()
    [30]
    """

    @staticmethod
    def from_delimited_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        infer_column_types: bool = True,
        set_column_types: Mapping[str, DataType] | None = None,
        separator: str = ",",
        header: Any = True,
        partition_format: str | None = None,
        support_multi_line: bool = False,
        empty_as_string: bool = False,
        encoding: str = "utf8",
    ) -> TabularDataset:
        """Make a table of text files, such as CSV files.

        Parameters
        ----------
        path:
            Path or URI of a file, a folder or a pattern; ``(datastore, path)``;
            ``datastore.path(...)``; or a list of these. Local files must be there.
        validate:
            Look at once whether there are such files.
        include_path:
            Whether a first column ``Path`` says which file a row is from.
        infer_column_types:
            Whether numbers, booleans and dates are found; else every value is text.
        set_column_types:
            Column -> `DataType`.
        separator, header, encoding:
            Of the text. ``header=False``: there is none, and columns are ``Column1``, ...
        partition_format:
            Not available.
        support_multi_line:
            Values in quotes may always hold line breaks.
        empty_as_string:
            Whether empty values are empty texts instead of missing.

        Raises
        ------
        DataException
            When there is no such file, with ``validate``.
        ConfigException
            For ``partition_format``.
        """
        _no_partitions(partition_format)
        types = set_column_types or {}
        options = ReadOptions(
            separator=separator,
            header=_has_header(header),
            encoding=encoding,
            infer_types=infer_column_types,
            column_types={column: kind.kind for column, kind in types.items()},
            date_formats={c: k.date_format for c, k in types.items() if k.date_format is not None},
            include_path=include_path,
            empty_as_text=empty_as_string,
        )
        return _table(path, "delimited", options, validate)

    @staticmethod
    def from_parquet_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, DataType] | None = None,
        partition_format: str | None = None,
    ) -> TabularDataset:
        """Make a table of Parquet files; parameters as of `from_delimited_files`."""
        _no_partitions(partition_format)
        types = {column: kind.kind for column, kind in (set_column_types or {}).items()}
        options = ReadOptions(include_path=include_path, column_types=types)
        return _table(path, "parquet", options, validate)

    @staticmethod
    def from_json_lines_files(
        path: Any,
        validate: bool = True,
        include_path: bool = False,
        set_column_types: Mapping[str, DataType] | None = None,
        partition_format: str | None = None,
        invalid_lines: str = "error",
        encoding: str = "utf8",
    ) -> TabularDataset:
        """Make a table of files with a JSON object a line; see `from_delimited_files`."""
        _no_partitions(partition_format)
        types = {column: kind.kind for column, kind in (set_column_types or {}).items()}
        options = ReadOptions(include_path=include_path, column_types=types, encoding=encoding)
        return _table(path, "json_lines", options, validate)

    @staticmethod
    def register_pandas_dataframe(
        dataframe: pd.DataFrame,
        target: Any,
        name: str,
        description: str | None = None,
        tags: Mapping[str, str] | None = None,
        show_progress: bool = True,
        **more: object,
    ) -> TabularDataset:
        """Write a table to a datastore and register it under a name, as a new version.

        Parameters
        ----------
        target:
            A datastore, or a pair of a datastore and a folder in it.

        Raises
        ------
        DataException
            When it cannot be written.
        """
        datastore, folder = target if isinstance(target, tuple) else (target, "managed-dataset")
        if not isinstance(datastore, Datastore):
            raise DataException(
                f"target={target!r}: allowed is a datastore, or (datastore, 'folder')"
            )
        workspace = getattr(datastore, "workspace", None)
        if workspace is None:
            raise DataException("target is a datastore of no workspace; take it from ws.datastores")
        inside = f"{folder or 'managed-dataset'}/{uuid.uuid4()}"
        with tempfile.TemporaryDirectory(prefix="raysmith-table-") as place:
            file = Path(place) / "part-00000.parquet"
            dataframe.rename(columns=str).to_parquet(file, index=False)
            Datastore(datastore.name, datastore.location).upload(place, inside)
        table = TabularDatasetFactory.from_parquet_files((datastore, f"{inside}/{file.name}"))
        return table.register(workspace, name, description, tags, create_new_version=True)

    @staticmethod
    def from_sql_query(*arguments: object, **named: object) -> NoReturn:
        """Refuse: read the database with pandas.

        Raises
        ------
        NotAvailable
            Always.
        """
        raise NotAvailable(
            "from_sql_query is not available: give AutoMLConfig the table that pandas.read_sql "
            "returns"
        )

    @staticmethod
    def register_spark_dataframe(*arguments: object, **named: object) -> NoReturn:
        """Refuse: there is no Spark.

        Raises
        ------
        NotAvailable
            Always.
        """
        raise NotAvailable(f"register_spark_dataframe is not available: {SPARK}")


class FileDatasetFactory:
    """Makes sets of files."""

    @staticmethod
    def from_files(
        path: Any, validate: bool = True, partition_format: str | None = None, **more: object
    ) -> FileDataset:
        """Make a set of files of any kind; ``path`` as of `from_delimited_files`.

        Raises
        ------
        DataException
            When there is no such file, with ``validate``.
        """
        _no_partitions(partition_format)
        files = FileDataset(as_paths(path))
        if validate:
            _validate(files.paths)
        return files

    @staticmethod
    def upload_directory(
        src_dir: str,
        target: Any,
        pattern: str | None = None,
        overwrite: bool = False,
        show_progress: bool = True,
    ) -> FileDataset:
        """Copy a folder into a datastore and return the set of its files."""
        datastore, folder = target if isinstance(target, tuple) else (target, None)
        Datastore(datastore.name, datastore.location).upload(src_dir, folder, overwrite)
        return FileDatasetFactory.from_files((datastore, folder))


def _table(path: Any, kind: str, options: ReadOptions, validate: bool) -> TabularDataset:
    made = TabularDataset.from_files(as_paths(path), kind, options)
    if validate:
        _validate(made.source.paths)  # type: ignore[attr-defined]
    return made


def _validate(paths: tuple[str, ...]) -> None:
    """Look whether there are files; those of other machines are looked for when they are read."""
    FileDataset([path for path in paths if "://" not in path]).files()


def _has_header(header: Any) -> bool:
    """Return whether there is a header, for a boolean or a word of the service's enumeration."""
    word = str(getattr(header, "name", header)).upper().replace(" ", "_")
    return header is not None and word not in ("FALSE", "NO_HEADERS", "NONE", "0")


def _no_partitions(partition_format: str | None) -> None:
    if partition_format is not None:
        raise ConfigException(
            [
                f"partition_format={partition_format!r}: not available; give include_path=True and "
                "make the columns from the column 'Path'"
            ]
        )
