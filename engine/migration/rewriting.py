"""One source, rewritten: imports, idioms, and what remains for a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import count

import libcst as cst

from engine.migration.code import TOO_DEEP, Code, NotPython
from engine.migration.edits import Edit, Finding, Remark, apply, newlines, without_overlaps
from engine.migration.imports import BINDING, import_edits, needs_binding
from engine.migration.interpret_names import interpret_edits
from engine.migration.known_names import Ask, ask_tree
from engine.migration.needs import may_need
from engine.migration.numpy_names import numpy_edits
from engine.migration.package_versions import version_edits
from engine.migration.pandas_calls import pandas_edits
from engine.migration.remaining import remarks
from engine.migration.sklearn_paths import sklearn_edits

_BUFFER = "from io import StringIO"
#: Edits can make room for others, for example by binding a name. More rounds have no work.
_ROUNDS = 8


class Mode(StrEnum):
    """What is rewritten.

    ``MIGRATE``: imports and idioms. ``RUN``: idioms only, as the names ``azureml.*`` answer, and
    lines keep their numbers.
    """

    MIGRATE = "migrate"
    RUN = "run"


@dataclass(frozen=True, order=True)
class Place:
    """Where a finding is.

    Attributes
    ----------
    part:
        Index of the part, 0 for a script.
    line:
        Line in the part, from 1 on.
    """

    part: int
    line: int


Findings = list[tuple[Place, str]]


@dataclass(frozen=True)
class Rewritten:
    """A source after its migration.

    Attributes
    ----------
    parts:
        The new texts, one for each text given.
    edits:
        Place in the old text, and what was done there.
    remarks:
        Place in the old text, and what a person must look at.
    remarks_after:
        The same with places in the new text.
    prelude:
        Imports that must come before texts of `Mode.RUN`; migrated texts hold them.
    """

    parts: list[str]
    edits: Findings = field(default_factory=list)
    remarks: Findings = field(default_factory=list)
    remarks_after: Findings = field(default_factory=list)
    prelude: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The new text of a source that has one part."""
        (text,) = self.parts
        return text


def rewrite(text: str, mode: Mode = Mode.MIGRATE, ask: Ask = ask_tree) -> Rewritten:
    """Rewrite a source; everything that is not rewritten keeps its bytes.

    Parameters
    ----------
    text:
        Python source without a byte order mark.
    mode:
        What is rewritten.
    ask:
        Answers for names of the retired service's SDK.

    Raises
    ------
    NotPython
        When Python 3 cannot parse it.

    Examples
    --------
    >>> print(rewrite("import numpy as np\\nx = np.NaN\\n").text, end="")
    import numpy as np
    x = np.nan
    """
    return rewrite_parts([text], mode, ask)


def rewrite_parts(
    texts: Sequence[str], mode: Mode = Mode.MIGRATE, ask: Ask = ask_tree
) -> Rewritten:
    """Rewrite sources that share their names, as the cells of a notebook do; see `rewrite`.

    Examples
    --------
    >>> rewrite_parts(["import numpy as np", "np.NaN"]).parts
    ['import numpy as np', 'np.nan']
    """
    if not any(may_need(text) for text in texts):
        return Rewritten(list(texts))
    try:
        return _rewrite(texts, mode, ask)
    except RecursionError:
        raise NotPython(1, TOO_DEEP) from None


def _rewrite(texts: Sequence[str], mode: Mode, ask: Ask) -> Rewritten:
    joined = _Joined(texts)
    code = Code(joined.text)
    before = joined.told(code, _remarks(code, mode, ask))
    edits: Findings = []
    prelude: list[str] = []
    for _ in range(_ROUNDS):
        found = without_overlaps(_edits(code, mode))
        missing = [line for line in _missing(code, edits, mode) if line not in prelude]
        if mode is Mode.RUN:
            prelude += missing
        elif missing and not found:
            found = [_insertion(code, missing)]
        if not found:
            break
        edits += joined.told(code, found)
        changed = apply(code.bytes, found, code.newline, keep_lines=mode is Mode.RUN)
        code = Code(changed.decode("utf-8", "surrogatepass"))
    after = joined.told(code, _remarks(code, mode, ask))
    return Rewritten(joined.split(code.text), edits, before, after, prelude)


