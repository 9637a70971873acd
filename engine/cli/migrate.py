"""The command ``raysmith migrate``: scripts of Azure ML SDK v1, rewritten."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from pathlib import Path

from engine.migration.files import FileReport, FileStatus, migrate_files
from engine.store.texts import plain_text

#: Exit codes; a file that cannot be migrated outweighs the others.
NOTHING_LEFT, WOULD_CHANGE, REMAINS, NOT_MIGRATABLE = 0, 1, 3, 4


def migrate(options: argparse.Namespace) -> int:
    """Print what would be rewritten, or rewrite files in place."""
    found = migrate_files([Path(file) for file in options.files], write=options.write)
    reports = []
    for report in found:
        reports.append(report)
        if not options.json:
            _print(report, options.write, options.check)
    code = exit_code(reports, options.check)
    if options.json:
        shown = {"exit_code": code, "files": [report.as_json() for report in reports]}
        print(json.dumps(shown, indent=1))
    return code


def exit_code(reports: Iterable[FileReport], check: bool = False) -> int:
    """Return the exit code for reports of files.

    Parameters
    ----------
    reports:
        One for each file.
    check:
        Whether a file that would be rewritten counts as an error.

    Examples
    --------
    >>> exit_code([FileReport(Path("a.py"), FileStatus.DONE)])
    0
    >>> exit_code([FileReport(Path("a.py"), FileStatus.DONE, diff="...")], check=True)
    1
    """
    reports = list(reports)
    states = {report.status for report in reports}
    if FileStatus.FAILED in states:
        return NOT_MIGRATABLE
    if check and any(report.diff for report in reports):
        return WOULD_CHANGE
    return REMAINS if FileStatus.REMAINS in states else NOTHING_LEFT


def _print(report: FileReport, write: bool, check: bool) -> None:
    """Print the diff to standard output, so that it can be kept, and all else to standard error."""
    path = report.path
    if report.status is FileStatus.FAILED:
        print(f"{path}: not migrated: {report.reason}", file=sys.stderr)
        return
    if not write and not check:
        # A lone half of a surrogate pair, which JSON can hold, has no UTF-8.
        diff = report.diff.encode("utf-8", "backslashreplace").decode()
        print(plain_text(diff) if sys.stdout.isatty() else diff, end="", flush=True)
    if report.backup is not None:
        print(f"{path}: rewritten; the old file is {report.backup}", file=sys.stderr)
    elif report.diff:
        print(f"{path}: would be rewritten", file=sys.stderr)
    elif not report.remains:
        print(f"{path}: nothing to do", file=sys.stderr)
    for finding in report.remains:
        print(f"{path}: {finding}", file=sys.stderr)
