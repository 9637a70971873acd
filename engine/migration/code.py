"""Python source with the meaning of its names: imports, aliases, shadows."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from typing import Any, cast

import libcst as cst
from libcst.metadata import (
    ByteSpanPositionProvider,
    ExpressionContext,
    ExpressionContextProvider,
    MetadataWrapper,
    ParentNodeProvider,
    QualifiedNameProvider,
    QualifiedNameSource,
    ScopeProvider,
)

from engine.errors import AutoMLError

TOO_DEEP = "expressions are nested too deeply to be parsed"


class NotPython(AutoMLError, ValueError):
    """A source that Python 3 cannot parse.

    Attributes
    ----------
    line:
        Line of the first error, from 1 on.
    """

    def __init__(self, line: int, reason: str) -> None:
        self.line = line
        super().__init__(reason)


class Code:
    """A parsed source.

    Parameters
    ----------
    text:
        The source, without a byte order mark.

    Raises
    ------
    NotPython
        When Python 3 cannot parse it.

    Examples
    --------
    >>> code = Code("import numpy as n\\nx = n.float\\n")
    >>> [code.source(node) for node in code.nodes() if code.name(node) == "numpy.float"]
    ['n.float']
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.bytes = text.encode("utf-8", "surrogatepass")
        wrapper = MetadataWrapper(_parse(text), unsafe_skip_copy=True)
        self.module = wrapper.module
        self._offsets = _offsets(self.module.code, text)
        resolved = wrapper.resolve_many(
            [
                ByteSpanPositionProvider,
                ExpressionContextProvider,
                ParentNodeProvider,
                QualifiedNameProvider,
                ScopeProvider,
            ]
        )
        self._spans = cast(Any, resolved[ByteSpanPositionProvider])
        self._contexts = cast(Any, resolved[ExpressionContextProvider])
        self._parents = cast(Any, resolved[ParentNodeProvider])
        self._names = cast(Any, resolved[QualifiedNameProvider])
        self._scopes = cast(Any, resolved[ScopeProvider])
        self._nodes = list(_walk(self.module))
        imports = (n for n in self._nodes if isinstance(n, cst.Import | cst.ImportFrom))
        self._in_imports = {part for node in imports for part in _walk(node)}
        self._bound_by_imports = {
            name for n in self._nodes if isinstance(n, cst.ImportAlias) for name in _bound_by(n)
        }
        #: Roots of the modules that the source imports anywhere.
        self.imported_roots = {name.split(".")[0] for name in self._imported()}

    def nodes(self) -> Iterator[cst.CSTNode]:
        """Yield all nodes, each before the nodes inside it."""
        return iter(self._nodes)

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Return the first and the last offset of a node, without its parentheses."""
        found = self._spans[node]
        start, end = found.start, found.start + found.length
        if self._offsets is None:
            return start, end
        return self._offsets[start], self._offsets[end - 1] + 1 if end > start else self._offsets[
            start
        ]

    def source(self, node: cst.CSTNode) -> str:
        """Return the text of a node, without its parentheses."""
        start, end = self.span(node)
        return self.bytes[start:end].decode()

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return the node around a node."""
        return cast("cst.CSTNode | None", self._parents.get(node))

    def name(self, node: cst.CSTNode) -> str:
        """Return the imported name that a node stands for, such as ``numpy.float``.

        It is empty for everything else, and for a name that may be something else too, because
        the source assigns it as well.
        """
        if not isinstance(node, cst.Name | cst.Attribute):
            return ""
        # Few names are imported; looking up the others takes most of the time.
        if dotted(node).partition(".")[0] not in self._bound_by_imports:
            return ""
        found = self._names.get(node)
        found = found() if callable(found) else found
        if not found or len(found) != 1:
            return ""
        (only,) = found
        return str(only.name) if only.source is QualifiedNameSource.IMPORT else ""

    def is_read(self, node: cst.CSTNode) -> bool:
        """Whether a name or an attribute is read, not imported, assigned or deleted."""
        return node not in self._in_imports and self._contexts.get(node) is ExpressionContext.LOAD

    def reads(self, name: str) -> bool:
        """Whether the source reads a name, not an attribute of that name."""
        for node in self._nodes:
            if isinstance(node, cst.Name) and node.value == name and self.is_read(node):
                around = self.parent(node)
                if not (isinstance(around, cst.Attribute) and around.attr is node):
                    return True
        return False

    def binds(self, name: str, node: cst.CSTNode | None = None) -> bool:
        """Whether the source binds a name where a node stands; default: in the module."""
        if not self.module.body:
            return False
        scope = self._scopes.get(self.module.body[0] if node is None else node)
        if scope is None:
            return False
        return any(type(assignment).__name__ != "BuiltinAssignment" for assignment in scope[name])

    def binds_anywhere(self, name: str) -> bool:
        """Whether any part of the source binds a name."""
        return any(name in _bound_by(node) for node in self._nodes)

    def single_value(self, node: cst.CSTNode) -> cst.BaseExpression | None:
        """Return the expression that a name always stands for: that of its only assignment."""
        bound = self._bound_once(node)
        target = None if bound is None else self.parent(bound)
        statement = None if target is None else self.parent(target)
        if isinstance(target, cst.AssignTarget) and isinstance(statement, cst.Assign):
            return statement.value if target.target is bound else None
        return None

    def function_of_parameter(self, node: cst.CSTNode) -> cst.FunctionDef | None:
        """Return the function whose parameter a name always stands for."""
        bound = self._bound_once(node)
        parameters = self.parent(bound) if isinstance(bound, cst.Param) else None
        function = None if parameters is None else self.parent(parameters)
        return function if isinstance(function, cst.FunctionDef) else None

    def _bound_once(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """Return the node that binds a name; ``None`` for a name that several bind."""
        scope = self._scopes.get(node) if isinstance(node, cst.Name) else None
        assignments = [] if scope is None else list(scope[cst.ensure_type(node, cst.Name).value])
        return getattr(assignments[0], "node", None) if len(assignments) == 1 else None

    def line_start(self, offset: int) -> int:
        """Return the offset where the line of an offset begins."""
        return max(self.bytes.rfind(b"\n", 0, offset), self.bytes.rfind(b"\r", 0, offset)) + 1

    def line_end(self, offset: int) -> int:
        """Return the offset after the newline of the line of an offset."""
        found = self.bytes.find(self.newline.encode(), offset)
        return len(self.bytes) if found < 0 else found + len(self.newline)

    @property
    def newline(self) -> str:
        """The newline of the source."""
        return self.module.default_newline

    def _imported(self) -> Iterator[str]:
        for node in self._nodes:
            if isinstance(node, cst.Import):
                yield from (dotted(alias.name) for alias in node.names)
            elif isinstance(node, cst.ImportFrom) and not node.relative and node.module:
                yield dotted(node.module)


def check_parses(text: str) -> None:
    """Raise `NotPython` for a text that Python 3 cannot parse."""
    _parse(text)


def dotted(node: cst.BaseExpression) -> str:
    """Return the text of a dotted name; empty for any other expression.

    Examples
    --------
    >>> dotted(cst.parse_expression("a.b.c")), dotted(cst.parse_expression("f().c"))
    ('a.b.c', '')
    """
    if isinstance(node, cst.Name):
        return node.value
    if isinstance(node, cst.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr.value}" if before else ""
    return ""


def literal(node: cst.BaseExpression | None) -> str | int | None:
    """Return the value of a plain text or a whole number; ``None`` for any other expression.

    Examples
    --------
    >>> literal(cst.parse_expression("'a'")), literal(cst.parse_expression("-1"))
    ('a', -1)
    """
    if isinstance(node, cst.SimpleString | cst.ConcatenatedString):
        value = node.evaluated_value
        return value if isinstance(value, str) else None
    if isinstance(node, cst.Integer):
        return int(node.evaluated_value)
    if isinstance(node, cst.UnaryOperation) and isinstance(node.operator, cst.Minus):
        inside = literal(node.expression)
        return -inside if isinstance(inside, int) else None
    return None


def _parse(text: str) -> cst.Module:
    _check_syntax(text)
    try:
        return cst.parse_module(text)
    except cst.ParserSyntaxError as error:
        raise NotPython(error.raw_line, f"cannot be parsed: {error.message}") from None
    except RecursionError:
        raise NotPython(1, TOO_DEEP) from None
    except (cst.CSTValidationError, ValueError, UnicodeError) as error:
        raise NotPython(1, f"cannot be parsed: {error}") from None


def _check_syntax(text: str) -> None:
    """Ask Python itself first: its messages are better, and its limits protect LibCST's parser.

    That parser is compiled, and ends the process when expressions are nested too deeply.
    """
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<source>", "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        what = error.msg
        if what.startswith(("Missing parentheses in call to", "multiple exception types must")):
            what += "; turn Python 2 code into Python 3 first"
        line = error.lineno or 1
        raise NotPython(line, f"line {line} is not Python 3: {what}") from None
    except (RecursionError, MemoryError):
        raise NotPython(1, TOO_DEEP) from None
    except ValueError as error:
        raise NotPython(1, f"not Python 3: {error}") from None


def _offsets(shown: str, text: str) -> list[int] | None:
    """Return offset in the parser's text -> offset in the source; ``None`` when they are the same.

    LibCST loses form feeds before statements, and some empty lines. Its spans are those of the
    text that it writes.

    Examples
    --------
    >>> _offsets("a\\nb", "a\\n\\fb")
    [0, 1, 3, 4]
    """
    if shown == text:
        return None
    source = text.encode("utf-8", "surrogatepass")
    offsets, at = [], 0
    for byte in shown.encode("utf-8", "surrogatepass"):
        while source[at : at + 1].isspace() and source[at] != byte:
            at += 1
        if source[at : at + 1] != bytes([byte]):
            raise NotPython(1, "the parser does not give the source back as it was")
        offsets.append(at)
        at += 1
    return [*offsets, len(source)]


def _walk(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    waiting = [node]
    while waiting:
        at = waiting.pop()
        yield at
        waiting.extend(reversed(at.children))


def _bound_by(node: cst.CSTNode) -> set[str]:
    """Return the names that a single node binds."""
    match node:
        case (
            cst.AssignTarget(target=cst.Name(value=name))
            | cst.AnnAssign(target=cst.Name(value=name))
        ):
            return {name}
        case cst.Param(name=cst.Name(value=name)) | cst.NamedExpr(target=cst.Name(value=name)):
            return {name}
        case cst.FunctionDef(name=cst.Name(value=name)) | cst.ClassDef(name=cst.Name(value=name)):
            return {name}
        case cst.ImportAlias():
            bound = node.evaluated_alias or node.evaluated_name.split(".")[0]
            return {bound}
        case cst.For(target=target) | cst.CompFor(target=target) | cst.AsName(name=target):
            return {part.value for part in _walk(target) if isinstance(part, cst.Name)}
        case cst.AssignTarget(target=target):
            return {part.value for part in _walk(target) if isinstance(part, cst.Name)}
    return set()
