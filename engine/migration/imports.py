"""Imports of ``azureml``, turned into imports of ``engine.azureml``."""

from __future__ import annotations

from collections.abc import Iterator

import libcst as cst

from engine.migration.code import Code, dotted
from engine.migration.edits import Edit
from engine.migration.known_names import OLD, is_old

#: The import that binds the name ``azureml`` after a migration.
BINDING = "from engine import azureml"
_WHAT = "import from engine.azureml"


def import_edits(code: Code) -> Iterator[Edit]:
    """Yield the edits of all imports of ``azureml``, wherever they stand."""
    is_bound = False
    for node in code.nodes():
        if isinstance(node, cst.ImportFrom):
            if not node.relative and node.module is not None and is_old(dotted(node.module)):
                start, _ = code.span(node.module)
                yield Edit(start, start, "engine.", _WHAT)
        elif isinstance(node, cst.Import):
            lines = _new_imports(code, node, is_bound)
            if lines:
                yield replace_statement(code, node, lines, _WHAT)
                is_bound = is_bound or (BINDING in lines and _is_of_module(code, node))


def needs_binding(code: Code) -> bool:
    """Whether the source says ``azureml.`` where nothing binds that name."""
    return any(
        isinstance(node, cst.Attribute)
        and isinstance(node.value, cst.Name)
        and node.value.value == OLD
        and code.is_read(node.value)
        and not code.binds(OLD, node.value)
        for node in code.nodes()
    )


def replace_statement(code: Code, node: cst.CSTNode, lines: list[str], what: str) -> Edit:
    """Return the edit that puts statements, one a line, in the place of a small statement.

    They are divided by semicolons where the statement shares its line with others. With no
    statements the line is taken out, or becomes ``pass`` where the block needs it.
    """
    start, end = code.span(node)
    line = code.parent(node)
    indent = code.bytes[code.line_start(start) : start].decode()
    is_alone = isinstance(line, cst.SimpleStatementLine) and len(line.body) == 1
    if not lines and is_alone and not indent.strip() and _can_go(code, line):
        start -= len(indent)
        return Edit(start, code.line_end(end), "", what)
    divider = f"\n{indent}" if is_alone and not indent.strip() else "; "
    return Edit(start, end, divider.join(lines) or "pass", what)


def _can_go(code: Code, line: cst.CSTNode | None) -> bool:
    """Whether a line without a comment may be taken out of its block."""
    if not isinstance(line, cst.SimpleStatementLine) or line.trailing_whitespace.comment:
        return False
    block = code.parent(line)
    return isinstance(block, cst.Module | cst.IndentedBlock) and len(block.body) > 1


def _new_imports(code: Code, node: cst.Import, is_bound: bool) -> list[str]:
    """Return the imports that replace one; none when it does not import ``azureml``."""
    if not any(is_old(dotted(alias.name)) for alias in node.names):
        return []
    kept, new = [], []
    for alias in node.names:
        name, given = dotted(alias.name), alias.evaluated_alias
        if not is_old(name):
            kept.append(name if given is None else f"{name} as {given}")
        elif given is not None:
            new.append(
                f"{BINDING} as {given}" if name == OLD else f"import engine.{name} as {given}"
            )
        else:
            if not is_bound and BINDING not in new:
                new.append(BINDING)
            # This import loads the module, and binds the name ``engine``: not if it is taken.
            if name != OLD and not _is_taken(code):
                new.append(f"import engine.{name}")
    return [*([f"import {', '.join(kept)}"] if kept else []), *dict.fromkeys(new)] or [BINDING]


def _is_taken(code: Code) -> bool:
    """Whether the source uses the name ``engine`` for something of its own."""
    return code.binds_anywhere("engine") and not any(
        isinstance(node, cst.ImportAlias)
        and node.evaluated_alias is None
        and node.evaluated_name.startswith("engine.")
        for node in code.nodes()
    )


def _is_of_module(code: Code, node: cst.CSTNode) -> bool:
    """Whether a small statement stands in the module itself, not in a block."""
    line = code.parent(node)
    return line is not None and code.parent(line) is code.module
