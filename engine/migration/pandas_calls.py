"""Calls that pandas takes no longer, or only with named arguments."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from engine.migration.calls import (
    argument,
    keyword,
    name_argument,
    positional,
    remove_argument,
    rename_attribute,
    replace_value,
)
from engine.migration.code import Code, literal
from engine.migration.edits import Edit, Finding, Remark

_WIDTHS = ("display.max_colwidth", "max_colwidth", "colwidth")
_NO_LIMIT = "display.max_colwidth is None for no limit"
_AXES = (0, 1, -1, "index", "columns", "rows")
#: Method of tables -> names of its arguments by position; ``None`` may stay without a name.
_METHODS: dict[str, tuple[str | None, ...]] = {
    "sort_index": ("axis", "level", "ascending", "inplace", "kind"),
    "sort_values": (None, "axis", "ascending", "inplace", "kind"),
    "drop": (None, "axis", "index", "columns", "level", "inplace"),
    "dropna": ("axis", "how", "thresh", "subset", "inplace"),
    "set_axis": (None, "axis"),
    "reset_index": (None, "drop", "inplace"),
    "sum": ("axis",),
    "mean": ("axis",),
    "max": ("axis",),
    "min": ("axis",),
    "std": ("axis",),
    "var": ("axis",),
    "median": ("axis",),
    "any": ("axis",),
    "all": ("axis",),
}
#: Function of pandas -> the same for its arguments.
_FUNCTIONS: dict[str, tuple[str | None, ...]] = {
    "concat": (None, "axis", "join"),
    "read_csv": (None, "sep"),
    "read_table": (None, "sep"),
}
_FILLS = {"ffill": "ffill", "pad": "ffill", "bfill": "bfill", "backfill": "bfill"}
#: Functions and methods whose result is text, for `pandas.read_json`.
_TEXTS = {"json.dumps", "requests.get"}
_TEXT_METHODS = {"run", "to_json", "decode", "read", "read_text", "format", "dumps"}
_TEXT_ATTRIBUTES = {"text"}


def pandas_edits(code: Code, node: cst.CSTNode) -> Iterator[Finding]:
    """Yield the edits of a node for today's pandas."""
    if isinstance(node, cst.Assign):
        yield from _assigned_option(code, node)
    if not isinstance(node, cst.Call):
        return
    root, _, function = code.name(node.func).partition(".")
    if root == "pandas":
        yield from _of_function(code, node, function)
    elif not root and isinstance(node.func, cst.Attribute) and "pandas" in code.imported_roots:
        yield from _of_method(code, node, node.func)


def _of_function(code: Code, call: cst.Call, function: str) -> Iterator[Finding]:
    if function in ("set_option", "option_context"):
        for key, value in zip(call.args, call.args[1:], strict=False):
            if literal(key.value) in _WIDTHS and literal(value.value) == -1:
                yield replace_value(code, value, "None", _NO_LIMIT)
    elif function == "read_json":
        given = argument(call, 0, "path_or_buf")
        if given is not None and _is_text(code, given.value):
            yield from wrap_in_buffer(code, given)
    if function in _FUNCTIONS:
        yield from _named(code, call, _FUNCTIONS[function], f"pandas.{function}")
    if function in ("read_csv", "read_table"):
        yield from _of_bad_lines(code, call)


def wrap_in_buffer(code: Code, arg: cst.Arg) -> Iterator[Finding]:
    """Yield the edits that give a text as a file."""
    start, end = code.span(arg.value)
    name = "io.StringIO" if _is_module_io(code) else "StringIO"
    what = "pandas.read_json takes a text as a file"
    yield Edit(start, start, f"{name}(", what)
    yield Edit(end, end, ")", what)


def _is_module_io(code: Code) -> bool:
    return any(
        isinstance(node, cst.ImportAlias)
        and isinstance(code.parent(node), cst.Import)
        and node.evaluated_name == "io"
        and node.evaluated_alias is None
        for node in code.nodes()
    )


def _of_bad_lines(code: Code, call: cst.Call) -> Iterator[Finding]:
    for name in ("error_bad_lines", "warn_bad_lines"):
        arg = keyword(call, name)
        if arg is None or not isinstance(arg.value, cst.Name):
            continue
        if name == "error_bad_lines" and arg.value.value == "False":
            yield Edit(*code.span(arg), 'on_bad_lines="skip"', "error_bad_lines is on_bad_lines")
        else:
            yield remove_argument(code, call, arg, f"pandas has no {name}")
    squeeze = keyword(call, "squeeze")
    if squeeze is not None:
        yield Remark(code.span(squeeze)[0], "pandas has no squeeze=; call .squeeze('columns')")


