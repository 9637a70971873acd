"""Tables in files."""

from __future__ import annotations

import os
from typing import TypeVar

import pandas as pd

from engine.errors import DataException

Table = TypeVar("Table")


def read_table(table: Table) -> Table | pd.DataFrame:
    """Read a CSV or Parquet file; return anything but a path as it is.

    Parameters
    ----------
    table:
        A path or URI that ends in ``.csv``, ``.csv.gz``, ``.tsv``, ``.parquet`` or ``.pq``, or a
        table.

    Raises
    ------
    DataException
        When the file cannot be read or its name ends otherwise.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder) / "people.csv"
    ...     _ = file.write_text("age,city\\n30,Rome\\n")
    ...     read_table(file)
       age  city
    0   30  Rome
    >>> read_table("people.xls")
    Traceback (most recent call last):
    ...
    engine.errors.DataException: cannot tell what people.xls is: its name must end in .csv or \
.parquet
    """
    if not isinstance(table, str | os.PathLike):
        return table
    name = str(table).partition("?")[0].lower()
    try:
        if name.endswith((".csv", ".csv.gz", ".tsv")):
            return pd.read_csv(table, sep="\t" if name.endswith(".tsv") else ",")
        if name.endswith((".parquet", ".pq")):
            return pd.read_parquet(table)
    except Exception as error:
        raise DataException(f"cannot read {table}: {type(error).__name__}: {error}") from error
    raise DataException(f"cannot tell what {table} is: its name must end in .csv or .parquet")
