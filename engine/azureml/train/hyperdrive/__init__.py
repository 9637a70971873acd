"""Parameter sweeps of the retired service, which are not available."""

from engine.azureml.unavailable import EXPRESSIONS, SWEEPS, unavailable_module

__getattr__ = unavailable_module(__name__, SWEEPS, EXPRESSIONS)
