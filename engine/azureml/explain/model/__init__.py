"""Explanations of models, by the module paths of 2019."""

from engine.azureml.lazy_package import lazy_package

__getattr__, __dir__ = lazy_package(
    __name__, {"MimicWrapper": "engine.azureml.interpret.mimic_wrapper"}
)
