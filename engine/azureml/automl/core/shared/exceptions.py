"""Errors by the names of SDK v1: raysmith's own errors, which scripts catch by these names."""

from engine.errors import AutoMLError, ConfigException, DataException, ModelException

AutoMLException = AutoMLError
ClientException = AutoMLError
FitException = ModelException
OnnxConvertException = ModelException
UserException = AutoMLError

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
