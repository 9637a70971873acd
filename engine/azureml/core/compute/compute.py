"""`ComputeTarget` by its older path."""

from cluster.errors import ComputeTargetException
from engine.azureml.core.compute.amlcompute import ComputeTarget

__all__ = ["ComputeTarget", "ComputeTargetException"]