def _of_method(code: Code, call: cst.Call, method: cst.Attribute) -> Iterator[Finding]:
    name = method.attr.value
    if name in _METHODS:
        yield from _named(code, call, _METHODS[name], name)
    elif name == "fillna":
        yield from _of_fillna(code, call, method)
    elif name == "as_matrix" and not call.args:
        yield rename_attribute(code, method, "to_numpy", "as_matrix is to_numpy")
    elif name == "iteritems" and not call.args:
        yield rename_attribute(code, method, "items", "iteritems is items")


def _named(
    code: Code, call: cst.Call, names: tuple[str | None, ...], method: str
) -> Iterator[Finding]:
    """Name the arguments that were given by position, if the first of them is surely an axis.

    Other libraries have methods of these names; the literal tells a table's from theirs.
    """
    first = next(index for index, name in enumerate(names) if name is not None)
    found = positional(call, first)
    if found is None:
        return
    value = literal(found.value)
    if names[first] == "sep":
        is_meant = isinstance(value, str)
    elif names[first] == "drop":
        is_meant = isinstance(found.value, cst.Name) and found.value.value in ("True", "False")
    else:
        is_meant = value in _AXES
    given = [positional(call, index) for index in range(len(names))]
    if not is_meant or positional(call, len(names)) is not None:
        return
    for arg, name in zip(given, names, strict=True):
        if arg is not None and name is not None:
            yield name_argument(code, arg, name, f"{method} takes {name}= by name")


def _of_fillna(code: Code, call: cst.Call, method: cst.Attribute) -> Iterator[Finding]:
    arg = keyword(call, "method")
    new = _FILLS.get(str(literal(arg.value))) if arg is not None else None
    if arg is None or new is None or keyword(call, "value") or positional(call, 0):
        return
    what = f"fillna(method=...) is {new}()"
    yield rename_attribute(code, method, new, what)
    yield remove_argument(code, call, arg, what)


def _assigned_option(code: Code, node: cst.Assign) -> Iterator[Finding]:
    """``pd.options.display.max_colwidth = -1``."""
    targets = [code.name(target.target) for target in node.targets]
    if literal(node.value) == -1 and "pandas.options.display.max_colwidth" in targets:
        yield Edit(*code.span(node.value), "None", _NO_LIMIT)


def _is_text(code: Code, node: cst.BaseExpression, depth: int = 3) -> bool:
    """Whether an expression is surely JSON text, not a path."""
    text = literal(node)
    if isinstance(text, str):
        return text.lstrip().startswith(("{", "["))
    if isinstance(node, cst.FormattedString):
        first = node.parts[0] if node.parts else None
        return isinstance(first, cst.FormattedStringText) and first.value.startswith(("{", "["))
    if isinstance(node, cst.Attribute):
        return node.attr.value in _TEXT_ATTRIBUTES
    if isinstance(node, cst.Subscript):
        return depth > 0 and _comes_from(code, node.value, "json.loads")
    if isinstance(node, cst.Call):
        if isinstance(node.func, cst.Attribute) and not code.name(node.func):
            return node.func.attr.value in _TEXT_METHODS and not _is_path(node.func)
        return code.name(node.func) in _TEXTS
    if _is_request(code, node):
        return True
    value = code.single_value(node)
    return depth > 0 and value is not None and _is_text(code, value, depth - 1)


def _is_request(code: Code, node: cst.BaseExpression) -> bool:
    """Whether a name is what a service has received: the parameter of a scoring script's run."""
    function = code.function_of_parameter(node)
    return function is not None and function.name.value == "run" and code.binds("init")


def _is_path(method: cst.Attribute) -> bool:
    """``"{}.json".format(...)`` is a path, ``"{...}".format(...)`` a text."""
    text = literal(method.value)
    return method.attr.value == "format" and not (
        isinstance(text, str) and text.lstrip().startswith(("[", "{{"))
    )


def _comes_from(code: Code, node: cst.BaseExpression, function: str) -> bool:
    value = code.single_value(node) if isinstance(node, cst.Name) else node
    if isinstance(value, cst.Subscript):
        return _comes_from(code, value.value, function)
    return isinstance(value, cst.Call) and code.name(value.func) == function
