"""`TabularDataset`: a table that is read and transformed when it is needed."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Protocol, Self

import numpy as np
import pandas as pd

from engine.data.table_source import FileKind, ReadOptions, TableFilesSource, as_kind
from engine.errors import DataException


class TableSource(Protocol):
    """Where a table comes from."""

    def read(self) -> pd.DataFrame:
        """Return the table, which the caller may change.

        Raises
        ------
        DataException
            When it cannot be read.
        """
        ...


@dataclass(frozen=True, eq=False)
class FrameSource:
    """A table in memory."""

    frame: pd.DataFrame = field(repr=False)

    def read(self) -> pd.DataFrame:
        """Return a copy of the table, its rows numbered from 0."""
        return self.frame.reset_index(drop=True)


@dataclass(frozen=True)
class Step:
    """One transformation of a table: a name of `STEPS`, and its arguments in JSON values."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return the transformed table, its rows numbered from 0."""
        return STEPS[self.name](frame, **self.arguments).reset_index(drop=True)


class TabularDataset:
    """A table that is read when it is needed, and the steps that are then done to it.

    Nothing is read before `to_pandas_dataframe`. Every method that changes the table returns a new
    object. `AutoMLConfig` takes it wherever it takes a table.

    Parameters
    ----------
    source:
        Where the table comes from.
    steps:
        What is done to it, in this order.

    Examples
    --------
    >>> frame = pd.DataFrame({"age": [30, 41, 52], "city": ["Rome", "Oslo", None]})
    >>> people = TabularDataset.of(frame)
    >>> people.drop_nulls("city").keep_columns(["age"]).to_pandas_dataframe()["age"].tolist()
    [30, 41]
    >>> train, test = people.random_split(0.67, seed=1)
    >>> len(train.to_pandas_dataframe()), len(test.to_pandas_dataframe())
    (2, 1)
    """

    def __init__(self, source: TableSource, steps: Sequence[Step] = ()) -> None:
        self.source = source
        self.steps = tuple(steps)

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Self:
        """Return a dataset of a table in memory."""
        return cls(FrameSource(frame))

    @classmethod
    def from_files(
        cls, paths: Sequence[str], kind: str = "delimited", options: ReadOptions | None = None
    ) -> Self:
        """Return a dataset of files: ``delimited`` text, ``parquet`` or ``json_lines``."""
        return cls(TableFilesSource(tuple(paths), FileKind(kind), options or ReadOptions()))

    def __repr__(self) -> str:
        done = "".join(f".{step.name}" for step in self.steps)
        where = self.source.paths if isinstance(self.source, TableFilesSource) else "in memory"
        return f"{type(self).__name__}({where}){done}"

    def to_pandas_dataframe(self) -> pd.DataFrame:
        """Read the table and do the steps.

        Raises
        ------
        DataException
            When the source cannot be read, or a step names a column that is not there.
        """
        frame = self.source.read()
        for step in self.steps:
            frame = step(frame)
        return frame

    def then(self, name: str, **arguments: Any) -> Self:
        """Return the dataset with one more step, a name of `STEPS` and its arguments."""
        changed = type(self).__new__(type(self))
        changed.__dict__.update(self.__dict__)
        changed.steps = (*self.steps, Step(name, arguments))
        return changed

    def take(self, count: int) -> Self:
        """Keep the first ``count`` rows."""
        return self.then("take", count=_count(count))

    def skip(self, count: int) -> Self:
        """Leave out the first ``count`` rows."""
        return self.then("skip", count=_count(count))

    def keep_columns(self, columns: Any) -> Self:
        """Keep these columns, in this order: a name or a list of names."""
        return self.then("keep_columns", columns=_names(columns))

    def drop_columns(self, columns: Any) -> Self:
        """Leave out these columns: a name or a list of names."""
        return self.then("drop_columns", columns=_names(columns))

    def drop_nulls(self, columns: Any) -> Self:
        """Leave out rows without a value in any of these columns."""
        return self.then("drop_nulls", columns=_names(columns))

    def rename_columns(self, names: Mapping[str, str]) -> Self:
        """Give columns other names: old name -> new name."""
        return self.then("rename_columns", names=dict(names))

    def convert(self, columns: Sequence[str] | str, kind: str) -> Self:
        """Read columns as ``string``, ``long``, ``double``, ``boolean`` or ``datetime``.

        Parameters
        ----------
        columns:
            A list of names, or a regular expression that is looked for in the names.
        kind:
            What cannot be read as this is missing.
        """
        return self.then(
            "convert", columns=columns if isinstance(columns, str) else list(columns), kind=kind
        )

    def sample(self, probability: float, seed: int | None = None) -> Self:
        """Keep a random share of the rows."""
        return self.random_split(probability, seed)[0]

    def random_split(self, percentage: float, seed: int | None = None) -> tuple[Self, Self]:
        """Divide the rows at random into two datasets.

        Tables with the same number of rows are divided in the same way by the same seed, so that
        features and target may be split one after the other.

        Parameters
        ----------
        percentage:
            Share of the rows in the first dataset, between 0 and 1.
        seed:
            Default: another one each time.

        Raises
        ------
        DataException
            For a share that is not between 0 and 1.
        """
        if not 0 <= percentage <= 1:
            raise DataException(f"percentage={percentage!r}: allowed is a number from 0 to 1")
        seed = secrets.randbits(31) if seed is None else int(seed)
        first, second = (
            self.then("part", share=float(percentage), seed=seed, is_first=is_first)
            for is_first in (True, False)
        )
        return first, second

    def between(
        self, column: str, start: datetime | None, end: datetime | None, include: bool = True
    ) -> Self:
        """Keep the rows whose time in ``column`` lies between two times; ``None`` is no limit."""
        return self.then(
            "between",
            column=column,
            start=None if start is None else pd.Timestamp(start).isoformat(),
            end=None if end is None else pd.Timestamp(end).isoformat(),
            include=include,
        )

    def plan(self) -> dict[str, Any]:
        """Return JSON values for `from_plan`.

        Raises
        ------
        DataException
            For a table in memory, which is no file.
        """
        if not isinstance(self.source, TableFilesSource):
            raise DataException(
                "a table in memory is not kept by name; Dataset.Tabular.register_pandas_dataframe "
                "writes it to a file first"
            )
        source = asdict(self.source)
        steps = [{"name": step.name, "arguments": dict(step.arguments)} for step in self.steps]
        return {"source": {**source, "paths": list(self.source.paths)}, "steps": steps}

    @classmethod
    def from_plan(cls, plan: Mapping[str, Any]) -> Self:
        """Return the dataset that `plan` was called on."""
        source = plan["source"]
        options = ReadOptions(**source["options"])
        files = TableFilesSource(tuple(source["paths"]), FileKind(source["kind"]), options)
        return cls(files, [Step(s["name"], s["arguments"]) for s in plan["steps"]])


