"""Data sets of the retired service's hub, which are not available."""

from engine.azureml.unavailable import HUB, unavailable_module

__getattr__ = unavailable_module(__name__, HUB)
