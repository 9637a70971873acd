"""`Dataset`: tables and files, registered in a workspace."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd

from engine.azureml.data.abstract_dataset import AbstractDataset
from engine.azureml.data.dataset_factory import FileDatasetFactory, TabularDatasetFactory
from engine.azureml.data.tabular_dataset import TabularDataset
from engine.client.datasets import HasFolder


class Dataset:
    """Makes tables and sets of files, and opens registered ones.

    ``Dataset.Tabular`` and ``Dataset.File`` are the factories. The other methods are those of the
    first versions.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.NamedTemporaryFile("w", suffix=".csv") as file:
    ...     _ = file.write("a,y\\n1,2\\n")
    ...     file.flush()
    ...     Dataset.Tabular.from_delimited_files(path=file.name).to_pandas_dataframe()["y"].tolist()
    [2]
    """

    Tabular: ClassVar[type[TabularDatasetFactory]] = TabularDatasetFactory
    File: ClassVar[type[FileDatasetFactory]] = FileDatasetFactory

    get_by_name = staticmethod(AbstractDataset.get_by_name)
    get_by_id = staticmethod(AbstractDataset.get_by_id)
    get_all = staticmethod(AbstractDataset.get_all)

    @staticmethod
    def get(
        workspace: HasFolder, name: str | None = None, id: str | None = None
    ) -> AbstractDataset:
        """Open a registered data set by its name or its id."""
        if id is not None:
            return AbstractDataset.get_by_id(workspace, id)
        return AbstractDataset.get_by_name(workspace, str(name))

    @staticmethod
    def list(workspace: HasFolder) -> list[AbstractDataset]:
        """Return the latest versions of the registered data sets."""
        return [*AbstractDataset.get_all(workspace).values()]

    @staticmethod
    def from_delimited_files(path: Any, **options: Any) -> TabularDataset:
        """Make a table of text files; see `TabularDatasetFactory.from_delimited_files`."""
        return TabularDatasetFactory.from_delimited_files(path, **options)

    @staticmethod
    def from_parquet_files(path: Any, **options: Any) -> TabularDataset:
        """Make a table of Parquet files; see `TabularDatasetFactory.from_parquet_files`."""
        return TabularDatasetFactory.from_parquet_files(path, **options)

    @staticmethod
    def auto_read_files(path: Any, include_path: bool = False) -> TabularDataset:
        """Make a table of files, whose kind is found by their name and their first lines."""
        from engine.azureml.dataprep import auto_read_file

        return TabularDataset(auto_read_file(path, include_path).source)

    @staticmethod
    def from_pandas_dataframe(dataframe: pd.DataFrame, **more: object) -> TabularDataset:
        """Return a table in memory as a data set."""
        return TabularDataset.of(dataframe)
