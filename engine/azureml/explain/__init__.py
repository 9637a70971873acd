"""Explanations of models, by the module paths of July 2019."""

from engine.azureml.lazy_package import lazy_package

__getattr__, __dir__ = lazy_package(__name__)
