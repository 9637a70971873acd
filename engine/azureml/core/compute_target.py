"""`ComputeTargetException` by its path in SDK v1."""

from cluster.errors import ComputeTargetException
from engine.azureml.core.compute.amlcompute import ComputeTarget

__all__ = ["ComputeTarget", "ComputeTargetException"]
