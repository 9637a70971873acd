"""Explanations of automated training, by the module paths of 2020."""

from engine.azureml.lazy_package import lazy_package

__getattr__, __dir__ = lazy_package(__name__, {"AutoMLStep": "engine.azureml.pipeline.steps"})
