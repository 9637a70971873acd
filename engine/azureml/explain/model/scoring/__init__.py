"""Explainers of a scoring script."""

from engine.azureml.lazy_package import lazy_package

__getattr__, __dir__ = lazy_package(__name__)
