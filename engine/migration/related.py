"""Scripts beside a file that it names: data scripts, and entry scripts of endpoints."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from pathlib import Path

import libcst as cst

from engine.migration.code import Code, NotPython, dotted, literal
from engine.migration.ipython_lines import mask

_NAMES = {"data_script", "entry_script", "execution_script"}


def related_scripts(parts: Sequence[str], path: Path) -> list[Path]:
    """Find the scripts that a program names and that lie beside it.

    Parameters
    ----------
    parts:
        The program, or the cells of the notebook.
    path:
        Its file.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "get_data.py").write_text("")
    ...     program = 'AutoMLConfig(data_script=project + "/get_data.py")'
    ...     [found.name for found in related_scripts([program], Path(folder, "run.py"))]
    ['get_data.py']
    """
    if not any(name in part for part in parts for name in _NAMES):
        return []
    found: dict[Path, None] = {}
    for code in _codes(parts, path):
        for value in _values(code):
            for name in (_text(code, value), _last_text(value)):
                place = _beside(path, name)
                if place is not None:
                    found[place] = None
                    break
    return list(found)


def _codes(parts: Sequence[str], path: Path) -> Iterator[Code]:
    masked = [mask(part) for part in parts] if path.suffix == ".ipynb" else []
    texts = [cell.body for cell in masked if cell.is_python and not cell.is_file] or list(parts)
    try:
        yield Code("\n".join(texts))
    except NotPython:
        for text in texts:
            try:
                yield Code(text)
            except NotPython:
                continue


def _values(code: Code) -> Iterator[cst.BaseExpression]:
    for node in code.nodes():
        match node:
            case cst.Arg(keyword=cst.Name(value=name)) if name in _NAMES:
                yield node.value
            case cst.DictElement() if literal(node.key) in _NAMES:
                yield node.value


def _text(code: Code, node: cst.BaseExpression, depth: int = 8) -> str:
    """Return the text that an expression of constants makes; empty when it cannot be told."""
    if depth == 0:
        return ""
    value = literal(node)
    if isinstance(value, str):
        return value
    if isinstance(node, cst.BinaryOperation) and isinstance(node.operator, cst.Add):
        left, right = _text(code, node.left, depth - 1), _text(code, node.right, depth - 1)
        return left + right if left and right else ""
    if isinstance(node, cst.Call) and dotted(node.func) == "os.path.join":
        parts = [_text(code, arg.value, depth - 1) for arg in node.args]
        return "/".join(parts) if all(parts) else ""
    if isinstance(node, cst.FormattedString):
        parts = [
            part.value
            if isinstance(part, cst.FormattedStringText)
            else _text(code, part.expression, depth - 1)
            for part in node.parts
            if isinstance(part, cst.FormattedStringText | cst.FormattedStringExpression)
        ]
        return "".join(parts) if all(parts) else ""
    given = code.single_value(node)
    return _text(code, given, depth - 1) if given is not None else ""


def _last_text(node: cst.CSTNode) -> str:
    """Return the last text inside an expression: ``get_data.py`` of ``folder + "/get_data.py"``."""
    found = ""
    waiting = [node]
    while waiting:
        at = waiting.pop(0)
        if isinstance(at, cst.SimpleString) and isinstance(at.evaluated_value, str):
            found = at.evaluated_value
        elif isinstance(at, cst.FormattedStringText):
            found = at.value
        waiting += at.children
    return found


def _beside(path: Path, name: str) -> Path | None:
    """Return the file of that name beside a file or below its folder."""
    if not name.endswith(".py"):
        return None
    folder, last = path.parent, Path(name).name
    below = list(folder.glob(f"*/{glob.escape(last)}"))
    # The folder may be known at run time only: then the one file of that name is meant.
    candidates = [folder / name, folder / name.lstrip("/"), folder / last]
    for place in candidates + below if len(below) == 1 else candidates:
        inside = place.resolve().is_relative_to(path.parent.resolve())
        if inside and place.is_file() and place.resolve() != path.resolve():
            return place
    return None
