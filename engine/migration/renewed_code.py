"""Code of an unchanged script, compiled with today's idioms and its own line numbers."""

from __future__ import annotations

import ast
import io
import tokenize
from types import CodeType

from engine.migration.needs import may_need, require_v1


def renewed_code(content: bytes, path: str) -> CodeType:
    """Compile a script of old pandas, numpy and scikit-learn for today's.

    Parameters
    ----------
    content:
        The file.
    path:
        Its path, for tracebacks, which show the lines of the file.

    Raises
    ------
    SyntaxError
        When the file is not Python 3.
    ConfigException
        When the packages of the extra ``v1`` are missing, and the script may need them.

    Examples
    --------
    >>> names = {}
    >>> exec(renewed_code(b"import numpy as np\\nx = np.float(1)", "a.py"), names)
    >>> names["x"]
    1.0
    """
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        text = content.decode(encoding)
    except (UnicodeDecodeError, SyntaxError):
        text = ""
    if not may_need(text):
        return compile(content, path, "exec", dont_inherit=True)
    require_v1(f"the script {path}")
    from engine.migration.code import NotPython
    from engine.migration.rewriting import Mode, rewrite

    try:
        done = rewrite(text, Mode.RUN)
    except NotPython:
        # Python's own error says it best.
        return compile(content, path, "exec", dont_inherit=True)
    tree = ast.parse(done.text, path)
    if done.prelude:
        _put_first(tree, done.prelude)
    return compile(tree, path, "exec", dont_inherit=True)


def _put_first(tree: ast.Module, lines: list[str]) -> None:
    """Put imports after a docstring and ``__future__`` imports, without lines of their own."""
    at = 0
    for statement in tree.body:
        is_docstring = at == 0 and isinstance(statement, ast.Expr)
        is_future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not (is_docstring or is_future):
            break
        at += 1
    new = ast.parse("\n".join(lines)).body
    for statement in new:
        for node in ast.walk(statement):
            if isinstance(node, ast.stmt):
                node.lineno = node.end_lineno = 1
                node.col_offset = node.end_col_offset = 0
    tree.body[at:at] = new
