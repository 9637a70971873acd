"""Notebooks, rewritten cell by cell, as one program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from engine.migration.code import NotPython, check_parses
from engine.migration.ipython_lines import MaskedCell, mask
from engine.migration.known_names import Ask, ask_tree
from engine.migration.rewriting import Findings, Mode, Place, Rewritten, rewrite, rewrite_parts


@dataclass(frozen=True)
class RewrittenCells:
    """Cells of a notebook after their migration.

    Attributes
    ----------
    cells:
        The new sources, in the order of the old.
    edits, remarks, remarks_after, prelude:
        As in `engine.migration.rewriting.Rewritten`; parts are indices of cells.
    not_python:
        Index of a cell that Python 3 cannot parse -> reason. Such cells are kept.
    """

    cells: list[str]
    edits: Findings
    remarks: Findings
    remarks_after: Findings
    prelude: list[str]
    not_python: dict[int, str]


def rewrite_cells(
    sources: Sequence[str], mode: Mode = Mode.MIGRATE, ask: Ask = ask_tree
) -> RewrittenCells:
    """Rewrite the cells of code of a notebook, which share their names.

    IPython's lines are kept. Cells of other languages too. The body of a ``%%writefile x.py`` is
    a program of its own, and always rewritten as `Mode.MIGRATE` says.

    Examples
    --------
    >>> rewrite_cells(["%pylab inline\\nimport numpy as n", "n.NaN?", "n.NaN"]).cells
    ['%pylab inline\\nimport numpy as n', 'n.NaN?', 'n.nan']
    """
    masked = [mask(source) for source in sources]
    not_python = {
        index: reason
        for index, cell in enumerate(masked)
        if cell.is_python and (reason := _problem(cell.body))
    }
    good = [i for i, cell in enumerate(masked) if cell.is_python and i not in not_python]
    groups = [[i for i in good if not masked[i].is_file], *([i] for i in good if masked[i].is_file)]
    cells = list(sources)
    told: dict[str, Findings] = {"edits": [], "remarks": [], "remarks_after": []}
    prelude: list[str] = []
    for group in groups:
        done = _rewrite_group(masked, group, mode, ask)
        for index, body in zip(group, done.parts, strict=True):
            cells[index] = masked[index].restored(body)
        for name, findings in told.items():
            findings += _in_cells(masked, group, getattr(done, name))
        prelude += done.prelude
    for index, reason in not_python.items():
        told["remarks"].append((Place(index, 1), reason))
        told["remarks_after"].append((Place(index, 1), reason))
    return RewrittenCells(
        cells,
        sorted(told["edits"]),
        sorted(told["remarks"]),
        sorted(told["remarks_after"]),
        prelude,
        not_python,
    )


def _rewrite_group(
    masked: Sequence[MaskedCell], group: Sequence[int], mode: Mode, ask: Ask
) -> Rewritten:
    bodies = [masked[index].body for index in group]
    if len(group) == 1 and masked[group[0]].is_file:
        return rewrite(bodies[0], Mode.MIGRATE, ask)
    return rewrite_parts(bodies, mode, ask)


def _in_cells(masked: Sequence[MaskedCell], group: Sequence[int], findings: Findings) -> Findings:
    """Give findings the places of their cells: a cell magic has lines of its own."""
    return [
        (Place(group[place.part], place.line + masked[group[place.part]].head.count("\n")), what)
        for place, what in findings
    ]


def _problem(body: str) -> str:
    """Return why Python 3 cannot parse a body; empty when it can."""
    try:
        check_parses(body)
    except NotPython as error:
        return str(error)
    return ""
