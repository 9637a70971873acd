"""KubeRay manifests: a `RayCluster` as compute target, and a `RayJob` for one run."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from typing import Any

import yaml

from cluster.errors import ComputeTargetException
from cluster.jobs.secrets import split_variables
from cluster.providers.attached import AttachedCluster
from cluster.provisioning.configuration import ProvisioningConfiguration

_API_VERSION = "ray.io/v1"
#: Of KubeRay: it makes longer names of them.
_LONGEST_NAME, _LONGEST_JOB_NAME = 53, 47
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LABEL = "raysmith/cluster"
#: 1000 is the user of Ray's images; a user by name is not known to be another than root.
_POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 1000,
    "seccompProfile": {"type": "RuntimeDefault"},
}
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
        Name of the cluster: at most 53 letters, digits and ``-``, a letter first.
    config:
        ``vm_size`` becomes each worker's request and limit of cores and memory.
    image:
        A container image that holds Ray and raysmith, with a tag other than ``latest`` or a digest.
    spot_label:
        With ``lowpriority``: the node label that marks spot machines.

    Raises
    ------
    ComputeTargetException
        For an unknown ``spot_label``, a name that Kubernetes refuses, or an image that may change.
    """
    name = _checked_name(name, _LONGEST_NAME)
    _check_image(image)
    if spot_label not in _SPOT_LABELS:
        raise ComputeTargetException(
            f"spot_label={spot_label!r}: allowed is one of {', '.join(_SPOT_LABELS)}"
        )
    return {
        "apiVersion": _API_VERSION,
        "kind": "RayCluster",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "raysmith"}},
        "spec": _cluster_spec(name, config, image, spot_label),
    }


def ray_job(
    name: str,
    config: ProvisioningConfiguration,
    image: str,
    entrypoint: str,
    runtime_env: Mapping[str, Any] | None = None,
    spot_label: str = "cloud.google.com/gke-spot",
    store_secret: str | None = None,
) -> dict[str, Any]:
    """Return a `RayJob`: a cluster for one driver script, given back when the script has ended.

    Parameters
    ----------
    entrypoint:
        The command that drives the run, ``python driver.py``.
    runtime_env:
        Ray's ``runtime_env``, as `RunConfiguration.to_runtime_env` returns it. Environment
        variables in it are readable in the manifest.
    store_secret:
        Name of a Kubernetes Secret whose keys become environment variables of the head, where the
        script runs. ``RAYSMITH_STORE`` among them is the URI of a tracking server or database.

    Raises
    ------
    ComputeTargetException
        As `ray_cluster`; without ``store_secret``; for a variable that may be a secret.
    """
    if store_secret is None:
        raise ComputeTargetException(
            "a RayJob without a store outside loses its results: its pods end with it. Make a "
            "Secret with the URI of a tracking server or database, `kubectl create secret generic "
            "raysmith-store --from-literal=RAYSMITH_STORE=http://mlflow:5000`, and name it: "
            "--store-secret raysmith-store"
        )
    _, hidden = split_variables((runtime_env or {}).get("env_vars", {}))
    if hidden:
        raise ComputeTargetException(
            f"environment_variables {', '.join(hidden)}: everybody who can read the RayJob would "
            "see them; put them into the Secret that store_secret names"
        )
    name = _checked_name(name, _LONGEST_JOB_NAME)
    job = ray_cluster(name, config, image, spot_label)
    [head] = job["spec"]["headGroupSpec"]["template"]["spec"]["containers"]
    head["envFrom"] = [{"secretRef": {"name": store_secret}}]
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


def network_policy(name: str) -> dict[str, Any]:
    """Return a `NetworkPolicy` that lets only the cluster's own pods and KubeRay reach it.

    Whoever reaches the dashboard and has the token can run code. The policy holds also where an old
    operator does not know tokens. ``kubectl port-forward`` works as before.

    Parameters
    ----------
    name:
        Name of the `RayCluster` or `RayJob`.

    Examples
    --------
    >>> network_policy("mine")["spec"]["podSelector"]
    {'matchLabels': {'raysmith/cluster': 'mine'}}
    """
    name = _checked_name(name, _LONGEST_NAME)
    operator = {"matchLabels": {"app.kubernetes.io/name": "kuberay-operator"}}
    peers = [
        {"podSelector": {"matchLabels": {_LABEL: name}}},
        # The pod that submits a RayJob.
        {"podSelector": {"matchLabels": {"ray.io/originated-from-cr-name": name}}},
        {"namespaceSelector": {}, "podSelector": operator},
    ]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "raysmith"}},
        "spec": {
            "podSelector": {"matchLabels": {_LABEL: name}},
            "policyTypes": ["Ingress"],
            "ingress": [{"from": peers}],
        },
    }


