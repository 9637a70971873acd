"""Preparation of a run from its configuration: absolute paths, data chosen and checked."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.callers import level_of_user
from engine.config.settings import Settings
from engine.config.specification import RunSpecification
from engine.data.check import check_features
from engine.data.data_script import check_script
from engine.data.keys import TABLE_KEYS
from engine.data.matrix import in_pandas
from engine.data.sources import DirectData, ScriptData, TableFiles
from engine.data.splits import check_plan
from engine.data.tables import are_read_by_trials, read_table
from engine.errors import DataException, UnreadableValuesWarning


def prepare(settings: Settings, data: Mapping[str, Any]) -> RunSpecification:
    """Make the specification of a run.

    Parameters
    ----------
    settings:
        The checked settings.
    data:
        The data that was given, under the names of `AutoMLConfig`'s parameters.

    Raises
    ------
    DataException
        When the data cannot be used, or a script or file is missing.
    """
    settings = _with_absolute_paths(settings)
    # Tables of other libraries may be views of files, which a stored copy must not be.
    raw = {name: in_pandas(value) for name, value in data.items()}
    X_explain = raw.pop("X_valid") if "X_valid" in raw and "y_valid" not in raw else None
    run_data = _run_data(settings, raw)
    if isinstance(run_data, DirectData):
        _warn_about(run_data, settings)
        if X_explain is not None:
            check_features(X_explain, run_data.read())
    return RunSpecification(settings, run_data, X_explain)


def _run_data(settings: Settings, raw: Mapping[str, Any]) -> ScriptData | TableFiles | DirectData:
    """Choose where the data is read: where the trials run, or here and now."""
    rules = settings.data_rules
    if settings.data_script is not None:
        return ScriptData(rules, settings.data_script, settings.path)
    tables = {key: raw[key] for key in TABLE_KEYS if key in raw}
    if not tables:
        return DirectData.checked(raw, rules)
    words = {
        "label": settings.label_column_name,
        "weight": settings.weight_column_name,
        "drop_columns": settings.drop_column_names,
    }
    if are_read_by_trials(tables.values(), settings.is_remote):
        paths = {key: _absolute(path) for key, path in tables.items()}
        return TableFiles(rules, {**raw, **paths, **words})
    read = {key: read_table(table) for key, table in tables.items()}
    return DirectData.checked({**raw, **read, **words}, rules)


def _absolute(path: str | os.PathLike[str]) -> str:
    """Return a path that is valid in another process; a URI as it is."""
    text = os.fspath(path)
    if "://" in text:
        return text
    if not Path(text).exists():
        raise DataException(f"the file {Path(text).absolute()} does not exist")
    return str(Path(text).absolute())


def _with_absolute_paths(settings: Settings) -> Settings:
    """Return settings whose paths are valid where the driver runs."""
    changes: dict[str, Any] = {"path": str(Path(settings.path).absolute())}
    if settings.debug_log is not None:
        changes["debug_log"] = str(Path(settings.debug_log).absolute())
    if settings.data_script is not None:
        script = check_script(settings.data_script, settings.path)
        changes |= (
            _project(script, changes["path"])
            if settings.is_remote
            else {"data_script": str(script)}
        )
    return settings.with_changes(changes)


def _project(script: Path, path: str) -> dict[str, str]:
    """Return the folder that goes to the cluster, and the script's path in it."""
    folder = Path(path).resolve()
    if folder == Path.cwd().resolve() or not script.is_relative_to(folder):
        folder = script.parent
    return {"path": str(folder), "data_script": str(script.relative_to(folder))}


def _warn_about(data: DirectData, settings: Settings) -> None:
    """Give the warnings about checked data, at the user's line."""
    dataset = data.read()
    for note in (*dataset.notes, *check_plan(dataset.summary(), settings.split_plan)):
        kind = UnreadableValuesWarning if note in dataset.unreadable else UserWarning
        warnings.warn(note, kind, stacklevel=level_of_user())
