"""Edits of the arguments of calls, which all idioms share."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from engine.migration.code import Code
from engine.migration.edits import Edit


def rename_attribute(code: Code, node: cst.Attribute, new: str, what: str) -> Edit:
    """Return the edit that gives an attribute another name."""
    return Edit(*code.span(node.attr), new, what)


def positional(call: cst.Call, index: int) -> cst.Arg | None:
    """Return an argument given by position, or ``None``, also after a ``*`` argument."""
    given = call.args[: index + 1]
    if len(given) <= index or any(arg.keyword is not None or arg.star for arg in given):
        return None
    return call.args[index]


def keyword(call: cst.Call, name: str) -> cst.Arg | None:
    """Return an argument given by its name."""
    for arg in call.args:
        if arg.keyword is not None and arg.keyword.value == name:
            return arg
    return None


def argument(call: cst.Call, index: int, name: str) -> cst.Arg | None:
    """Return an argument given by position or by name."""
    return positional(call, index) or keyword(call, name)


def name_argument(code: Code, arg: cst.Arg, name: str, what: str) -> Edit:
    """Return the edit that gives an argument by its name instead of its position."""
    start, _ = code.span(arg)
    return Edit(start, start, f"{name}=", what)


def replace_value(code: Code, arg: cst.Arg, new: str, what: str) -> Edit:
    """Return the edit that replaces the value of an argument, with its parentheses."""
    start, end = code.span(arg)
    if arg.keyword is not None:
        equal = code.bytes.index(b"=", code.span(arg.keyword)[1])
        after = code.bytes[equal + 1 : end]
        start = equal + 1 + len(after) - len(after.lstrip())
    return Edit(start, end, new, what)


def remove_argument(code: Code, call: cst.Call, arg: cst.Arg, what: str) -> Edit:
    """Return the edit that removes an argument and the comma that goes with it."""
    index = next(i for i, one in enumerate(call.args) if one is arg)
    return remove_item(code, call.args, index, what)


def remove_item(
    code: Code, items: Sequence[cst.Arg | cst.BaseDictElement], index: int, what: str
) -> Edit:
    """Return the edit that removes one of several items and the comma that goes with it."""
    item = items[index]
    start, end = code.span(item)
    if index + 1 < len(items):
        end = code.span(items[index + 1])[0]
    elif index > 0:
        start = code.span(items[index - 1])[1]
    elif isinstance(item.comma, cst.Comma):
        end = code.span(item.comma)[1]
    return Edit(start, end, "", what)
