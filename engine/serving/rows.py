"""Rows of a request: from the body to the columns of training, checked by name and by type.

Bodies are those of MLflow's scoring protocol: a JSON object with one of the keys
``dataframe_split``, ``dataframe_records``, ``instances`` and ``inputs``, or CSV with a header. The
retired service's ``{"data": [...]}`` is taken too.
"""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from engine.data.reading import read_columns
from engine.data.values import has_too_large
from engine.errors import DataException
from engine.serving.problems import RequestProblem, does_not_fit
from engine.serving.schema import ModelSchema, first_missing

_quick_loads: Callable[[bytes], Any] | None = None
with suppress(ModuleNotFoundError):  # the extra "serve" has it
    _quick_loads = importlib.import_module("orjson").loads

#: Kinds of numpy's types that are numbers.
_NUMBERS = "fiub"
#: Types of the values that JSON has for a number or none.
_NUMBER_TYPES = {float, int, bool, type(None)}
_JSON, _CSV = "application/json", "text/csv"
#: Examples of the JSON forms, for the message that lists them.
_FORMS = (
    '{"dataframe_records": [{"column": value}]}',
    '{"dataframe_split": {"columns": [...], "data": [[...]]}}',
    '{"inputs": {"column": [values]}}',
    '{"instances": [...]}',
)


@dataclass(frozen=True)
class Rows:
    """The rows of one request: column name -> values, one a row."""

    columns: Mapping[str, Sequence[Any]]
    count: int


