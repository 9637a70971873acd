"""Errors by the names of SDK v1: raysmith's own errors, which scripts catch by these names."""

from engine.azureml.automl.core.shared.exceptions import (
    AutoMLException,
    ClientException,
    ConfigException,
    DataException,
    FitException,
    ModelException,
    OnnxConvertException,
    UserException,
)

__all__ = [
    "AutoMLException",
    "ClientException",
    "ConfigException",
    "DataException",
    "FitException",
    "ModelException",
    "OnnxConvertException",
    "UserException",
]
