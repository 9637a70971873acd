"""Counts of the training data by which rows that come later are compared with it.

The summary goes with a registered model. It holds no rows: ten bins between quantiles, or the most
frequent categories, with counts.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.dataset import Dataset, column_of, rows_of
from engine.data.raw_types import RawType
from engine.data.values import normalise, without_too_large

#: Version of the JSON form.
_VERSION = 1
#: Rows that are counted, spread evenly over the data, and columns.
_COUNTED_ROWS, _COUNTED_COLUMNS = 100_000, 500
_BINS = 10
_MOST_CATEGORIES = 20
#: A category of fewer rows is counted with the others, as it could name a person.
_FEWEST_ROWS = 5
#: An empty bin counts as this share, so that the logarithm is finite.
_LEAST_SHARE = 1e-4

_CATEGORICAL = ("Categorical", "CategoricalHash")


@dataclass(frozen=True)
class ColumnSummary:
    """How the values of a column are distributed.

    Attributes
    ----------
    name:
        Name of the column.
    purpose:
        Its type, one of `engine.data.featurization.PURPOSES`. Columns that are ignored have no
        counts.
    raw_type:
        What the values were before they were read, one of `engine.data.raw_types.RawType`.
    edges:
        Edges between the bins, ascending: quantiles of the numbers, of the dates in seconds since
        1970, or of the lengths of the texts. A value on an edge is in the bin below it.
    categories:
        The most frequent categories, the first most often.
    counts:
        Training rows in each bin and, in the last place, with a missing value; or of each
        category, of all others, and with a missing value. Empty without counts.

    Examples
    --------
    >>> table = pd.DataFrame({"colour": ["red"] * 6 + ["blue"] * 5 + ["odd", None]})
    >>> colour = ColumnSummary.of(table["colour"], "Categorical")
    >>> colour.categories, colour.counts
    (('red', 'blue'), (6, 5, 1, 1))
    >>> later = pd.Series(["blue", "green", "green"])
    >>> colour.count(later).tolist()
    [0, 1, 2, 0]
    >>> round(colour.stability_index(colour.count(later)), 2)
    5.68
    >>> colour.stability_index(colour.counts)
    0.0
    """

    name: str
    purpose: str
    raw_type: RawType = RawType.OTHER
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()

    @classmethod
    def of(
        cls, values: pd.Series, purpose: str, raw_type: RawType = RawType.OTHER, name: str = ""
    ) -> Self:
        """Count the values of a column, which may be raw or read already."""
        name = name or str(values.name)
        if purpose in _CATEGORICAL:
            sizes = normalise(values, purpose).value_counts()
            sizes = sizes[sizes >= _FEWEST_ROWS][:_MOST_CATEGORIES]
            empty = cls(name, purpose, raw_type, categories=tuple(map(str, sizes.index)))
        elif purpose == "Ignore":
            return cls(name, purpose, raw_type)
        else:
            numbers = _as_numbers(values, purpose)
            numbers = numbers[~np.isnan(numbers)]
            shares = np.arange(1, _BINS) / _BINS
            edges = np.unique(np.quantile(numbers, shares)) if len(numbers) else numbers
            empty = cls(name, purpose, raw_type, edges=tuple(edges.tolist()))
        counts = tuple(empty.count(values).tolist())
        return cls(name, purpose, raw_type, empty.edges, empty.categories, counts)

    def count(self, values: pd.Series) -> NDArray[np.int64]:
        """Count other values of the column in the places of `counts`.

        Values that are not of the column's type count as missing.
        """
        if self.purpose == "Ignore":
            return np.empty(0, dtype=np.int64)
        if self.purpose in _CATEGORICAL:
            read = normalise(values, self.purpose)
            place = {category: index for index, category in enumerate(self.categories)}
            n_places = len(place) + 2
            of_category = [place.get(str(c), n_places - 2) for c in read.cat.categories]
            # A missing value has the code -1, which takes the last place.
            places = np.array([*of_category, n_places - 1])[read.cat.codes.to_numpy()]
        else:
            numbers = _as_numbers(values, self.purpose)
            n_places = len(self.edges) + 2
            places = np.searchsorted(np.asarray(self.edges), numbers, side="left")
            places[np.isnan(numbers)] = n_places - 1
        return np.bincount(places, minlength=n_places)

    def stability_index(self, counts: Sequence[int] | NDArray[np.int64]) -> float:
        """Return the population stability index of counts of other rows.

        The index is the sum over bins of (actual - expected) ln(actual / expected), of shares of
        rows. By a rule of thumb it is stable below 0.1, and has changed much from 0.25 on.
        Few rows give a large index by chance: about (bins - 1) / rows is expected without change.

        Parameters
        ----------
        counts:
            Rows in each place, as `count` returns them, or the sum of several such counts.

        Returns
        -------
        float
            0 without rows, and for a column without counts.

        Raises
        ------
        ValueError
            When there are not as many counts as places.
        """
        if len(counts) != len(self.counts):
            raise ValueError(
                f"{len(counts)} counts of column {self.name!r}; it has {len(self.counts)} places"
            )
        if not sum(counts) or not sum(self.counts):
            return 0.0
        expected, actual = _shares(self.counts), _shares(counts)
        return float(np.sum((actual - expected) * np.log(actual / expected)))


@dataclass(frozen=True)
class TrainingSummary:
    """How the columns of the training data are distributed.

    Attributes
    ----------
    n_rows:
        Training rows.
    n_counted:
        Rows that were counted: all, or 100,000 that are spread evenly over the data.
    columns:
        The columns in their order. The first 500 have counts.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> table = pd.DataFrame({"age": [20.0, 30.0, 40.0, None], "town": ["Rome", "Oslo"] * 2})
    >>> summary = TrainingSummary.of(check_data({"X": table[["age"]], "y": [0, 1, 0, 1]},
    ...                                         "classification"))
    >>> summary.n_rows, summary.columns[0].counts[-1]
    (4, 1)
    >>> TrainingSummary.from_json(summary.to_json()) == summary
    True
    >>> counts = summary.count(pd.DataFrame({"age": [90.0, 95.0]}))
    >>> summary.stability_indices(counts)["age"] > 0.25
    True
    """

    n_rows: int
    n_counted: int
    columns: tuple[ColumnSummary, ...]

    @classmethod
    def of(cls, dataset: Dataset) -> Self:
        """Summarise the training part of a dataset."""
        step = max(1, -(-dataset.n_rows // _COUNTED_ROWS))
        rows = rows_of(dataset.X, np.arange(0, dataset.n_rows, step))
        kinds = dataset.raw_types
        if len(kinds) != len(dataset.columns):
            kind = RawType.OTHER if dataset.named else RawType.FLOAT
            kinds = (kind,) * len(dataset.columns)
        columns = []
        for index, (column, kind) in enumerate(zip(dataset.columns, kinds, strict=True)):
            if index < _COUNTED_COLUMNS:
                values = column_of(rows, index)
                columns.append(ColumnSummary.of(values, column.purpose, kind, column.name))
            else:
                columns.append(ColumnSummary(column.name, column.purpose, kind))
        return cls(dataset.n_rows, int(rows.shape[0]), tuple(columns))

    @cached_property
    def counted(self) -> Mapping[str, ColumnSummary]:
        """Name -> column, of the columns that have counts."""
        return {column.name: column for column in self.columns if column.counts}

    def without_counts(self) -> Self:
        """Return names and types alone, for data of which nothing may be kept."""
        columns = tuple(ColumnSummary(c.name, c.purpose, c.raw_type) for c in self.columns)
        return type(self)(self.n_rows, 0, columns)

    def count(self, table: pd.DataFrame) -> dict[str, NDArray[np.int64]]:
        """Count the values of other rows, column by column.

        Counts of several tables can be added. Columns that the table lacks are left out.

        Parameters
        ----------
        table:
            Raw rows, in columns with the names of training.
        """
        return {
            name: column.count(table[name])
            for name, column in self.counted.items()
            if name in table.columns
        }

    def stability_indices(
        self, counts: Mapping[str, Sequence[int] | NDArray[np.int64]]
    ) -> dict[str, float]:
        """Return the population stability index of each column in ``counts``.

        See `ColumnSummary.stability_index`.
        """
        return {name: self.counted[name].stability_index(found) for name, found in counts.items()}

    def to_json(self) -> str:
        """Return the summary as JSON: an object with the attributes, and ``version``."""
        return json.dumps({"version": _VERSION, **asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote.

        Raises
        ------
        ValueError
            When the text is not a summary, or one of a later version.

        Examples
        --------
        >>> TrainingSummary.from_json('{"version": 9}')
        Traceback (most recent call last):
        ...
        ValueError: version 9 of a training summary; this raysmith reads up to version 1
        """
        content = json.loads(text)
        if not isinstance(content, dict) or not isinstance(content.get("version"), int):
            raise ValueError("not a training summary: an object with 'version' is expected")
        if content["version"] > _VERSION:
            raise ValueError(
                f"version {content['version']} of a training summary; this raysmith reads up to "
                f"version {_VERSION}"
            )
        try:
            columns = tuple(_column_of(entry) for entry in content["columns"])
            return cls(int(content["n_rows"]), int(content["n_counted"]), columns)
        except (KeyError, TypeError) as error:
            raise ValueError(f"not a training summary: {error!r}") from error


def _column_of(entry: Mapping[str, Any]) -> ColumnSummary:
    return ColumnSummary(
        entry["name"],
        entry["purpose"],
        RawType(entry["raw_type"]),
        tuple(float(edge) for edge in entry["edges"]),
        tuple(entry["categories"]),
        tuple(int(count) for count in entry["counts"]),
    )


def _as_numbers(values: pd.Series, purpose: str) -> NDArray[np.float64]:
    """Return a number for each value, NaN where it is missing."""
    if purpose == "Numeric" and values.dtype == np.float64:
        return without_too_large(values.to_numpy())
    read = normalise(values, purpose)
    if purpose == "DateTime":
        seconds = (read - pd.Timestamp(0)).dt.total_seconds()
        return np.asarray(seconds.to_numpy(dtype=np.float64, na_value=np.nan))
    if purpose == "Text":
        lengths = read.str.len().to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(lengths == 0, np.nan, lengths)
    return read.to_numpy(dtype=np.float64, na_value=np.nan)


def _shares(counts: Sequence[int] | NDArray[np.int64]) -> NDArray[np.float64]:
    found = np.asarray(counts, dtype=np.float64)
    return np.maximum(found / found.sum(), _LEAST_SHARE)
