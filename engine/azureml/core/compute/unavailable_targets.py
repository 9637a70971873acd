"""Kinds of compute targets that the retired service had and that are not available here."""

from __future__ import annotations

from engine.azureml.unavailable import unavailable

_WAY = (
    "make a cluster with AmlCompute.provisioning_configuration(provider=...), which may be azure, "
    "aws, gcp, kubernetes or on_prem, or name a running Ray cluster with ComputeTarget.attach"
)

AdlaCompute = unavailable("AdlaCompute", _WAY)
BatchAiCompute = unavailable("BatchAiCompute", _WAY)
BatchCompute = unavailable("BatchCompute", _WAY)
ComputeInstance = unavailable("ComputeInstance", _WAY)
DataFactoryCompute = unavailable("DataFactoryCompute", _WAY)
DatabricksCompute = unavailable("DatabricksCompute", _WAY)
DsvmCompute = unavailable("DsvmCompute", _WAY)
HDInsightCompute = unavailable("HDInsightCompute", _WAY)
KubernetesCompute = unavailable("KubernetesCompute", _WAY)
RemoteCompute = unavailable("RemoteCompute", _WAY)
