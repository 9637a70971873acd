"""Names that numpy no longer has."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from engine.migration.calls import rename_attribute
from engine.migration.code import Code, dotted
from engine.migration.edits import Edit, Finding, Remark

#: Name in numpy -> the built-in type that it stood for.
_BUILTINS = {
    "float": "float",
    "int": "int",
    "object": "object",
    "str": "str",
    "complex": "complex",
    "unicode": "str",
}
#: Name in numpy -> what stands for it where the built-in's name is used for something else.
SCALARS = {"float": "float64", "int": "int_", "object": "object_", "str": "str_",
            "complex": "complex128", "unicode": "str_"}  # fmt: skip
#: Name in numpy -> today's name in numpy.
RENAMED = {
    "NaN": "nan",
    "NAN": "nan",
    "Inf": "inf",
    "Infinity": "inf",
    "PINF": "inf",
    "infty": "inf",
    "float_": "float64",
    "complex_": "complex128",
    "cfloat": "complex128",
    "longfloat": "longdouble",
    "string_": "bytes_",
    "unicode_": "str_",
    "int0": "intp",
    "uint0": "uintp",
    "object0": "object_",
    "product": "prod",
    "cumproduct": "cumprod",
    "sometrue": "any",
    "alltrue": "all",
    "in1d": "isin",
    "trapz": "trapezoid",
    "round_": "round",
    "mat": "asmatrix",
}
_NEGATIVE_INFINITY = "NINF"


def numpy_edits(code: Code, node: cst.CSTNode) -> Iterator[Finding]:
    """Yield the edits of a node for today's numpy."""
    if isinstance(node, cst.Attribute) and code.is_read(node):
        root, _, old = code.name(node).partition(".")
        if root == "numpy":
            yield from _of_attribute(code, node, old)
    elif isinstance(node, cst.ImportFrom) and not isinstance(node.names, cst.ImportStar):
        is_numpy = node.module is not None and dotted(node.module) == "numpy"
        for alias in node.names if is_numpy and not node.relative else ():
            yield from _of_import(code, alias)


def _of_attribute(code: Code, node: cst.Attribute, old: str) -> Iterator[Finding]:
    if old in _BUILTINS:
        new = _BUILTINS[old]
        if code.binds(new, node):
            yield rename_attribute(code, node, SCALARS[old], f"np.{old} is np.{SCALARS[old]}")
        else:
            yield Edit(*code.span(node), new, f"np.{old} is {new}")
    elif old in RENAMED:
        yield rename_attribute(code, node, RENAMED[old], f"np.{old} is np.{RENAMED[old]}")
    elif old == _NEGATIVE_INFINITY:
        start, _ = code.span(node)
        yield Edit(start, start, "(-", "np.NINF is -np.inf")
        start, end = code.span(node.attr)
        yield Edit(start, end, "inf)", "np.NINF is -np.inf")


def _of_import(code: Code, alias: cst.ImportAlias) -> Iterator[Finding]:
    old = dotted(alias.name)
    if old in RENAMED:
        new = RENAMED[old]
        given = "" if alias.evaluated_alias else f" as {old}"
        yield Edit(*code.span(alias.name), f"{new}{given}", f"np.{old} is np.{new}")
    elif old in _BUILTINS or old == _NEGATIVE_INFINITY:
        new = _BUILTINS.get(old, "-numpy.inf")
        yield Remark(code.span(alias)[0], f"numpy has no {old}; use {new}")
