"""Explanations of pipelines, by the module path of 2019."""

from engine.azureml.train.automl.runtime.automl_explain_utilities import (
    AutoMLExplainerSetupClass,
    automl_setup_model_explanations,
)

__all__ = ["AutoMLExplainerSetupClass", "automl_setup_model_explanations"]
