"""Files, migrated: scripts and notebooks, and the data scripts beside them."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from engine.errors import AutoMLError
from engine.migration.known_names import Ask, ask_tree
from engine.migration.needs import require_v1
from engine.migration.text_files import TextFile, read_text


class FileStatus(StrEnum):
    """What a migration made of a file.

    ``DONE``: nothing is left. ``REMAINS``: a person must look at something. ``FAILED``: the file
    cannot be migrated, and was left as it was.
    """

    DONE = "done"
    REMAINS = "remains"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """A place in a file.

    Attributes
    ----------
    cell:
        Number of the cell, from 1 on, in a notebook; else ``None``.
    line:
        Line in the file or the cell, from 1 on.
    what:
        What was done there, or what a person must look at.
    """

    cell: int | None
    line: int
    what: str

    def __str__(self) -> str:
        place = f"line {self.line}" if self.cell is None else f"cell {self.cell}, line {self.line}"
        return f"{place}: {self.what}"


@dataclass(frozen=True)
class FileReport:
    """What a migration made of a file.

    Attributes
    ----------
    path:
        The file.
    status:
        What became of it.
    edits, remains:
        What was rewritten, by places in the old text; what a person must look at, by places in
        the file as it is now.
    diff:
        Unified diff; empty when nothing is rewritten.
    related:
        Scripts that lie beside the file and that it names as ``data_script`` or entry script.
    reason:
        Why it cannot be migrated.
    backup:
        Copy of the old file, when it was written.
    """

    path: Path
    status: FileStatus
    edits: list[Finding] = field(default_factory=list)
    remains: list[Finding] = field(default_factory=list)
    diff: str = ""
    related: list[Path] = field(default_factory=list)
    reason: str = ""
    backup: Path | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {
            "file": str(self.path),
            "status": self.status.value,
            "changed": bool(self.diff),
            "edits": [vars(edit) for edit in self.edits],
            "remains": [vars(one) for one in self.remains],
            "reason": self.reason or None,
            "backup": None if self.backup is None else str(self.backup),
        }


def migrate_files(
    paths: Sequence[Path], write: bool = False, ask: Ask = ask_tree
) -> Iterator[FileReport]:
    """Migrate files, and the scripts beside them that they name; yield a report for each.

    Parameters
    ----------
    paths:
        Scripts and notebooks. A file that cannot be migrated does not stop the others.
    write:
        Whether the files are written, each with a backup; default: they are left.
    ask:
        Answers for names of the retired service's SDK.

    Raises
    ------
    ConfigException
        When the packages of the extra ``v1`` are missing.
    """
    require_v1("raysmith migrate")
    waiting, seen = list(paths), set()
    while waiting:
        path = waiting.pop(0)
        if (place := path.resolve()) in seen:
            continue
        seen.add(place)
        report = migrate_file(path, write, ask)
        yield report
        waiting += report.related


def migrate_file(path: Path, write: bool = False, ask: Ask = ask_tree) -> FileReport:
    """Migrate one file; see `migrate_files`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "a.py")
    ...     _ = file.write_text("import numpy\\nnumpy.NaN")
    ...     print(migrate_file(file, write=True).status.value, file.read_text())
    done import numpy
    numpy.nan
    """
    try:
        old = read_text(path)
        work = _notebook if path.suffix == ".ipynb" else _script
        report, text = work(old, write, ask)
        if write and text != old.text:
            return FileReport(**{**vars(report), "backup": old.write(text)})
        return report
    except AutoMLError as error:
        return FileReport(path, FileStatus.FAILED, reason=str(error))
    except OSError as error:
        return FileReport(path, FileStatus.FAILED, reason=f"cannot be written: {error}")


def _script(old: TextFile, write: bool, ask: Ask) -> tuple[FileReport, str]:
    from engine.migration.related import related_scripts
    from engine.migration.rewriting import rewrite

    done = rewrite(old.text, ask=ask)
    old.encoded(done.text)
    remains = done.remarks_after if write else done.remarks
    report = FileReport(
        old.path,
        FileStatus.REMAINS if remains else FileStatus.DONE,
        [Finding(None, place.line, what) for place, what in done.edits],
        [Finding(None, place.line, what) for place, what in remains],
        _diff(str(old.path), old.text, done.text),
        related_scripts(done.parts, old.path),
    )
    return report, done.text


def _notebook(old: TextFile, write: bool, ask: Ask) -> tuple[FileReport, str]:
    from engine.migration.notebook_text import NotANotebook, code_cells, replaced
    from engine.migration.notebooks import rewrite_cells
    from engine.migration.related import related_scripts

    cells = code_cells(old.text)
    done = rewrite_cells([cell.source for cell in cells], ask=ask)
    if cells and len(done.not_python) == len(cells):
        raise NotANotebook(f"no cell is Python 3: {next(iter(done.not_python.values()))}")
    new = {
        cell: source
        for cell, source in zip(cells, done.cells, strict=True)
        if source != cell.source
    }
    remains = done.remarks_after if write else done.remarks
    report = FileReport(
        old.path,
        FileStatus.REMAINS if remains else FileStatus.DONE,
        [Finding(cells[place.part].number, place.line, what) for place, what in done.edits],
        [Finding(cells[place.part].number, place.line, what) for place, what in remains],
        "".join(
            _diff(f"{old.path} cell {cell.number}", cell.source, source)
            for cell, source in new.items()
        ),
        related_scripts(done.cells, old.path),
    )
    return report, replaced(old.text, new)


def _diff(name: str, old: str, new: str) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), name, name
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
