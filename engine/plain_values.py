"""Values of Python's own types, and their form in JSON that keeps tuples and keys as they are."""

from __future__ import annotations

import numbers
import os
from collections.abc import Mapping
from typing import Any

#: Keys of the objects that stand for what JSON does not have.
_TUPLE, _DICT = "__tuple__", "__dict__"
#: Frequent types of arrays of which `tolist` gives Python's own values.
_PLAIN_TYPES = ("bool", "int32", "int64", "float32", "float64")


def plain(value: Any) -> Any:
    """Return a value as Python's own types, so that JSON and other processes keep it exactly.

    Parameters
    ----------
    value:
        ``None``, a boolean, number, text or path, or a list, tuple, set or mapping of such values;
        numpy's scalars and arrays too.

    Returns
    -------
    object
        Numbers as int or float, paths as str, sets as sorted lists, arrays as lists, mappings as
        dicts.

    Raises
    ------
    TypeError
        For a value of any other type; says which.

    Examples
    --------
    >>> import numpy as np
    >>> plain({"b": np.int64(5), "a": {"y", "x"}, "c": (np.float32(0.25), None)})
    {'b': 5, 'a': ['x', 'y'], 'c': (0.25, None)}
    >>> plain(object)
    Traceback (most recent call last):
    ...
    TypeError: a value of type type is no number, text, list, tuple, set or dict
    """
    if hasattr(value, "dtype") and hasattr(value, "tolist"):
        is_plain_already = value.dtype in _PLAIN_TYPES or getattr(value.dtype, "kind", "") == "U"
        value = value.tolist()
        if is_plain_already:
            return value
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case numbers.Integral():
            return int(value)
        case numbers.Real():
            return float(value)
        case os.PathLike():
            return os.fspath(value)
        case Mapping():
            return {plain(key): plain(item) for key, item in value.items()}
        case tuple():
            return tuple(plain(item) for item in value)
        case list():
            return [plain(item) for item in value]
        case set() | frozenset():
            return sorted((plain(item) for item in value), key=lambda item: (str(type(item)), item))
    raise TypeError(
        f"a value of type {type(value).__name__} is no number, text, list, tuple, set or dict"
    )


def is_plain(value: Any) -> bool:
    """Whether `plain` takes a value.

    Examples
    --------
    >>> is_plain([1, "a"]), is_plain(len)
    (True, False)
    """
    try:
        plain(value)
    except TypeError:
        return False
    return True


def to_json(value: Any) -> Any:
    """Return the form of a plain value of which JSON keeps every type.

    Examples
    --------
    >>> to_json({"label": ("a", 1)})
    {'label': {'__tuple__': ['a', 1]}}
    >>> from_json(to_json({0: 1.0, "x": (1,)})) == {0: 1.0, "x": (1,)}
    True
    """
    if isinstance(value, tuple):
        return {_TUPLE: [to_json(item) for item in value]}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        if all(isinstance(key, str) for key in value) and not {_TUPLE, _DICT} & value.keys():
            return {key: to_json(item) for key, item in value.items()}
        return {_DICT: [[to_json(key), to_json(item)] for key, item in value.items()]}
    return value


def from_json(value: Any) -> Any:
    """Return the plain value that `to_json` was given."""
    match value:
        case {"__tuple__": items}:
            return tuple(from_json(item) for item in items)
        case {"__dict__": pairs}:
            return {from_json(key): from_json(item) for key, item in pairs}
        case dict():
            return {key: from_json(item) for key, item in value.items()}
        case list():
            return [from_json(item) for item in value]
    return value
