"""Names of surrogate models, see `engine.azureml.interpret.mimic.models.lightgbm_model`."""

from engine.azureml.interpret.mimic.models.lightgbm_model import (
    LinearExplainableModel,
    SGDExplainableModel,
)

__all__ = ["LinearExplainableModel", "SGDExplainableModel"]
