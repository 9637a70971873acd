"""Files of one kind that are read as one table, wherever fsspec finds them."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import IO, Any

import fsspec
import numpy as np
import pandas as pd

from engine.errors import DataException

#: Values of a text column that look like dates, and the share of rows that is looked at.
_DATES = (
    r"\s*(\d{4}-\d{1,2}-\d{1,2}|\d{1,2}/\d{1,2}/\d{4})([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?Z?\s*"
)
_LOOKED_AT = 200
_SNIFFED_BYTES = 65_536
#: Names that pandas has no codec for, or reads with a mark at the beginning.
_ENCODINGS = {
    "utf8": "utf-8-sig",
    "utf-8": "utf-8-sig",
    "utf8bom": "utf-8-sig",
    "iso88591": "iso8859-1",
    "windows1252": "cp1252",
}
_NUMBERS = ("long", "double", "decimal")


class FileKind(StrEnum):
    """Kind of files that tables are read from."""

    DELIMITED = "delimited"
    PARQUET = "parquet"
    JSON_LINES = "json_lines"


@dataclass(frozen=True)
class ReadOptions:
    """How files are read.

    Attributes
    ----------
    separator:
        What separates the values of text files; empty: found in the first lines.
    header:
        Whether the first line of a text file has the column names; else they are ``Column1``, ...
    encoding:
        Name of the text's encoding.
    infer_types:
        Whether numbers, booleans and dates are found in text files; else every value is text.
    column_types:
        Column -> ``string``, ``long``, ``double``, ``boolean`` or ``datetime``.
    date_formats:
        Column -> format of its dates, for ``datetime``.
    include_path:
        Whether a first column ``Path`` says which file a row is from.
    empty_as_text:
        Whether empty values are empty texts instead of missing.
    """

    separator: str = ","
    header: bool = True
    encoding: str = "utf8"
    infer_types: bool = True
    column_types: Mapping[str, str] = field(default_factory=dict)
    date_formats: Mapping[str, str] = field(default_factory=dict)
    include_path: bool = False
    empty_as_text: bool = False


@dataclass(frozen=True)
class TableFilesSource:
    """Files that are read as one table, one below the other.

    Attributes
    ----------
    paths:
        Files, folders and patterns (``*``, ``?``, ``**``): local paths, or URIs that fsspec reads.
    kind:
        Kind of the files.
    options:
        How they are read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for number in (1, 2):
    ...         _ = pathlib.Path(folder, f"part{number}.csv").write_text(f"a,b\\n{number},x\\n")
    ...     TableFilesSource((folder,)).read()["a"].tolist()
    [1, 2]
    """

    paths: tuple[str, ...]
    kind: FileKind = FileKind.DELIMITED
    options: ReadOptions = field(default_factory=ReadOptions)

    def files(self) -> list[tuple[str, str]]:
        """List the files: the name of each, and the URI or path by which it is opened.

        Raises
        ------
        DataException
            When there are none.
        """
        return [found for path in self.paths for found in files_at(path)]

    def read(self) -> pd.DataFrame:
        """Read the files.

        Raises
        ------
        DataException
            When a file does not exist or cannot be read; says why.
        """
        frames = [self._read_one(name, place) for name, place in self.files()]
        whole = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
        return whole.reset_index(drop=True)

    def _read_one(self, name: str, place: str) -> pd.DataFrame:
        try:
            with open_file(place) as file:
                frame = self._table(file)
        except DataException:
            raise
        except Exception as error:
            raise unreadable(place, error) from error
        if self.options.include_path:
            frame.insert(0, "Path", name)
        return frame

    def _table(self, file: IO[bytes]) -> pd.DataFrame:
        if self.kind is FileKind.PARQUET:
            return _converted(pd.read_parquet(file), self.options)
        encoding = _ENCODINGS.get(self.options.encoding.lower(), self.options.encoding)
        if self.kind is FileKind.JSON_LINES:
            lines = file.read().decode(encoding).splitlines()
            # pandas.read_json would take numbers for dates where the column's name sounds so.
            frame = pd.DataFrame([json.loads(line) for line in lines if line.strip()])
            return _converted(_with_dates(frame), self.options)
        options = self.options
        separator = options.separator or _separator(file, encoding)
        frame = pd.read_csv(
            file,
            # pandas takes a longer one for a regular expression.
            sep=separator if len(separator) == 1 else re.escape(separator),
            header=0 if options.header else None,
            encoding=encoding,
            engine="c" if len(separator) == 1 else "python",
            dtype={} if options.infer_types else str,
            keep_default_na=not options.empty_as_text,
        )
        if not options.header:
            frame.columns = [f"Column{number + 1}" for number in range(frame.shape[1])]
        return _converted(_with_dates(frame) if options.infer_types else frame, options)


def files_at(path: str | os.PathLike[str]) -> list[tuple[str, str]]:
    """List the files of a path, folder, pattern or URI: name and place of each, sorted by name.

    Names are relative to the folder, or to the part before the first pattern, and begin with ``/``.

    Raises
    ------
    DataException
        When there are none, or no library reads such a URI.
    """
    text = os.fspath(path)
    if text.startswith(("http://", "https://")):
        return [("/" + text.partition("?")[0].rpartition("/")[2], text)]
    try:
        system, inside = fsspec.core.url_to_fs(text)
    except (ImportError, ValueError) as error:
        raise DataException(
            f"cannot read {text}: {error}; install the library that fsspec names for it"
        ) from error
    try:
        if any(sign in inside for sign in "*?["):
            found = [place for place in system.glob(inside) if system.isfile(place)]
            folder = inside[: min(inside.find(s) for s in "*?[" if s in inside)].rpartition("/")[0]
            if not _is_hidden(inside[len(folder) :]):
                found = [place for place in found if not _is_hidden(place[len(folder) :])]
        elif system.isdir(inside):
            folder = inside
            found = [place for place in system.find(inside) if not _is_hidden(place[len(folder) :])]
        else:
            found, folder = [inside] if system.exists(inside) else [], inside.rpartition("/")[0]
    except Exception as error:
        raise unreadable(text, error) from error
    if not found:
        raise DataException(f"there is no file at {text}; give a file, a folder or a pattern")
    return [
        ("/" + place[len(folder) :].lstrip("/"), system.unstrip_protocol(place))
        for place in sorted(found)
    ]


def open_file(place: str, decompress: bool = True) -> Any:
    """Open a local file or a URI for reading bytes.

    Parameters
    ----------
    place:
        Path or URI.
    decompress:
        Whether a file whose name ends as that of a compressed one is decompressed.

    Raises
    ------
    DataException
        When a web address cannot be reached.
    """
    if place.startswith(("http://", "https://")):
        return _open_address(place)
    return fsspec.open(place, "rb", compression="infer" if decompress else None).open()


def unreadable(place: object, error: Exception) -> DataException:
    """Return the error for a file that cannot be read."""
    return DataException(f"cannot read {place}: {type(error).__name__}: {error}")


def _open_address(address: str) -> IO[bytes]:
    import io
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(address, timeout=20) as answer:
            return io.BytesIO(answer.read())
    except (urllib.error.URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        raise DataException(
            f"cannot read {address}: {reason}; this machine may have no network, or the address is "
            "gone. Download the file and give its path"
        ) from error


def _separator(file: IO[bytes], encoding: str) -> str:
    """Return what separates the values in the first lines: comma, semicolon, tab or bar."""
    lines = file.read(_SNIFFED_BYTES).decode(encoding, errors="replace").splitlines()[:20]
    file.seek(0)
    try:
        return csv.Sniffer().sniff("\n".join(lines), delimiters=",;\t|").delimiter
    except csv.Error:
        return ","


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "_")) for part in name.split("/") if part)


def _with_dates(frame: pd.DataFrame) -> pd.DataFrame:
    """Read the columns of texts that all look like dates as dates."""
    for column in frame.columns[[dtype.kind == "O" or dtype == "str" for dtype in frame.dtypes]]:
        values = frame[column].dropna()
        first = values.head(_LOOKED_AT)
        if not len(first) or not all(isinstance(value, str) for value in first):
            continue
        if first.str.fullmatch(_DATES).all():
            dates = pd.to_datetime(values, format="mixed", errors="coerce")
            if dates.notna().all():
                frame[column] = pd.to_datetime(frame[column], format="mixed", errors="coerce")
    return frame


def _converted(frame: pd.DataFrame, options: ReadOptions) -> pd.DataFrame:
    for column, kind in options.column_types.items():
        if column not in frame.columns:
            raise DataException(
                f"column_types: there is no column {column!r}; there are {list(frame.columns)[:50]}"
            )
        frame[column] = as_kind(frame[column], kind, options.date_formats.get(column))
    return frame


def as_kind(values: pd.Series, kind: str, date_format: str | None = None) -> pd.Series:
    """Return a column as ``string``, ``long``, ``double``, ``boolean`` or ``datetime``.

    What cannot be read is missing.

    Raises
    ------
    DataException
        For another kind.

    Examples
    --------
    >>> as_kind(pd.Series(["1", "2"]), "long").tolist()
    [1, 2]
    """
    if kind == "string":
        return values.map(str, na_action="ignore")
    if kind == "datetime":
        return pd.to_datetime(values, format=date_format or "mixed", errors="coerce")
    if kind == "boolean":
        words = {"true": True, "1": True, "false": False, "0": False}
        return values.map(lambda v: words.get(str(v).lower(), np.nan), na_action="ignore")
    if kind in _NUMBERS:
        read = pd.to_numeric(values, errors="coerce")
        return read.round().astype("Int64") if kind == "long" else read.astype(float)
    raise DataException(
        f"column type {kind!r}: allowed are string, long, double, boolean and datetime"
    )
