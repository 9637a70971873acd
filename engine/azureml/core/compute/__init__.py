"""Compute targets, by the names of SDK v1."""

from engine.azureml.lazy_package import lazy_package

_COMPUTE = "engine.azureml.core.compute"

__getattr__, __dir__ = lazy_package(
    __name__,
    {
        "AdlaCompute": f"{_COMPUTE}.unavailable_targets",
        "AksCompute": f"{_COMPUTE}.akscompute",
        "AmlCompute": f"{_COMPUTE}.amlcompute",
        "AmlComputeStatus": f"{_COMPUTE}.amlcompute",
        "BatchAiCompute": f"{_COMPUTE}.unavailable_targets",
        "BatchCompute": f"{_COMPUTE}.unavailable_targets",
        "ComputeInstance": f"{_COMPUTE}.unavailable_targets",
        "ComputeTarget": f"{_COMPUTE}.amlcompute",
        "ComputeTargetException": "cluster.errors",
        "DataFactoryCompute": f"{_COMPUTE}.unavailable_targets",
        "DatabricksCompute": f"{_COMPUTE}.unavailable_targets",
        "DsvmCompute": f"{_COMPUTE}.unavailable_targets",
        "HDInsightCompute": f"{_COMPUTE}.unavailable_targets",
        "KubernetesCompute": f"{_COMPUTE}.unavailable_targets",
        "LocalTarget": f"{_COMPUTE}.amlcompute",
        "RemoteCompute": f"{_COMPUTE}.unavailable_targets",
    },
)
