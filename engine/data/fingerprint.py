"""A hash of a run's data: equal on two nodes, and in two drivers, that hold the same data."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

#: Begins each fingerprint: those of another form say nothing about the data.
FORM = "x1-"
#: Values of X that are hashed. Of more, evenly spaced rows are.
_MOST_VALUES = 20_000_000
_LEAST_ROWS = 1_000
#: Values that are rounded at once: the copies of a whole table would take more than it does.
_VALUES_AT_ONCE = 1_000_000
#: Bits of a float32 that count. What computes features in another order of additions, on another
#: processor, must not change the hash: about 3 decimal digits are left.
_LOW_BITS = 13


def fingerprint(dataset: Any) -> str:
    """Return the fingerprint of an `engine.data.dataset.Dataset`.

    It covers the order of the rows, column names, features to about three digits, targets, weights,
    the validation part and the given splits. A large X is sampled: a second is enough for any.

    Examples
    --------
    >>> from engine.data.check import check_data
    >>> X, y = [[float(i), 1.0] for i in range(40)], [0, 1] * 20
    >>> first = check_data({"X": X, "y": y}, "classification")
    >>> again = check_data({"X": X, "y": y}, "classification")
    >>> other = check_data({"X": X[2:] + X[:2], "y": y}, "classification")
    >>> fingerprint(first) == fingerprint(again), fingerprint(first) == fingerprint(other)
    (True, False)
    """
    digest = hashlib.sha256()
    for part in _parts(dataset):
        for piece in (part,) if isinstance(part, bytes) else part:
            digest.update(piece)
        digest.update(b"|")
    return FORM + digest.hexdigest()[:16]


def is_other_data(one: str, other: str) -> bool:
    """Whether two fingerprints tell of different data.

    Examples
    --------
    >>> is_other_data("x1-a1b2", "x1-c3d4"), is_other_data("x1-a1b2", "older form")
    (True, False)
    """
    return one != other and one.startswith(FORM) and other.startswith(FORM)


def _parts(dataset: Any) -> Iterable[bytes | Iterable[bytes]]:
    facts = (dataset.X.shape, dataset.feature_names, dataset.positive)
    yield repr(facts).encode("utf-8", "replace")
    yield from _target(dataset.y)
    if dataset.classes is not None:
        yield from _target(dataset.classes)
    yield from _features(dataset.X)
    yield from _floats_or_nothing(dataset.sample_weight)
    if dataset.X_valid is not None and dataset.y_valid is not None:
        yield repr(dataset.X_valid.shape).encode()
        yield from _target(dataset.y_valid)
        yield from _features(dataset.X_valid)
        yield from _floats_or_nothing(dataset.sample_weight_valid)
    for fold in dataset.cv_splits_indices or ():
        for rows in fold:
            yield np.asarray(rows, dtype=np.int64).tobytes()


def _target(y: NDArray[Any]) -> Iterable[bytes]:
    if y.dtype.kind in "OUS":
        yield _hashes(pd.Series(y.astype(object)))
    else:
        yield _rounded(y)


def _features(X: Any) -> Iterable[bytes | Iterable[bytes]]:
    rows = _sample(*X.shape)
    if sparse.issparse(X):
        X = X.tocsr() if rows is None else X.tocsr()[rows]
        if not X.has_sorted_indices:
            X = X.sorted_indices()
        # The type of the indices depends on the size of the matrix before the sample.
        yield X.indptr.astype(np.int64).tobytes()
        yield X.indices.astype(np.int64).tobytes()
        yield _rounded(X.data)
    elif isinstance(X, pd.DataFrame):
        X = X if rows is None else X.iloc[rows]
        for position in range(X.shape[1]):
            yield _column(X.iloc[:, position])
    else:
        X = np.asarray(X)
        if X.dtype.kind in "OUS":
            yield _hashes(pd.Series((X if rows is None else X[rows]).ravel()))
            return
        rows = np.arange(len(X)) if rows is None else rows
        step = max(1, _VALUES_AT_ONCE // max(1, X.shape[1]))
        yield (_rounded(X[rows[n : n + step]]) for n in range(0, len(rows), step))


def _column(column: pd.Series[Any]) -> bytes:
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biuf":
        return _rounded(column.to_numpy())
    return _hashes(column)


def _hashes(column: pd.Series[Any]) -> bytes:
    """Hash values of all other types, by pandas, or by their texts when they are mixed."""
    try:
        hashes = pd.util.hash_pandas_object(column, index=False)
    except (TypeError, ValueError, UnicodeError):
        hashes = pd.util.hash_pandas_object(column.map(ascii).astype(object), index=False)
    return bytes(hashes.to_numpy().tobytes())


def _floats_or_nothing(values: NDArray[Any] | None) -> Iterable[bytes]:
    if values is not None:
        yield _rounded(values)


def _rounded(values: NDArray[Any]) -> bytes:
    """Return numbers without the bits that arithmetic on another machine may change."""
    if values.dtype.kind in "biu":
        return np.ascontiguousarray(values.astype(np.int64, copy=False)).tobytes()
    if values.dtype.kind != "f":
        return np.ascontiguousarray(values).tobytes()
    with np.errstate(all="ignore"):
        small = np.ascontiguousarray(values, dtype=np.float32) + np.float32(0.0)
    small[np.isnan(small)] = np.nan
    bits = small.view(np.uint32)
    bits += np.uint32(1 << (_LOW_BITS - 1))
    return (bits >> np.uint32(_LOW_BITS)).tobytes()


def _sample(n_rows: int, n_columns: int) -> NDArray[np.int64] | None:
    """Return the rows of a large table that are hashed; ``None`` for all."""
    most = max(_LEAST_ROWS, _MOST_VALUES // max(1, n_columns))
    if n_rows <= most:
        return None
    return np.linspace(0, n_rows - 1, most).astype(np.int64)
