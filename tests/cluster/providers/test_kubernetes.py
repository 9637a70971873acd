"""KubeRay manifests; the fields that they rely on are pinned here."""

from __future__ import annotations

import pytest
import yaml

from cluster import AmlCompute, ComputeTargetException
from cluster.providers.kubernetes import problems_with, ray_cluster, ray_job


def configuration(**changes):
    settings = {"vm_size": "STANDARD_D2_V2", "max_nodes": 6, "provider": "kubernetes"}
    return AmlCompute.provisioning_configuration(**settings | changes)


def test_the_cluster_grows_by_the_autoscaler():
    manifest = ray_cluster("AutoML", configuration(min_nodes=1), "image:1")
    assert (manifest["apiVersion"], manifest["kind"]) == ("ray.io/v1", "RayCluster")
    assert manifest["metadata"]["name"] == "automl"
    spec = manifest["spec"]
    assert spec["enableInTreeAutoscaling"] is True
    assert spec["autoscalerOptions"] == {"version": "v2", "idleTimeoutSeconds": 120}
    assert spec["authOptions"] == {"mode": "token"}
    (group,) = spec["workerGroupSpecs"]
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (1, 1, 6)
    (container,) = group["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "2", "memory": "7Gi"}
    assert container["resources"]["requests"] == container["resources"]["limits"]
    assert group["template"]["spec"]["restartPolicy"] == "Never"
    assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"


@pytest.mark.parametrize(
    ("label", "value"),
    [
        ("cloud.google.com/gke-spot", "true"),
        ("kubernetes.azure.com/scalesetpriority", "spot"),
        ("eks.amazonaws.com/capacityType", "SPOT"),
    ],
)
def test_workers_on_spot_machines(label, value):
    config = configuration(vm_priority="lowpriority")
    spec = ray_cluster("x", config, "image:1", label)["spec"]
    pod = spec["workerGroupSpecs"][0]["template"]["spec"]
    assert pod["nodeSelector"] == {label: value}
    assert [(t["key"], t["value"]) for t in pod["tolerations"]] == [(label, value)]
    assert "nodeSelector" not in spec["headGroupSpec"]["template"]["spec"]


def test_an_unknown_label():
    with pytest.raises(ComputeTargetException, match="gke-spot"):
        ray_cluster("x", configuration(), "image:1", "spot")


def test_gpus_are_asked_for():
    spec = ray_cluster("x", configuration(vm_size="STANDARD_NC12"), "image:1")["spec"]
    limits = spec["workerGroupSpecs"][0]["template"]["spec"]["containers"][0]["resources"]["limits"]
    assert limits["nvidia.com/gpu"] == "2"


def test_a_job_is_a_cluster_for_one_command():
    manifest = ray_job("x", configuration(), "image:1", "python driver.py", {"pip": ["a"]})
    spec = manifest["spec"]
    assert manifest["kind"] == "RayJob"
    assert spec["entrypoint"] == "python driver.py"
    assert spec["shutdownAfterJobFinishes"] is True
    assert yaml.safe_load(spec["runtimeEnvYAML"]) == {"pip": ["a"]}
    assert spec["rayClusterSpec"] == ray_cluster("x", configuration(), "image:1")["spec"]


CRD = {
    "spec": {
        "names": {"kind": "RayCluster"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "apiVersion": {"type": "string"},
                            "kind": {"type": "string"},
                            "metadata": {"type": "object"},
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "headGroupSpec": {
                                        "type": "object",
                                        "x-kubernetes-preserve-unknown-fields": True,
                                    },
                                    "enableInTreeAutoscaling": {"type": "string"},
                                },
                            },
                        },
                    }
                },
            }
        ],
    }
}


def test_what_kubernetes_would_drop_or_refuse_is_told():
    problems = " ".join(problems_with(ray_cluster("x", configuration(), "image:1"), CRD))
    assert "'workerGroupSpecs'" in problems
    assert "enableInTreeAutoscaling" in problems
    assert "headGroupSpec" not in problems
    job = ray_job("x", configuration(), "image:1", "python driver.py")
    assert "is for RayCluster" in problems_with(job, CRD)[0]