def _cluster_spec(
    name: str, config: ProvisioningConfiguration, image: str, label: str
) -> dict[str, Any]:
    head = _container("ray-head", image, _HEAD_RESOURCES)
    head["ports"] = [
        {"containerPort": port, "name": port_name}
        for port, port_name in ((6379, "gcs"), (8265, "dashboard"), (10001, "client"))
    ]
    labels = {"labels": {_LABEL: name}}
    return {
        # The operator wants to know it where token authentication is on.
        "rayVersion": version("ray"),
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
            "template": {
                "metadata": labels,
                "spec": {
                    "restartPolicy": "Never",
                    "securityContext": dict(_POD_SECURITY),
                    "containers": [head],
                },
            },
        },
        "workerGroupSpecs": [
            {
                "groupName": "worker",
                "replicas": config.min_nodes,
                "minReplicas": config.min_nodes,
                "maxReplicas": config.max_nodes,
                "rayStartParams": {},
                "template": {
                    "metadata": copy.deepcopy(labels),
                    "spec": _worker_pod(config, image, label),
                },
            }
        ],
    }


def _worker_pod(config: ProvisioningConfiguration, image: str, label: str) -> dict[str, Any]:
    size = config.size
    wanted: dict[str, Any] = {"cpu": str(size.vcpus), "memory": f"{size.memory_gib:g}Gi"}
    if size.gpus:
        wanted["nvidia.com/gpu"] = str(size.gpus)
    worker = _container("ray-worker", image, wanted)
    # Work in progress has this long to get away when a spot machine is taken.
    pod: dict[str, Any] = {
        "restartPolicy": "Never",
        "containers": [worker],
        "terminationGracePeriodSeconds": 25,
        # Only the head's autoscaler speaks to Kubernetes.
        "automountServiceAccountToken": False,
        "securityContext": dict(_POD_SECURITY),
    }
    if config.is_spot:
        pod["nodeSelector"] = {label: _SPOT_LABELS[label]}
        pod["tolerations"] = [
            {"key": label, "operator": "Equal", "value": _SPOT_LABELS[label],
             "effect": "NoSchedule"}
        ]  # fmt: skip
    return pod


def _container(name: str, image: str, resources: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "resources": {"requests": dict(resources), "limits": dict(resources)},
        # An operator that does not know `authOptions` brings no token: Ray does not start then,
        # where it would let everybody in otherwise.
        "env": [{"name": "RAY_AUTH_MODE", "value": "token"}],
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _checked_name(name: str, longest: int) -> str:
    """Return a name in lower case, if Kubernetes and KubeRay take it."""
    lower = str(name).lower()
    if len(lower) > longest or not _NAME.fullmatch(lower):
        raise ComputeTargetException(
            f"name={name!r}: allowed are at most {longest} letters, digits and '-', a letter first "
            "and no '-' at the end"
        )
    return lower


def _check_image(image: str) -> None:
    tag = image.rpartition("/")[2].partition(":")[2]
    if tag in ("", "latest") and "@sha256:" not in image:
        raise ComputeTargetException(
            f"image={image!r}: allowed is an image with Ray and raysmith, with a tag other than "
            "'latest' or a digest: pods that start later would get another one"
        )


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

    served = str(manifest["apiVersion"]).partition("/")[2]
    schemas = {
        v["name"]: v["schema"]["openAPIV3Schema"] for v in crd["spec"]["versions"] if v["served"]
    }
    if crd["spec"]["names"]["kind"] != manifest["kind"] or served not in schemas:
        return [f"the definition is for {crd['spec']['names']['kind']} {sorted(schemas)}"]
    schema = _strict(copy.deepcopy(schemas[served]))
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
