"""Tables read by the types of their columns, and the values that are lost in it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from engine.data.columns import Column
from engine.data.matrix import describe
from engine.data.values import has_too_large, is_too_large, normalise
from engine.errors import DataException, UnreadableValuesWarning

_KINDS = {"Numeric": "usable numbers", "DateTime": "dates"}
#: A share of unreadable values is unusual from this multiple of the share in training on.
_UNUSUAL = 2.0


@dataclass(frozen=True)
class Loss:
    """Values of a column that are not of its type and count as missing.

    Attributes
    ----------
    n_lost, n_present:
        Number of such values, and of all values that were there.
    example:
        The first of them, shortened.
    """

    n_lost: int
    n_present: int
    example: str

    @property
    def share(self) -> float:
        """Share of the values that are lost, between 0 and 1."""
        return self.n_lost / self.n_present

    def is_unusual(self, column: Column) -> bool:
        """Whether more is lost than training gives reason to expect.

        Examples
        --------
        >>> Loss(1, 10, "'x'").is_unusual(Column("a", "Numeric"))
        True
        >>> Loss(1, 10, "'x'").is_unusual(Column("a", "Numeric", unreadable=0.1))
        False
        """
        return self.share > _UNUSUAL * column.unreadable


def read_columns(
    frame: pd.DataFrame, columns: Sequence[Column]
) -> tuple[pd.DataFrame, dict[str, Loss]]:
    """Read each column by its type.

    Parameters
    ----------
    frame:
        Table in which the columns have their names; ignored columns may be absent.
    columns:
        Names and types.

    Returns
    -------
    tuple
        The table of the columns that are there, each in the form of its type, and column name ->
        `Loss` where values are lost.

    Raises
    ------
    DataException
        When a column holds values that cannot be read at all; names the column.

    Examples
    --------
    >>> table = pd.DataFrame({"size": ["1.5", "large", None]})
    >>> read, losses = read_columns(table, [Column("size", "Numeric")])
    >>> read["size"].tolist(), losses["size"]
    ([1.5, nan, nan], Loss(n_lost=1, n_present=2, example="str ('large')"))
    """
    frame = frame.reset_index(drop=True)
    losses: dict[str, Loss] = {}
    read = {}
    for column in columns:
        if column.name not in frame.columns:
            continue
        raw = frame[column.name]
        values = _normalised(raw, column)
        read[column.name] = values
        loss = None if values is raw else _loss(raw, values, column.purpose)
        if loss is not None:
            losses[column.name] = loss
    return pd.DataFrame(read, index=frame.index), losses


def read_rows(rows: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """Read rows to predict, and warn where more values are lost than in training.

    Columns of categories and text lose no values, and stay as they are.

    Warns
    -----
    UnreadableValuesWarning
        Names the columns and how many values count as missing.
    """
    suspects = _may_lose(rows, columns)
    if not suspects:
        return rows
    read, losses = read_columns(rows, suspects)
    warn_of_losses(losses, suspects)
    rows = rows.reset_index(drop=True)
    return pd.DataFrame({name: read[name] if name in read else rows[name] for name in rows})


def warn_of_losses(losses: Mapping[str, Loss], columns: Sequence[Column]) -> None:
    """Give an `UnreadableValuesWarning` for the losses that are unusual, if there are any."""
    unusual = [
        f"{loss.n_lost} of {loss.n_present} values of {column.name!r} are not "
        f"{_KINDS[column.purpose]}"
        for column, loss in _unusual(losses, columns)
    ]
    if unusual:
        more = f"; and of {len(unusual) - 10} more columns" if len(unusual) > 10 else ""
        warnings.warn(
            f"values that count as missing, unlike in training: {'; '.join(unusual[:10])}{more}",
            UnreadableValuesWarning,
            stacklevel=2,
        )


def notes_of_losses(
    losses: Mapping[str, Loss], columns: Sequence[Column], name: str
) -> tuple[str, ...]:
    """Return a sentence for each column of ``name`` that loses an unusual share of its values.

    Examples
    --------
    >>> notes_of_losses({"a": Loss(1, 10, "str ('x')")}, [Column("a", "Numeric")], "X")
    ("1 of 10 values of 'a' in X are not usable numbers and count as missing, for example str \
('x')",)
    """
    return tuple(
        f"{loss.n_lost} of {loss.n_present} values of {column.name!r} in {name} are "
        f"not {_KINDS[column.purpose]} and count as missing, for example {loss.example}"
        for column, loss in _unusual(losses, columns)
    )


def as_numbers(frame: pd.DataFrame) -> np.ndarray:
    """Read rows of numeric columns as float64, and warn where values are lost.

    Examples
    --------
    >>> as_numbers(pd.DataFrame({"a": [1, 2], "b": [True, False]})).tolist()
    [[1.0, 1.0], [2.0, 0.0]]
    """
    if all(getattr(dtype, "kind", "O") in "fiub" for dtype in frame.dtypes):
        values = frame.to_numpy(dtype=np.float64, na_value=np.nan)
        if not has_too_large(values):
            return values
    columns = [Column(name, "Numeric") for name in frame.columns]
    read, losses = read_columns(frame, columns)
    warn_of_losses(losses, columns)
    return read.to_numpy()


def _unusual(
    losses: Mapping[str, Loss], columns: Sequence[Column]
) -> Iterator[tuple[Column, Loss]]:
    for column in columns:
        loss = losses.get(column.name)
        if loss is not None and loss.is_unusual(column):
            yield column, loss


def _may_lose(rows: pd.DataFrame, columns: Sequence[Column]) -> list[Column]:
    """Return the columns of which reading may turn values into missing ones."""
    dtypes = dict(zip(rows.columns, rows.dtypes, strict=True))
    kinds = {name: getattr(dtype, "kind", "O") for name, dtype in dtypes.items()}
    of_numbers = [c.name for c in columns if c.purpose == "Numeric" and kinds.get(c.name) == "f"]
    too_large = set()
    if of_numbers:
        values = rows[of_numbers].to_numpy(dtype=np.float64, na_value=np.nan)
        if has_too_large(values):
            hits = np.atleast_1d(is_too_large(values).any(axis=0))
            too_large = {name for name, hit in zip(of_numbers, hits, strict=True) if hit}
    return [
        column
        for column in columns
        if column.name in dtypes
        and (
            (column.purpose == "Numeric" and kinds[column.name] not in "fiub")
            or (column.purpose == "DateTime" and kinds[column.name] != "M")
            or column.name in too_large
        )
    ]


def _normalised(raw: pd.Series, column: Column) -> pd.Series:
    try:
        return normalise(raw, column.purpose)
    except DataException:
        raise
    except Exception as error:
        raise DataException(
            f"the column {column.name!r} cannot be read as {column.purpose}: "
            f"{type(error).__name__}: {error}; convert it, or set its type in "
            "FeaturizationConfig(column_purposes=...), for example 'Ignore'"
        ) from error


def _loss(raw: pd.Series, values: pd.Series, purpose: str) -> Loss | None:
    if purpose not in _KINDS:
        return None
    present = raw.notna().to_numpy()
    lost = values.isna().to_numpy() & present
    n_lost = int(lost.sum())
    if not n_lost:
        return None
    return Loss(n_lost, int(present.sum()), describe(raw.iloc[int(lost.argmax())]))
