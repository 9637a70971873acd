"""Automated training: `AutoMLConfig`, its runs and the explanations of its models."""

from engine.azureml.lazy_package import lazy_package

_HERE = __name__
_VERSION = "engine.azureml.core.version"

__getattr__, __dir__ = lazy_package(
    __name__,
    {
        "AutoMLConfig": f"{_HERE}.automlconfig",
        "AutoMLRun": f"{_HERE}.run",
        "AutoMLStep": "engine.azureml.pipeline.steps",
        "VERSION": _VERSION,
        "__version__": _VERSION,
        "explain_model": f"{_HERE}.automlexplainer",
        "retrieve_model_explanation": f"{_HERE}.automlexplainer",
    },
)
