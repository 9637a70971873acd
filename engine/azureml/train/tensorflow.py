"""Training scripts of the retired service, which are not available."""

from engine.azureml.unavailable import SCRIPTS, unavailable_module

__getattr__ = unavailable_module(__name__, SCRIPTS)
