"""Everything that the documentation reads from the code: the one module that imports internals."""

from __future__ import annotations

import argparse
import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

#: The import packages whose public names the API reference lists.
PACKAGES = ("engine", "cluster")

_FIELDS = "engine.settings:FIELDS"
_DATA_PARAMETERS = "engine.config:DATA_PARAMETERS"
_METRICS = (
    "engine.metrics:CLASSIFICATION_METRICS",
    "engine.metrics:REGRESSION_METRICS",
    "engine.metrics:BINARY_METRICS",
)
_DEFAULT_METRIC = "engine.metrics:DEFAULT_METRIC"
_CLASSIFIERS = "engine.pipelines.catalogue:CLASSIFIERS"
_REGRESSORS = "engine.pipelines.catalogue:REGRESSORS"
_SCALERS = "engine.pipelines.catalogue:SCALERS"
_PARSER = "engine.cli:_parser"
_RUN_STATES = "engine.records:RUN_STATES"
_FINAL_STATES = "engine.records:FINAL_STATES"
_ITERATION_ENDS = "engine.records:ITERATION_ENDS"
_MLFLOW_STATUS = "engine.store:_MLFLOW_STATUS"
_RUN_FILES = (
    "engine.store:_SPEC_FILE",
    "engine.store:_DATA_FILE",
    "engine.given:EXPLAIN_FILE",
    "engine.show.state:QUALITY_FILE",
    "engine.show.state:DATA_FILE",
    "engine.show.report:REPORT_FILE",
    "engine.store:LOG_FILE",
    "engine.store:MODEL_FILE",
    "engine.store:PREDICTIONS_FILE",
    "engine.models:MLFLOW_MODEL",
    "engine.show.model_card:CARD_FILE",
    "engine.explain.runs:FILE",
)


def _load(place: str) -> Any:
    """The object at ``module:name``."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def public_names(package: str) -> list[str]:
    """The names that a package offers, without ``__version__``."""
    names = importlib.import_module(package).__all__
    return sorted(name for name in names if not name.startswith("_"))


def public_object(package: str, name: str) -> Any:
    """What ``package.name`` is."""
    return getattr(importlib.import_module(package), name)


def config_fields() -> Mapping[str, Any]:
    """The dataclass field of each configuration parameter that is not data."""
    fields: Mapping[str, Any] = _load(_FIELDS)
    return fields


def data_parameters() -> tuple[str, ...]:
    """The configuration parameters that hold data."""
    return tuple(_load(_DATA_PARAMETERS))


def metrics() -> dict[str, Any]:
    """Every metric that a run can record, by name."""
    return {name: metric for table in _METRICS for name, metric in _load(table).items()}


def default_metrics() -> Mapping[str, str]:
    """The primary metric of each task when none is given."""
    names: Mapping[str, str] = _load(_DEFAULT_METRIC)
    return names


def estimators() -> dict[str, Mapping[str, Any]]:
    """The catalogue's entries of each task, by name."""
    return {"classification": _load(_CLASSIFIERS), "regression": _load(_REGRESSORS)}


def scalers() -> Mapping[str, Any]:
    """The catalogue's preprocessors, by name."""
    entries: Mapping[str, Any] = _load(_SCALERS)
    return entries


def command_parser() -> argparse.ArgumentParser:
    """The parser of the command ``raysmith``."""
    parser: argparse.ArgumentParser = _load(_PARSER)()
    return parser


def run_states() -> tuple[str, ...]:
    """The states of a run, in order."""
    return tuple(str(state) for state in _load(_RUN_STATES))


def final_states() -> set[str]:
    """The states of a run that has ended."""
    return {str(state) for state in _load(_FINAL_STATES)}


def iteration_ends() -> set[str]:
    """The states of an iteration that has ended."""
    return {str(state) for state in _load(_ITERATION_ENDS)}


def mlflow_statuses() -> dict[str, str]:
    """The MLflow status of each state of a run or an iteration."""
    return {str(state): status for state, status in _load(_MLFLOW_STATUS).items()}


def run_files() -> list[str]:
    """The names of the files that a run leaves in the store."""
    return [_load(place) for place in _RUN_FILES]


def tags() -> set[str]:
    """The MLflow tags of raysmith's own that the code writes or reads.

    A tag with a variable end is given up to its last dot: ``raysmith.property.``.
    """
    found = re.findall(r"\{_?TAG\}([a-z_.]+)", _code("engine"))
    return {f"raysmith.{name}" for name in found}


def environment_variables() -> set[str]:
    """The environment variables with the prefix ``RAYSMITH_`` that the code names."""
    return set(re.findall(r"\bRAYSMITH_[A-Z]+(?:_[A-Z]+)*", _code(*PACKAGES)))


def _code(*packages: str) -> str:
    files = (file for package in packages for file in sorted((ROOT / package).rglob("*.py")))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
