"""KubeRay manifests: a `RayCluster` as compute target, and a `RayJob` for one run."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from cluster.errors import ComputeTargetException
from cluster.providers.attached import AttachedCluster
from cluster.provisioning.configuration import ProvisioningConfiguration

_API_VERSION = "ray.io/v1"
_HEAD_RESOURCES = {"cpu": "2", "memory": "8Gi"}
#: Node labels and taints of spot machines: GKE, AKS and EKS, in this order.
_SPOT_LABELS = {
    "cloud.google.com/gke-spot": "true",
    "kubernetes.azure.com/scalesetpriority": "spot",
    "eks.amazonaws.com/capacityType": "SPOT",
}


def ray_cluster(
    name: str,
    config: ProvisioningConfiguration,
    image: str,
    spot_label: str = "cloud.google.com/gke-spot",
) -> dict[str, Any]:
    """Return a `RayCluster` whose workers Ray's autoscaler (v2) starts and gives back.

    Parameters
    ----------
    name:
        Name of the cluster: lower-case letters, digits and ``-``.
    config:
        ``vm_size`` becomes each worker's request and limit of cores and memory.
    image:
        A container image that holds Ray and raysmith.
    spot_label:
        With ``lowpriority``: the node label that marks spot machines.

    Raises
    ------
    ComputeTargetException
        For an unknown ``spot_label``.
    """
    if spot_label not in _SPOT_LABELS:
        raise ComputeTargetException(
            f"spot_label={spot_label!r}: allowed is one of {', '.join(_SPOT_LABELS)}"
        )
    return {
        "apiVersion": _API_VERSION,
        "kind": "RayCluster",
        "metadata": {"name": name.lower(), "labels": {"app.kubernetes.io/part-of": "raysmith"}},
        "spec": _cluster_spec(config, image, spot_label),
    }


def ray_job(
    name: str,
    config: ProvisioningConfiguration,
    image: str,
    entrypoint: str,
    runtime_env: Mapping[str, Any] | None = None,
    spot_label: str = "cloud.google.com/gke-spot",
) -> dict[str, Any]:
    """Return a `RayJob`: a cluster for one driver script, given back when the script has ended.

    Parameters
    ----------
    entrypoint:
        The command that drives the run, ``python driver.py``.
    runtime_env:
        Ray's ``runtime_env``, as `RunConfiguration.to_runtime_env` returns it.
    """
    job = ray_cluster(name, config, image, spot_label)
    spec: dict[str, Any] = {
        "entrypoint": entrypoint,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": 600,
        "submissionMode": "K8sJobMode",
        "rayClusterSpec": job["spec"],
    }
    if runtime_env:
        spec["runtimeEnvYAML"] = yaml.safe_dump(dict(runtime_env), sort_keys=False)
    return {**job, "kind": "RayJob", "spec": spec}


def _cluster_spec(config: ProvisioningConfiguration, image: str, label: str) -> dict[str, Any]:
    size = config.size
    wanted: dict[str, Any] = {"cpu": str(size.vcpus), "memory": f"{size.memory_gib:g}Gi"}
    if size.gpus:
        wanted["nvidia.com/gpu"] = str(size.gpus)
    worker = _container("ray-worker", image, wanted)
    # Work in progress has this long to get away when a spot machine is taken.
    pod: dict[str, Any] = {"containers": [worker], "terminationGracePeriodSeconds": 25}
    if config.is_spot:
        pod["nodeSelector"] = {label: _SPOT_LABELS[label]}
        pod["tolerations"] = [
            {"key": label, "operator": "Equal", "value": _SPOT_LABELS[label],
             "effect": "NoSchedule"}
        ]  # fmt: skip
    head = _container("ray-head", image, _HEAD_RESOURCES)
    head["ports"] = [
        {"containerPort": port, "name": port_name}
        for port, port_name in ((6379, "gcs"), (8265, "dashboard"), (10001, "client"))
    ]
    return {
        "enableInTreeAutoscaling": True,
        "autoscalerOptions": {
            "version": "v2",
            "idleTimeoutSeconds": int(config.idle_seconds_before_scaledown),
        },
        "authOptions": {"mode": "token"},
        "headGroupSpec": {
            "serviceType": "ClusterIP",
            "rayStartParams": {"num-cpus": "0", "dashboard-host": "0.0.0.0"},
            # The autoscaler (v2) wants pods that are not started again behind its back.
            "template": {"spec": {"restartPolicy": "Never", "containers": [head]}},
        },
        "workerGroupSpecs": [
            {
                "groupName": "worker",
                "replicas": config.min_nodes,
                "minReplicas": config.min_nodes,
                "maxReplicas": config.max_nodes,
                "rayStartParams": {},
                "template": {"spec": {"restartPolicy": "Never", **pod}},
            }
        ],
    }


def _container(name: str, image: str, resources: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "resources": {"requests": dict(resources), "limits": dict(resources)},
    }


def problems_with(manifest: Mapping[str, Any], crd: Mapping[str, Any]) -> list[str]:
    """List what Kubernetes would refuse or silently drop, by a CustomResourceDefinition.

    Parameters
    ----------
    manifest:
        A manifest from `ray_cluster` or `ray_job`.
    crd:
        KubeRay's ``ray.io_rayclusters.yaml`` or ``ray.io_rayjobs.yaml``, parsed.
    """
    import jsonschema

    version = str(manifest["apiVersion"]).partition("/")[2]
    schemas = {
        v["name"]: v["schema"]["openAPIV3Schema"] for v in crd["spec"]["versions"] if v["served"]
    }
    if crd["spec"]["names"]["kind"] != manifest["kind"] or version not in schemas:
        return [f"the definition is for {crd['spec']['names']['kind']} {sorted(schemas)}"]
    schema = _strict(copy.deepcopy(schemas[version]))
    schema["properties"]["metadata"] = {"type": "object"}
    validator = jsonschema.Draft202012Validator(schema)
    return [f"{error.json_path}: {error.message}" for error in _all(validator, manifest)]


def _all(validator: Any, manifest: Mapping[str, Any]) -> Iterator[Any]:
    yield from sorted(validator.iter_errors(manifest), key=lambda error: str(error.json_path))


def _strict(schema: Any) -> Any:
    """Return a schema that refuses unnamed fields, which Kubernetes drops."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: _strict(value) for key, value in schema.items()}
    if result.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    open_ended = result.get("x-kubernetes-preserve-unknown-fields")
    if (
        isinstance(schema.get("properties"), dict)
        and "additionalProperties" not in result
        and not open_ended
        and result.get("type") == "object"
    ):
        result["additionalProperties"] = False
    return result


class KubernetesCluster(AttachedCluster):
    """A cluster that kubectl starts from a rendered manifest and that is attached afterwards."""

    def up(self, name: str, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Refuse, and name the command that prints the manifest."""
        raise ComputeTargetException(
            "provider='kubernetes': `raysmith cluster render --provider kubernetes` prints the "
            "manifest for kubectl; then ComputeTarget.attach(ws, name, address)"
        )
