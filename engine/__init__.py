"""raysmith: AutoML that lives on a Ray cluster."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine._version import __version__

if TYPE_CHECKING:
    from engine.config import AutoMLConfig
    from engine.errors import (
        AutoMLError,
        ConfigException,
        DataException,
        RunException,
        WorkspaceException,
    )
    from engine.experiment import Experiment
    from engine.featurization import FeaturizationConfig
    from engine.run import AutoMLRun, IterationRun
    from engine.workspace import Workspace

__all__ = [
    "AutoMLConfig",
    "AutoMLError",
    "AutoMLRun",
    "ConfigException",
    "DataException",
    "Experiment",
    "FeaturizationConfig",
    "IterationRun",
    "RunException",
    "Workspace",
    "WorkspaceException",
    "__version__",
]

_ERRORS = "engine.errors"
_MODULES = {
    "AutoMLConfig": "engine.config",
    "AutoMLError": _ERRORS,
    "AutoMLRun": "engine.run",
    "ConfigException": _ERRORS,
    "DataException": _ERRORS,
    "Experiment": "engine.experiment",
    "FeaturizationConfig": "engine.featurization",
    "IterationRun": "engine.run",
    "RunException": _ERRORS,
    "Workspace": "engine.workspace",
    "WorkspaceException": _ERRORS,
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used.

    A worker that imports ``engine.trial`` thus does not import MLflow: a second of its start and
    tens of megabytes.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
