"""Errors by the names of SDK v1: raysmith's own errors, which scripts catch by these names."""

from __future__ import annotations

from cluster.errors import ComputeTargetException
from engine.azureml.unavailable import NotAvailable
from engine.errors import (
    AutoMLError,
    ConfigException,
    DataException,
    ModelException,
    RunException,
    WorkspaceException,
)

AzureMLException = AutoMLError
UserErrorException = AutoMLError
ProjectSystemException = WorkspaceException
AuthenticationException = WorkspaceException
ExperimentExecutionException = RunException
ExperimentTimeoutException = RunException
RunEnvironmentException = RunException
TrainingException = RunException
SnapshotException = RunException
DiscoveryUrlNotFoundException = WorkspaceException
DatasetExecutionError = DataException
DatasetValidationError = DataException

__all__ = [
    "AuthenticationException",
    "AutoMLError",
    "AzureMLException",
    "ComputeTargetException",
    "ConfigException",
    "DataException",
    "DatasetExecutionError",
    "DatasetValidationError",
    "DiscoveryUrlNotFoundException",
    "ExperimentExecutionException",
    "ExperimentTimeoutException",
    "ModelException",
    "NotAvailable",
    "ProjectSystemException",
    "RunEnvironmentException",
    "RunException",
    "SnapshotException",
    "TrainingException",
    "UserErrorException",
    "WebserviceException",
    "WorkspaceException",
]


class WebserviceException(AutoMLError):
    """A web service cannot be made, found or used as asked."""
