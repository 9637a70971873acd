"""Tables in files."""

from __future__ import annotations

import os
from typing import Any

import pandas as pd

from engine.errors import DataException


def read_table(path: Any) -> Any:
    """A CSV or Parquet file or URI as a DataFrame; anything else as it is.

    Raises
    ------
    DataException
        When it cannot be read, or ends in neither ``.csv`` nor ``.parquet``.
    """
    if not isinstance(path, str | os.PathLike):
        return path
    name = str(path).partition("?")[0].lower()
    try:
        if name.endswith((".csv", ".csv.gz", ".tsv")):
            return pd.read_csv(path, sep="\t" if name.endswith(".tsv") else ",")
        if name.endswith((".parquet", ".pq")):
            return pd.read_parquet(path)
    except Exception as error:
        raise DataException(f"cannot read {path}: {type(error).__name__}: {error}") from error
    raise DataException(f"cannot tell what {path} is: its name must end in .csv or .parquet")
