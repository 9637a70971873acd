"""Explanations that are kept with a run, by the module path of 2020."""

from engine.azureml.lazy_package import lazy_package

__getattr__, __dir__ = lazy_package(__name__)
