"""Many models of the retired service, which are not available."""

from engine.azureml.unavailable import MANY_MODELS, unavailable_module

__getattr__ = unavailable_module(__name__, MANY_MODELS)
