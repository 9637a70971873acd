"""Names of surrogate models, see `engine.azureml.interpret.mimic.models.lightgbm_model`."""

from engine.azureml.interpret.mimic.models.lightgbm_model import DecisionTreeExplainableModel

__all__ = ["DecisionTreeExplainableModel"]
