"""Tables in files."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeVar

import pandas as pd

from engine.errors import DataException
from engine.uris import hide_password, secrets_of

Table = TypeVar("Table")

#: Ending of a name -> what separates the values.
_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zst", ".zip")
_PARQUET = (".parquet", ".pq")
#: Beginning of a text file -> its encoding. Without one of these it is read as UTF-8.
_MARKS = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def are_read_by_trials(tables: Iterable[object], is_remote: bool) -> bool:
    """Whether all tables are files that the trials can read themselves.

    Parameters
    ----------
    is_remote:
        Whether the trials run on other machines, where a file is found by its URI only.

    Examples
    --------
    >>> are_read_by_trials(["people.csv"], False), are_read_by_trials(["people.csv"], True)
    (True, False)
    >>> are_read_by_trials(["s3://bucket/people.csv"], True)
    True
    """
    return all(
        isinstance(table, str | os.PathLike) and (not is_remote or "://" in str(table))
        for table in tables
    )


def read_table(table: Table) -> Table | pd.DataFrame:
    """Read a CSV or Parquet file; return anything but a path as it is.

    Parameters
    ----------
    table:
        A path or URI that ends in ``.csv`` or ``.tsv``, perhaps compressed (``.gz``, ``.bz2``,
        ``.xz``, ``.zst``, ``.zip``), or in ``.parquet`` or ``.pq``; a folder of Parquet files; or
        a table. Text is UTF-8, or UTF-16 with a byte order mark.

    Raises
    ------
    DataException
        When the file cannot be read, its name ends otherwise, or its text is not UTF-8 or has
        another separator.

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
    engine.errors.DataException: cannot tell what people.xls is: its name must end in .csv, .tsv \
or .parquet
    """
    if not isinstance(table, str | os.PathLike):
        return table
    uri = str(table)
    shown = hide_password(uri)
    try:
        separator = _separator(table)
        if separator is not None:
            return _read_text(table, separator)
        if _is_parquet(table):
            return pd.read_parquet(table)
    except DataException:
        raise
    except UnicodeDecodeError as error:
        raise DataException(
            f"cannot read {shown}: its text is not UTF-8 ({error.reason} at byte {error.start}); "
            "convert it, or read it with pandas.read_csv(..., encoding=...) and give the table"
        ) from error
    except Exception as error:
        reason = str(error).replace(uri, shown)
        for secret in secrets_of(uri):
            reason = reason.replace(secret, "***")
        refused = DataException(f"cannot read {shown}: {type(error).__name__}: {reason}")
        # Not chained where the text of the cause may hold a password.
        raise refused from (error if shown == uri else None)
    raise DataException(f"cannot tell what {shown} is: its name must end in .csv, .tsv or .parquet")


def _separator(table: str | os.PathLike[str]) -> str | None:
    """Return what separates the values of a text file; ``None`` for another kind of file."""
    name = _name(table)
    for ending in _COMPRESSIONS:
        name = name.removesuffix(ending)
    return next((sep for ending, sep in _SEPARATORS.items() if name.endswith(ending)), None)


def _is_parquet(table: str | os.PathLike[str]) -> bool:
    if _name(table).rstrip("/").endswith(_PARQUET):
        return True
    folder = Path(table)
    return folder.is_dir() and any(f.suffix in _PARQUET for f in folder.rglob("*"))


def _name(table: str | os.PathLike[str]) -> str:
    """Return a path in lower case, a URI without its query."""
    text = os.fspath(table).lower()
    return text.partition("?")[0] if "://" in text else text


def _read_text(table: str | os.PathLike[str], separator: str) -> pd.DataFrame:
    frame = pd.read_csv(table, sep=separator, encoding=_encoding(table))
    heading = str(frame.columns[0])
    others = [other for other in (";", "\t", "|", ",") if other != separator and other in heading]
    if frame.shape[1] == 1 and others:
        raise DataException(
            f"{hide_password(str(table))} has one column, {heading!r}: its values seem to be "
            f"separated by {others[0]!r}, not by {separator!r}; read it with pandas.read_csv(..., "
            f"sep={others[0]!r}) and give the table"
        )
    return frame


def _encoding(table: str | os.PathLike[str]) -> str:
    if "://" in os.fspath(table) or not Path(table).is_file():
        return "utf-8"
    with Path(table).open("rb") as file:
        return _MARKS.get(file.read(2), "utf-8")
