"""raysmith: AutoML that lives on a Ray cluster."""

from engine._version import __version__
from engine.config import AutoMLConfig
from engine.errors import (
    AutoMLError,
    ConfigException,
    DataException,
    RunException,
    WorkspaceException,
)
from engine.experiment import Experiment
from engine.run import AutoMLRun, IterationRun
from engine.workspace import Workspace

__all__ = [
    "AutoMLConfig",
    "AutoMLError",
    "AutoMLRun",
    "ConfigException",
    "DataException",
    "Experiment",
    "IterationRun",
    "RunException",
    "Workspace",
    "WorkspaceException",
    "__version__",
]