class _Joined:
    """Texts, one after the other, with a comment between them that they do not hold."""

    def __init__(self, texts: Sequence[str]) -> None:
        whole = "".join(texts)
        mark = next(m for n in count() if (m := f"# next part {n} of the notebook") not in whole)
        self._mark = f"\n{mark}\n"
        self.text = self._mark.join(texts)

    def split(self, text: str) -> list[str]:
        """Return the parts of the text after its edits."""
        return text.split(self._mark)

    def told(self, code: Code, findings: Iterable[Edit | Remark]) -> Findings:
        """Return place and text of findings, each once, in order."""
        mark = self._mark.encode()
        told: Findings = []
        for one in sorted(findings, key=lambda one: (one.start, one.what)):
            part = code.bytes.count(mark, 0, one.start)
            start = code.bytes.rfind(mark, 0, one.start) + len(mark) if part else 0
            told.append((Place(part, newlines(code.bytes[start : one.start]) + 1), one.what))
        return list(dict.fromkeys(told))


def _edits(code: Code, mode: Mode) -> Iterator[Edit]:
    if mode is Mode.MIGRATE:
        yield from import_edits(code)
    yield from (f for f in _idioms(code) if isinstance(f, Edit))


def _remarks(code: Code, mode: Mode, ask: Ask) -> Iterator[Remark]:
    yield from (f for f in _idioms(code) if isinstance(f, Remark))
    if mode is Mode.MIGRATE:
        yield from remarks(code, ask)


def _idioms(code: Code) -> Iterator[Finding]:
    for node in code.nodes():
        for rule in (numpy_edits, pandas_edits, sklearn_edits, version_edits, interpret_edits):
            yield from rule(code, node)


def _missing(code: Code, edits: Findings, mode: Mode) -> Iterator[str]:
    """Imports that the source needs and does not have."""
    if needs_binding(code):
        yield BINDING if mode is Mode.MIGRATE else "import azureml.core"
    wraps = any("read_json" in what for _, what in edits)
    if wraps and not code.binds("StringIO") and code.reads("StringIO"):
        yield _BUFFER


def _insertion(code: Code, lines: list[str]) -> Edit:
    """Return the edit that puts imports at the top: after docstring and ``__future__``."""
    body = code.module.body
    index = 0
    for index, statement in enumerate(body):
        if not _stays_first(statement, index):
            break
    else:
        index = len(body)
    text = "".join(f"{line}\n" for line in lines)
    what = f"{'; '.join(lines)}: needed below"
    if index == 0:
        at = _first_offset(code, body[0])
        return Edit(at, at, text, what)
    end = code.line_end(code.span(body[index - 1])[1])
    is_open = end == len(code.bytes) and not code.module.has_trailing_newline
    return Edit(end, end, f"\n{text}" if is_open else text, what)


def _stays_first(statement: cst.CSTNode, index: int) -> bool:
    if not isinstance(statement, cst.SimpleStatementLine):
        return False
    first = statement.body[0]
    if isinstance(first, cst.Expr):
        return index == 0 and isinstance(first.value, cst.SimpleString | cst.ConcatenatedString)
    return (
        isinstance(first, cst.ImportFrom)
        and isinstance(first.module, cst.Name)
        and first.module.value == "__future__"
    )


def _first_offset(code: Code, statement: cst.CSTNode) -> int:
    """Return where a statement begins, its decorators included."""
    if isinstance(statement, cst.FunctionDef | cst.ClassDef) and statement.decorators:
        return code.span(statement.decorators[0])[0]
    return code.span(statement)[0]
