"""Errors of data sets by the names of SDK v1."""

from engine.azureml.exceptions import DatasetExecutionError, DatasetValidationError

__all__ = ["DatasetExecutionError", "DatasetValidationError"]
