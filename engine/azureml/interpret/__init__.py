"""Explanations of models, by the module paths of 2020."""

from engine.azureml.lazy_package import lazy_package

_HERE = __name__

__getattr__, __dir__ = lazy_package(
    __name__,
    {
        "ExplanationClient": f"{_HERE}.explanation_client",
        "ExplanationDashboard": f"{_HERE}.visualize",
        "MimicWrapper": f"{_HERE}.mimic_wrapper",
    },
)
