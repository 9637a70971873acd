"""raysmith: AutoML on a Ray cluster.

The names that users import, by task:

- start runs: `Workspace`, `Experiment`, `AutoMLConfig`, `FeaturizationConfig`;
- follow and use them: `AutoMLRun`, `IterationRun`, `RunDetails`, `Endpoint`;
- explain and convert models: `explain_model`, `retrieve_model_explanation`, `onnx_inputs`;
- errors, all subclasses of `AutoMLError`: `ConfigException`, `DataException`, `ModelException`,
  `RunException`, `WorkspaceException`;
- a warning, `UnreadableValuesWarning`, of values that count as missing.

Compute targets are in the package `cluster`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from engine import model_copy
from engine._version import __version__

model_copy.stand_aside(__file__)

if TYPE_CHECKING:
    from engine.client.endpoints import Endpoint
    from engine.client.experiment import Experiment
    from engine.client.explanations import explain_model, retrieve_model_explanation
    from engine.client.iteration import IterationRun
    from engine.client.run import AutoMLRun
    from engine.client.workspace import Workspace
    from engine.config.automl_config import AutoMLConfig
    from engine.data.featurization import FeaturizationConfig
    from engine.errors import (
        AutoMLError,
        ConfigException,
        DataException,
        ModelException,
        RunException,
        UnreadableValuesWarning,
        WorkspaceException,
    )
    from engine.onnx.convert import onnx_inputs
    from engine.show.widget import RunDetails

__all__ = [
    "AutoMLConfig",
    "AutoMLError",
    "AutoMLRun",
    "ConfigException",
    "DataException",
    "Endpoint",
    "Experiment",
    "FeaturizationConfig",
    "IterationRun",
    "ModelException",
    "RunDetails",
    "RunException",
    "UnreadableValuesWarning",
    "Workspace",
    "WorkspaceException",
    "__version__",
    "explain_model",
    "onnx_inputs",
    "retrieve_model_explanation",
]

_ERRORS = "engine.errors"
_MODULES = {
    "AutoMLConfig": "engine.config.automl_config",
    "AutoMLError": _ERRORS,
    "AutoMLRun": "engine.client.run",
    "ConfigException": _ERRORS,
    "DataException": _ERRORS,
    "Endpoint": "engine.client.endpoints",
    "Experiment": "engine.client.experiment",
    "FeaturizationConfig": "engine.data.featurization",
    "IterationRun": "engine.client.iteration",
    "ModelException": _ERRORS,
    "RunDetails": "engine.show.widget",
    "RunException": _ERRORS,
    "UnreadableValuesWarning": _ERRORS,
    "Workspace": "engine.client.workspace",
    "explain_model": "engine.client.explanations",
    "onnx_inputs": "engine.onnx.convert",
    "retrieve_model_explanation": "engine.client.explanations",
    "WorkspaceException": _ERRORS,
}


def __getattr__(name: str) -> Any:
    """Import a public name on its first use.

    A worker that imports ``engine.driver.trial`` does not import MLflow then, which saves a second
    and tens of megabytes.
    """
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
