"""Everything that the documentation reads from the code: the one module that imports internals."""

from __future__ import annotations

import argparse
import ast
import importlib
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

#: The import packages whose public names the API reference lists.
PACKAGES = ("engine", "cluster")

# Each name with the room that defines it, in whichever of its modules.
_FIELDS = "engine.config:FIELDS"
_DATA_PARAMETERS = "engine.config:DATA_PARAMETERS"
_METRICS = (
    "engine.metrics:CLASSIFICATION_METRICS",
    "engine.metrics:REGRESSION_METRICS",
    "engine.metrics:BINARY_METRICS",
)
_DEFAULT_METRIC = "engine.metrics:DEFAULT_METRIC"
_CLASSIFIERS = "engine.pipelines:CLASSIFIERS"
_REGRESSORS = "engine.pipelines:REGRESSORS"
_SCALERS = "engine.pipelines:SCALERS"
_PARSER = "engine.cli:make_parser"
_RUN_STATUS = "engine.store:RunStatus"
_ITERATION_STATUS = "engine.store:IterationStatus"
_MLFLOW_STATUS = "engine.store:MLFLOW_STATUS"
_RUN_FILES = (
    "engine.store:_SPEC_FILE",
    "engine.config:DATA_FILE",
    "engine.config:EXPLAIN_FILE",
    "engine.show:QUALITY_FILE",
    "engine.show:DATA_FILE",
    "engine.show:REPORT_FILE",
    "engine.store:LOG_FILE",
    "engine.store:MODEL_FILE",
    "engine.store:PREDICTIONS_FILE",
    "engine.store:MLFLOW_MODEL",
    "engine.store:CARD_FILE",
    "engine.explain:FILE",
)
#: Modules of the tree that SDK v1 does not have.
_OF_RAYSMITH = {
    "engine.azureml.core.service_packages",
    "engine.azureml.core.workspace_identity",
    "engine.azureml.data.paths",
    "engine.azureml.lazy_package",
    "engine.azureml.unavailable",
}


def _load(place: str) -> Any:
    """The object at ``room:name``.

    Raises
    ------
    LookupError
        When no module of the room defines it.
    """
    room, _, name = place.partition(":")
    defines = re.compile(
        rf"^(?:(?:class|def) {name}\b|(?:\w+, )*{name}\b(?:, \w+)*(?::[^=\n]+)? =)", re.MULTILINE
    )
    for file in sorted((ROOT / room.replace(".", "/")).rglob("*.py")):
        if defines.search(file.read_text(encoding="utf-8")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            return getattr(importlib.import_module(module.removesuffix(".__init__")), name)
    raise LookupError(f"no module of {room} defines {name}; name its new room in {__name__}")


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


def run_states() -> list[str]:
    """The states of a run, in order."""
    return [str(state) for state in _load(_RUN_STATUS)]


def iteration_states() -> list[str]:
    """The states of an iteration, in order."""
    return [str(state) for state in _load(_ITERATION_STATUS)]


def final_states() -> dict[str, set[str]]:
    """The states of runs and of iterations that have ended."""
    return {
        "Runs": {str(state) for state in _load(_RUN_STATUS) if state.is_final},
        "Iterations": {str(state) for state in _load(_ITERATION_STATUS) if state.is_final},
    }


def mlflow_statuses() -> dict[str, str]:
    """The MLflow status of each state of a run or an iteration."""
    return {str(state): status for state, status in _load(_MLFLOW_STATUS).items()}


def run_files() -> list[str]:
    """The names of the files that a run leaves in the store."""
    return [_load(place) for place in _RUN_FILES]


def tags() -> set[str]:
    """The MLflow tags of raysmith's own that the code writes or reads.

    A tag with a variable end is cut after its last dot: ``raysmith.property.``.
    """
    found = re.findall(r"\{_?(?:TAG|PREFIX)\}([a-z_.]+)", _code("engine/store"))
    return {f"raysmith.{name}" for name in found}


def environment_variables() -> set[str]:
    """The environment variables with the prefix ``RAYSMITH_`` that the code names."""
    return set(re.findall(r"\bRAYSMITH_[A-Z]+(?:_[A-Z]+)*", _code(*PACKAGES)))


def azureml_names() -> dict[str, list[str]]:
    """The modules of the tree by their names in SDK v1, and the names that each offers."""
    return {
        name.removeprefix("engine."): _offered(name, text)
        for name, text in _azureml_modules().items()
        if "unavailable_module(" not in text
    }


def azureml_unavailable() -> dict[str, str]:
    """The modules of the tree of which nothing is available, and what to use instead."""
    return {
        name.removeprefix("engine."): str(importlib.import_module(name).Any.way)
        for name, text in _azureml_modules().items()
        if "unavailable_module(" in text
    }


def _offered(name: str, text: str) -> list[str]:
    """What a module defines, or names in ``__all__``, or imports on first use."""
    module = importlib.import_module(name)
    if hasattr(module, "__all__"):
        return sorted(module.__all__)
    if "lazy_package(" in text:
        found = [n for n in dir(module) if n != "lazy_package" and not n.startswith("_")]
        return [n for n in found if f"{name}.{n}" not in sys.modules]
    tree = ast.parse(text)
    defined = [n.name for n in tree.body if isinstance(n, ast.ClassDef | ast.FunctionDef)]
    for node in tree.body:
        if isinstance(node, ast.Assign):
            defined += [t.id for t in node.targets if isinstance(t, ast.Name)]
    return sorted(n for n in defined if not n.startswith("_"))


def _azureml_modules() -> dict[str, str]:
    """Module -> source text, without the parts of the tree that SDK v1 does not have."""
    root = ROOT / "engine" / "azureml"
    found = {}
    for file in sorted(root.rglob("*.py")):
        name = ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        if name not in _OF_RAYSMITH:
            found[name] = file.read_text(encoding="utf-8")
    return found


def _code(*folders: str) -> str:
    files = (file for folder in folders for file in sorted((ROOT / folder).rglob("*.py")))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)