def _part(frame: pd.DataFrame, share: float, seed: int, is_first: bool) -> pd.DataFrame:
    order = np.random.default_rng(seed).permutation(len(frame))
    n_first = round(share * len(frame))
    return frame.iloc[np.sort(order[:n_first] if is_first else order[n_first:])]


def _between(
    frame: pd.DataFrame, column: str, start: str | None, end: str | None, include: bool
) -> pd.DataFrame:
    times = pd.to_datetime(_has(frame, [column])[column], errors="coerce")
    keep = times.notna()
    for limit, is_start in ((start, True), (end, False)):
        if limit is None:
            continue
        moment = pd.Timestamp(limit)
        if times.dt.tz is not None and moment.tzinfo is None:
            moment = moment.tz_localize(times.dt.tz)
        beyond = times > moment if is_start else times < moment
        keep &= beyond | (times == moment) if include else beyond
    return frame[keep]


def _has(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    missing = [column for column in columns if column not in frame.columns]
    if missing:
        raise DataException(
            f"there are no columns {missing}; the table has {list(frame.columns)[:50]}"
        )
    return frame


def _convert(frame: pd.DataFrame, columns: Sequence[str] | str, kind: str) -> pd.DataFrame:
    chosen = (
        [name for name in frame.columns if re.search(columns, str(name))]
        if isinstance(columns, str)
        else list(columns)
    )
    return _has(frame, chosen).assign(**{name: as_kind(frame[name], kind) for name in chosen})


#: Name of a step -> what it does. Stored plans hold these names.
STEPS: Mapping[str, Callable[..., pd.DataFrame]] = {
    "take": lambda frame, count: frame.head(count),
    "skip": lambda frame, count: frame.iloc[count:],
    "keep_columns": lambda frame, columns: _has(frame, columns)[list(columns)],
    "drop_columns": lambda frame, columns: _has(frame, columns).drop(columns=list(columns)),
    "drop_nulls": lambda frame, columns: _has(frame, columns).dropna(subset=list(columns)),
    "rename_columns": lambda frame, names: _has(frame, list(names)).rename(columns=dict(names)),
    "convert": _convert,
    "part": _part,
    "between": _between,
}


def _names(columns: Any) -> list[str]:
    """Return one name or several as a list."""
    return [columns] if isinstance(columns, str) else [str(column) for column in columns]


def _count(count: int) -> int:
    if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 0:
        raise DataException(f"count={count!r}: allowed is an integer of at least 0")
    return int(count)
