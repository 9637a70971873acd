"""KubeRay manifests; the fields that they rely on are pinned here."""

from __future__ import annotations

import pytest
import ray
import yaml

from cluster import AmlCompute, ComputeTargetException
from cluster.providers.kubernetes import network_policy, problems_with, ray_cluster, ray_job


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
    manifest = ray_job(
        "x", configuration(), "image:1", "python driver.py", {"pip": ["a"]}, store_secret="mlflow"
    )
    spec = manifest["spec"]
    assert manifest["kind"] == "RayJob"
    assert spec["entrypoint"] == "python driver.py"
    assert spec["shutdownAfterJobFinishes"] is True
    assert yaml.safe_load(spec["runtimeEnvYAML"]) == {"pip": ["a"]}
    [head] = spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]["containers"]
    # The script runs on the head: it finds a store that outlives its pod.
    assert head.pop("envFrom") == [{"secretRef": {"name": "mlflow"}}]
    assert spec["rayClusterSpec"] == ray_cluster("x", configuration(), "image:1")["spec"]


def test_a_job_whose_results_would_be_lost():
    with pytest.raises(ComputeTargetException, match="kubectl create secret generic"):
        ray_job("x", configuration(), "image:1", "python driver.py")


def test_secrets_are_not_written_into_a_manifest():
    with pytest.raises(ComputeTargetException, match="DB_PASSWORD") as told:
        ray_job(
            "x", configuration(), "image:1", "x", {"env_vars": {"DB_PASSWORD": "hunter2"}},
            store_secret="mlflow",
        )  # fmt: skip
    assert "hunter2" not in str(told.value)
    ray_job(
        "x", configuration(), "image:1", "x", {"env_vars": {"PYTHONPATH": "a"}}, store_secret="s"
    )


def test_pods_have_no_more_rights_than_they_need():
    spec = ray_cluster("x", configuration(), "image:1")["spec"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        pod = group["template"]["spec"]
        assert pod["securityContext"] == {
            "runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"},
        }  # fmt: skip
        [container] = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]},
        }  # fmt: skip
        # Without a token Ray does not start, rather than let everybody in.
        assert container["env"] == [{"name": "RAY_AUTH_MODE", "value": "token"}]
    worker = spec["workerGroupSpecs"][0]["template"]["spec"]
    assert worker["automountServiceAccountToken"] is False
    assert spec["rayVersion"] == ray.__version__


def test_only_the_clusters_pods_and_the_operator_reach_it():
    policy = network_policy("Mine")
    spec = ray_cluster("mine", configuration(), "image:1")["spec"]
    chosen = policy["spec"]["podSelector"]["matchLabels"]
    for group in (spec["headGroupSpec"], *spec["workerGroupSpecs"]):
        assert chosen.items() <= group["template"]["metadata"]["labels"].items()
    assert policy["spec"]["policyTypes"] == ["Ingress"]
    [rule] = policy["spec"]["ingress"]
    assert rule["from"][0] == {"podSelector": {"matchLabels": chosen}}
    assert all("podSelector" in peer for peer in rule["from"])


@pytest.mark.parametrize("name", ["", "1a", "a_b", "a-", "-a", "a b", "ä", "a/b", "a" * 54, "a\n"])
def test_names_that_kubernetes_refuses(name):
    with pytest.raises(ComputeTargetException, match="a letter first"):
        ray_cluster(name, configuration(), "image:1")
    with pytest.raises(ComputeTargetException, match="a letter first"):
        network_policy(name)


def test_a_jobs_name_is_shorter():
    ray_cluster("a" * 53, configuration(), "image:1")
    with pytest.raises(ComputeTargetException, match="at most 47"):
        ray_job("a" * 48, configuration(), "image:1", "x", store_secret="s")


@pytest.mark.parametrize("image", ["ray", "rayproject/ray:latest", "host:5000/ray", ""])
def test_images_that_may_change(image):
    with pytest.raises(ComputeTargetException, match="a tag other than 'latest' or a digest"):
        ray_cluster("x", configuration(), image)


@pytest.mark.parametrize("image", ["host:5000/ray:2.60", "ray@sha256:" + "0" * 64])
def test_images_that_stay(image):
    assert ray_cluster("x", configuration(), image)


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
    job = ray_job("x", configuration(), "image:1", "python driver.py", store_secret="mlflow")
    assert "is for RayCluster" in problems_with(job, CRD)[0]
