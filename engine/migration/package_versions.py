"""Questions for the version of a package, which ``pkg_resources`` answered."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from engine.migration.calls import positional
from engine.migration.code import Code, dotted, literal
from engine.migration.edits import Edit, Finding, Remark
from engine.migration.imports import replace_statement

_GET = "pkg_resources.get_distribution"
_OTHERS = "pkg_resources is gone; use importlib.metadata or importlib.resources"
_WHAT = "pkg_resources is importlib.metadata; azureml-* has raysmith's version"


def version_edits(code: Code, node: cst.CSTNode) -> Iterator[Finding]:
    """Yield the edits of a node for an environment without ``pkg_resources``."""
    match node:
        case cst.Attribute(value=cst.Call() as call, attr=cst.Name(value="version")):
            if code.name(call.func) == _GET and positional(call, 0) is not None:
                yield Edit(*code.span(node), _version(code, call), _WHAT)
        case cst.Import(names=[alias]) if dotted(alias.name) == "pkg_resources":
            yield from _import(code, node)
        case cst.ImportFrom() if node.module is not None and not node.relative:
            if dotted(node.module) == "pkg_resources":
                yield from _import(code, node)


def _version(code: Code, call: cst.Call) -> str:
    arg = positional(call, 0)
    assert arg is not None
    name = literal(arg.value)
    if isinstance(name, str) and name.startswith("azureml"):
        return "azureml.core.VERSION"
    return f"importlib.metadata.version({code.source(arg)})"


def _import(code: Code, node: cst.Import | cst.ImportFrom) -> Iterator[Finding]:
    """Take the import out where all uses of it are replaced."""
    uses = [
        one
        for one in code.nodes()
        if isinstance(one, cst.Call) and code.name(one.func) == _GET and _asks_version(code, one)
    ]
    others = [
        one
        for one in code.nodes()
        if isinstance(one, cst.Name | cst.Attribute)
        and code.name(one).startswith("pkg_resources")
        and code.is_read(one)
    ]
    replaced = {id(part) for call in uses for part in _parts(call.func)}
    if any(id(one) not in replaced for one in others):
        yield Remark(code.span(node)[0], _OTHERS)
        return
    is_needed = any("importlib" in _version(code, call) for call in uses)
    yield replace_statement(code, node, ["import importlib.metadata"] if is_needed else [], _WHAT)


def _asks_version(code: Code, call: cst.Call) -> bool:
    around = code.parent(call)
    return isinstance(around, cst.Attribute) and around.attr.value == "version"


def _parts(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    yield node
    for child in node.children:
        yield from _parts(child)
