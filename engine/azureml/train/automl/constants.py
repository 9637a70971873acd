"""Names of tasks, metrics and files, see `engine.azureml.automl.core.shared.constants`."""

from engine.azureml.automl.core.shared.constants import (
    CONDA_ENV_FILE_PATH,
    ENGINEERED_FEATURE_NAMES_PATH,
    FEATURIZATION_SUMMARY_PATH,
    MODEL_PATH,
    MODEL_PATH_ONNX,
    MODEL_RESOURCE_PATH_ONNX,
    SCORING_FILE_PATH,
    Metric,
    Tasks,
)

__all__ = [
    "CONDA_ENV_FILE_PATH",
    "ENGINEERED_FEATURE_NAMES_PATH",
    "FEATURIZATION_SUMMARY_PATH",
    "MODEL_PATH",
    "MODEL_PATH_ONNX",
    "MODEL_RESOURCE_PATH_ONNX",
    "SCORING_FILE_PATH",
    "Metric",
    "Tasks",
]
