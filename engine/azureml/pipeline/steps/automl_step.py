"""Pipelines of the retired service, which are not available."""

from engine.azureml.unavailable import PIPELINES, unavailable_module

__getattr__ = unavailable_module(__name__, PIPELINES)