@dataclass(frozen=True, eq=False)
class NumberRows:
    """The rows of one request to a model that uses numbers alone.

    Attributes
    ----------
    names:
        Names of the columns of training.
    matrix:
        (n_rows, n_columns) values; NaN for missing values and in columns that the model ignores.
    """

    names: Sequence[str]
    matrix: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of rows."""
        return len(self.matrix)

    @property
    def columns(self) -> Mapping[str, Sequence[Any]]:
        """The values as in `Rows`."""
        return dict(zip(self.names, self.matrix.T.tolist(), strict=True))


AnyRows = Rows | NumberRows


def parse(body: bytes, content_type: str, schema: ModelSchema) -> AnyRows:
    """Return the rows of a body in the columns of training.

    Raises
    ------
    RequestProblem
        400 for a body that is not what its type says, 415 for other types, 422 when columns do not
        fit.

    Examples
    --------
    >>> from engine.data.columns import Column
    >>> schema = ModelSchema((Column("a", "Numeric"), Column("b", "Categorical")), True, None)
    >>> body = b'{"dataframe_records": [{"b": "x", "a": 1}, {"a": null, "b": "y"}]}'
    >>> parse(body, "application/json", schema).columns
    {'a': [1, None], 'b': ['x', 'y']}
    """
    kind, _, parameters = content_type.partition(";")
    if "charset" in parameters.lower() and "utf-8" not in parameters.lower():
        raise RequestProblem(415, f"content type {content_type!r}: allowed is the charset utf-8")
    kind = kind.strip().lower()
    if not body.strip():
        raise RequestProblem(400, "the body is empty; " + _allowed())
    if kind in ("", _JSON):
        return _of_json(_loaded(body), schema)
    if kind == _CSV:
        return _of_csv(body, schema)
    raise RequestProblem(415, f"content type {kind!r}: allowed is {_JSON} or {_CSV}")


def joined(parts: Sequence[AnyRows], schema: ModelSchema) -> pd.DataFrame | NDArray[np.float64]:
    """Return the rows of several requests: a matrix where all of them are numbers, else a table.

    Examples
    --------
    >>> from engine.data.columns import Column
    >>> schema = ModelSchema((Column("a", "Numeric"),), True, None)
    >>> one, two = NumberRows(["a"], np.ones((1, 1))), NumberRows(["a"], np.zeros((2, 1)))
    >>> joined([one, two], schema).tolist()
    [[1.0], [0.0], [0.0]]
    """
    matrices = [rows.matrix for rows in parts if isinstance(rows, NumberRows)]
    if len(matrices) < len(parts):
        return as_table(parts, schema)
    return matrices[0] if len(matrices) == 1 else np.concatenate(matrices)


def as_table(parts: Sequence[AnyRows], schema: ModelSchema) -> pd.DataFrame:
    """Return the rows of several requests as one table, in the columns that all of them have.

    Ignored columns may be missing in some requests; then the table is without them.
    """
    given = [rows.columns for rows in parts]
    names = [name for name in schema.names if all(name in columns for columns in given)]
    return pd.DataFrame(
        {name: [value for columns in given for value in columns[name]] for name in names}
    )


def check_values(rows: AnyRows, schema: ModelSchema) -> None:
    """Check that each value is of its column's type.

    Raises
    ------
    RequestProblem
        422, with the column and the first value that does not fit.

    Examples
    --------
    >>> from engine.data.columns import Column
    >>> schema = ModelSchema((Column("age", "Numeric"),), True, None)
    >>> check_values(Rows({"age": [31, "old"]}, 2), schema)
    Traceback (most recent call last):
    ...
    engine.serving.problems.RequestProblem: column 'age': str ('old') is no number
    """
    given = rows.columns
    for column in schema.needed:
        for value in given[column.name]:
            if isinstance(value, list | dict):
                raise does_not_fit(
                    f"column {column.name!r}: a value is a JSON "
                    f"{'array' if isinstance(value, list) else 'object'}; give a single value",
                    column.name,
                )
    table = as_table([rows], schema)
    for column in schema.needed:
        try:
            _, losses = read_columns(table[[column.name]], [column])
        except DataException as error:
            raise does_not_fit(f"column {column.name!r}: {error}", column.name) from error
        for loss in losses.values():
            what = "number" if column.purpose == "Numeric" else "date"
            raise does_not_fit(f"column {column.name!r}: {loss.example} is no {what}", column.name)


def has_doubtful_values(table: pd.DataFrame | NDArray[np.float64], schema: ModelSchema) -> bool:
    """Whether some value of `joined` rows may not be of its column's type.

    One look at a whole batch; `check_values` then finds the request.
    """
    if isinstance(table, np.ndarray):
        return has_too_large(table)
    # Column by column pandas would take ten times as long as most models.
    kinds = {name: dtype.kind for name, dtype in table.dtypes.items()}
    numbers = [column.name for column in schema.needed if column.purpose == "Numeric"]
    if any(kinds[n] not in _NUMBERS and not table[n].isna().all() for n in numbers):
        return True
    floats = [name for name in numbers if kinds[name] == "f"]
    if floats and has_too_large(table[floats].to_numpy()):
        return True
    others = [column for column in schema.needed if column.purpose != "Numeric"]
    return any(
        column.purpose == "DateTime"
        or any(isinstance(value, list | dict) for value in table[column.name])
        for column in others
    )


def _numbers(lists: Sequence[Sequence[Any]]) -> NDArray[np.float64] | None:
    """Return lists of equal length as a matrix; ``None`` where not all values are numbers."""
    try:
        found = np.array(lists)
        if found.ndim != 2:
            return None
        if found.dtype.kind == "O" and {type(v) for row in lists for v in row} <= _NUMBER_TYPES:
            return np.array(lists, dtype=np.float64)
    except (OverflowError, TypeError, ValueError):
        return None
    return found.astype(np.float64, copy=False) if found.dtype.kind in _NUMBERS else None


def _in_full_width(values: NDArray[np.float64], schema: ModelSchema) -> NDArray[np.float64]:
    """Return the needed columns among all columns; the model ignores the others."""
    if len(schema.needed) == len(schema.columns):
        return np.ascontiguousarray(values)
    matrix = np.full((len(values), len(schema.columns)), np.nan)
    matrix[:, [column.purpose != "Ignore" for column in schema.columns]] = values
    return matrix


def _loaded(body: bytes) -> Any:
    if _quick_loads is not None:
        # In a third of the time; it refuses some bodies that Python's parser takes, such as NaN.
        with suppress(ValueError):
            return _quick_loads(body)
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise RequestProblem(400, f"the body is not JSON ({error}); {_allowed()}") from error


def _of_json(given: Any, schema: ModelSchema) -> AnyRows:
    readers: Mapping[str, Callable[[Any, str, ModelSchema], AnyRows]] = {
        "dataframe_split": _of_split,
        "dataframe_records": _of_list,
        "instances": _of_list,
        "inputs": _of_columns,
        "data": _of_list,
    }
    keys = [key for key in readers if key in given] if isinstance(given, dict) else []
    if len(keys) != 1:
        found = f"has the keys {sorted(given)[:10]}" if isinstance(given, dict) else "is no object"
        raise RequestProblem(400, f"the body {found}; {_allowed()}")
    unknown = set(given) - {*keys, "params"}
    if unknown or given.get("params"):
        extra = sorted(unknown) or ["params"]
        raise RequestProblem(400, f"the body has the keys {extra[:10]}, which mean nothing here")
    rows = readers[keys[0]](given[keys[0]], keys[0], schema)
    if not rows.count:
        raise _no_rows(keys[0])
    return rows


def _of_split(given: Any, key: str, schema: ModelSchema) -> AnyRows:
    if not isinstance(given, dict) or not isinstance(given.get("data"), list):
        raise RequestProblem(400, f'{key}: expected {{"columns": [...], "data": [[...]]}}')
    names = given.get("columns")
    if names is None:
        return _of_list(given["data"], key, schema)
    if not isinstance(names, list):
        raise RequestProblem(400, f"{key}: 'columns' is {type(names).__name__}; expected a list")
    if not given["data"]:
        raise _no_rows(key)
    _check_width(given["data"], len(names), key)
    columns = zip(*given["data"], strict=True)
    return _by_name([str(n) for n in names], [list(c) for c in columns], schema, len(given["data"]))


def _of_list(given: Any, key: str, schema: ModelSchema) -> AnyRows:
    if not isinstance(given, list):
        raise RequestProblem(400, f"{key} is {type(given).__name__}; expected a list of rows")
    if not given:
        raise _no_rows(key)
    if all(isinstance(row, dict) for row in given):
        names = list(dict.fromkeys(str(name) for row in given for name in row))
        values = [[row.get(name) for row in given] for name in names]
        return _by_name(names, values, schema, len(given))
    return _of_arrays(given, key, schema)


def _of_columns(given: Any, key: str, schema: ModelSchema) -> AnyRows:
    if not isinstance(given, dict):
        return _of_list(given, key, schema)
    values = [value if isinstance(value, list) else [value] for value in given.values()]
    lengths = {len(column) for column in values}
    if len(lengths) > 1:
        raise does_not_fit(f"{key}: the columns have {sorted(lengths)} values; give equally many")
    return _by_name([str(name) for name in given], values, schema, max(lengths, default=0))


def _of_arrays(rows: list[Any], key: str, schema: ModelSchema) -> AnyRows:
    """Rows without names are taken by position."""
    if schema.is_numeric:
        matrix = _numbers(rows)
        if matrix is not None and matrix.shape[1] == len(schema.columns):
            used = [column.purpose != "Ignore" for column in schema.columns]
            return NumberRows(schema.names, _in_full_width(matrix[:, used], schema))
    _check_width(rows, len(schema.columns), key)
    columns = zip(*rows, strict=True)
    return Rows(
        dict(zip(schema.names, (list(column) for column in columns), strict=True)), len(rows)
    )


def _check_width(rows: list[Any], width: int, key: str) -> None:
    for index, row in enumerate(rows):
        if not isinstance(row, list) or len(row) != width:
            found = f"{len(row)} values" if isinstance(row, list) else type(row).__name__
            raise does_not_fit(f"{key}: row {index} is {found}; expected {width} values")


def _of_csv(body: bytes, schema: ModelSchema) -> AnyRows:
    try:
        table = pd.read_csv(io.BytesIO(body))
    except (ValueError, UnicodeDecodeError) as error:
        raise RequestProblem(400, f"the body is not CSV with a header: {error}") from error
    if table.empty:
        raise does_not_fit("the body has no rows; give at least one below the header")
    values = [
        [None if is_missing else value for value, is_missing in zip(column, gaps, strict=True)]
        for column, gaps in ((table[name].tolist(), table[name].isna()) for name in table)
    ]
    return _by_name([str(name) for name in table], values, schema, len(table))


def _by_name(
    names: Sequence[str], values: Sequence[Sequence[Any]], schema: ModelSchema, count: int
) -> AnyRows:
    if (
        not schema.named
        and not schema.known.issuperset(names)
        and len(names) == len(schema.columns)
    ):
        names = schema.names  # the model was fitted without names: by position
    repeated = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if repeated is not None:
        raise does_not_fit(f"column {repeated!r}: it comes more than once", repeated)
    missing = first_missing(names, schema)
    if missing is not None:
        raise does_not_fit(f"column {missing!r}: it is missing", missing)
    unknown = next((name for name in names if name not in schema.known), None)
    if unknown is not None:
        raise does_not_fit(
            f"column {unknown!r}: the model was not fitted with it; leave it out", unknown
        )
    given = dict(zip(names, values, strict=True))
    if schema.is_numeric:
        matrix = _numbers([given[column.name] for column in schema.needed])
        if matrix is not None:
            return NumberRows(schema.names, _in_full_width(matrix.T, schema))
    return Rows({name: given[name] for name in schema.names if name in given}, count)


def _no_rows(key: str) -> RequestProblem:
    return does_not_fit(f"{key} has no rows; give at least one")


def _allowed() -> str:
    return f"allowed is {' or '.join(_FORMS)}, or {_CSV}"
