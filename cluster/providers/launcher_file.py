"""From a provisioning configuration to the file that Ray's cluster launcher starts it with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cluster.errors import ComputeTargetException
from cluster.provisioning.configuration import LAUNCHED, ProvisioningConfiguration

_HEAD, _WORKER = "head", "worker"
_REGIONS = {"azure": "westeurope", "aws": "us-west-2", "gcp": "us-west1"}
#: Where the token is on a cluster's nodes.
TOKEN_FILE = "~/.raysmith-token"
_ENVIRONMENT = "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$HOME/.raysmith-token"

_LOGIN = (
    "grep -q raysmith-token ~/.bashrc || printf '%s\\n' 'export RAY_ADDRESS=127.0.0.1:6379 "
    f"{_ENVIRONMENT} RAYSMITH_STORE=http://127.0.0.1:5000' >> ~/.bashrc"
)

#: A comment and the keys that follow it, in the order of the file.
Section = tuple[str, Mapping[str, Any]]


def cluster_config(name: str, config: ProvisioningConfiguration) -> dict[str, Any]:
    """Ray's cluster launcher configuration, as a dict.

    Parameters
    ----------
    name:
        Of the cluster.
    config:
        For ``azure``, ``aws``, ``gcp`` or ``on_prem``.

    Raises
    ------
    ComputeTargetException
        For the other providers, which need no such file.
    """
    merged: dict[str, Any] = {}
    for _, content in _sections(name, config):
        merged |= content
    return merged


def setup_commands(requirement: str, python: str = "3.12") -> list[str]:
    """What makes the environment of a node.

    Parameters
    ----------
    requirement:
        raysmith, as pip wants it, quoted for the shell.
    python:
        Version of the interpreter, which uv brings along.
    """
    uv, folder = "~/.local/bin/uv", "~/raysmith-env"
    return [
        f"test -x {uv} || curl -LsSf https://astral.sh/uv/install.sh | sh",
        f"{uv} venv --quiet --allow-existing --python {python} {folder}",
        f"{uv} pip install --quiet --python {folder} {requirement}",
        "grep -q raysmith-env ~/.bashrc || "
        "echo 'export PATH=$HOME/raysmith-env/bin:$PATH' >> ~/.bashrc",
    ]


def render_cluster(name: str, config: ProvisioningConfiguration) -> str:
    """The same as a file with a comment where a newcomer may want to change something."""
    parts = [_header(config)]
    for comment, content in _sections(name, config):
        text = yaml.safe_dump(dict(content), sort_keys=False, width=100, indent=4)
        lines = "".join(f"# {line}\n" for line in comment.splitlines())
        parts.append(lines + text)
    return "\n".join(parts)


def _header(config: ProvisioningConfiguration) -> str:
    nodes = f"{config.max_nodes} workers of {config.vm_size or config.size.name} at most"
    cloud = {
        "azure": ('"ray[default]" azure-cli azure-mgmt-compute azure-mgmt-network azure-identity',
                  "`az login`"),
        "aws": ('"ray[default]" boto3', "credentials that boto3 finds"),
        "gcp": ('"ray[default]" google-api-python-client', "`gcloud auth application-default "
                "login`"),
        "on_prem": ('"ray[default]"', "an SSH key that all hosts accept"),
    }  # fmt: skip
    packages, login = cloud[config.provider]
    command = (
        f"raysmith cluster render --provider {config.provider} --vm-size "
        f"{config.vm_size or config.size.name} --max-nodes {config.max_nodes}"
    )
    return f"""\
# A Ray cluster for raysmith, {nodes}:
#
#   ray up cluster.yaml                                 start it; workers come as trials queue up
#   ray submit cluster.yaml examples/digits/driver.py   run the example on it
#   ray dashboard cluster.yaml                          forward the dashboard, where jobs go too
#   ray down cluster.yaml                               end it
#
# It needs `pip install {packages}`
# and {login}.
#
# Another provider, size or number of workers: this file is what
#   {command}
# prints; `raysmith cluster render --help` lists the choices.
"""


def _sections(name: str, config: ProvisioningConfiguration) -> list[Section]:
    if config.provider not in LAUNCHED:
        raise ComputeTargetException(
            f"provider={config.provider!r} has no cluster launcher file; "
            "allowed is azure, aws, gcp or on_prem"
        )
    user = config.admin_username or {"azure": "ubuntu", "aws": "ubuntu", "gcp": "ubuntu"}.get(
        config.provider, "root"
    )
    sections: list[Section] = [
        ("", {"cluster_name": name}),
        ("Workers besides the head.", _scale(config)),
        (
            "Minutes without a trial after which a worker is given back.",
            {"idle_timeout_minutes": round(config.idle_seconds_before_scaledown / 60, 3)},
        ),
        ("", {"provider": _provider(config)}),
        (
            "Made by `ssh-keygen`; both halves must exist."
            if config.provider == "azure"
            else "The key that the launcher logs in with; it makes one where the cloud allows it.",
            {"auth": _auth(config, user)},
        ),
    ]
    if config.provider != "on_prem":
        sections += [
            ("", {"head_node_type": _HEAD}),
            (
                "head: drives the runs and keeps their record; trains nothing.\n"
                "worker: one trial a core; the autoscaler brings up as many as trials wait for.\n"
                "Spot machines, cheaper and taken back at any time: --vm-priority lowpriority.",
                {"available_node_types": _node_types(config)},
            ),
        ]
    sections += [
        (
            "This folder goes to every node; so does the token that lets processes in\n"
            "(`python3 -c 'import secrets; print(secrets.token_hex(32))' > ~/.raysmith-token`).",
            {"file_mounts": {"~/raysmith": ".", TOKEN_FILE: TOKEN_FILE}},
        ),
        ("", {"rsync_exclude": [".git", ".venv", ".raysmith", "__pycache__"]}),
        ("", {"rsync_filter": [".gitignore"]}),
        (
            "An environment of its own: images bring Pythons of all ages.",
            {"setup_commands": setup_commands('"$HOME/raysmith[boost]"')},
        ),
        (
            "Scripts that `ray submit` and `ray exec` run on the head find the cluster and MLflow.",
            {"head_setup_commands": [_LOGIN]},
        ),
        (
            "Dashboard and MLflow listen on the head itself only; token authentication is on.",
            {"head_start_ray_commands": _head_commands(config)},
        ),
        (
            "",
            {
                "worker_start_ray_commands": [
                    "ray stop",
                    f"{_ENVIRONMENT} ray start --address=$RAY_HEAD_IP:6379 "
                    f"--object-manager-port=8076{_worker_resources(config)}",
                ]
            },
        ),
    ]
    return sections


def _scale(config: ProvisioningConfiguration) -> dict[str, int]:
    scale = {"max_workers": config.max_nodes}
    if config.provider == "on_prem":
        # Node types, which say it elsewhere, are not allowed there; without it all would start.
        scale = {"min_workers": config.min_nodes, **scale}
    return scale


def _provider(config: ProvisioningConfiguration) -> dict[str, Any]:
    if config.provider == "on_prem":
        return {
            "type": "local",
            "head_ip": config.hosts[0],
            "worker_ips": list(config.hosts[1:]),
        }
    region = config.region or _REGIONS[config.provider]
    result: dict[str, Any] = {"type": config.provider}
    if config.provider == "azure":
        result |= {
            "location": region,
            "resource_group": config.vnet_resourcegroup_name or "raysmith",
        }
        if config.tags:
            result["tags"] = dict(config.tags)
    elif config.provider == "aws":
        result |= {"region": region, "cache_stopped_nodes": False}
    else:
        result |= {
            "region": region,
            "availability_zone": f"{region}-a",
            "project_id": None,
        }
    return result


def _auth(config: ProvisioningConfiguration, user: str) -> dict[str, Any]:
    auth: dict[str, Any] = {"ssh_user": user}
    if config.provider == "azure":
        auth |= {"ssh_private_key": "~/.ssh/id_rsa", "ssh_public_key": "~/.ssh/id_rsa.pub"}
    if config.admin_user_ssh_key:
        auth["ssh_private_key"] = config.admin_user_ssh_key
        if config.provider == "azure":
            auth["ssh_public_key"] = f"{config.admin_user_ssh_key}.pub"
    elif config.provider == "on_prem":
        auth["ssh_private_key"] = "~/.ssh/id_rsa"
    return auth


def _node_types(config: ProvisioningConfiguration) -> dict[str, Any]:
    resources: dict[str, int] = {"CPU": config.size.vcpus}
    if config.size.gpus:
        resources["GPU"] = config.size.gpus
    return {
        # Never spot: a head that is taken away takes the cluster with it.
        _HEAD: {"resources": {"CPU": 0}, "node_config": _machine(config, spot=False)},
        _WORKER: {
            "min_workers": config.min_nodes,
            "max_workers": config.max_nodes,
            "resources": resources,
            "node_config": _machine(config, spot=config.is_spot),
        },
    }


def _machine(config: ProvisioningConfiguration, spot: bool) -> dict[str, Any]:
    name = config.size.name or config.vm_size
    if config.provider == "azure":
        arm: dict[str, Any] = {
            "vmSize": _azure_case(name),
            "imagePublisher": "microsoft-dsvm",
            "imageOffer": "ubuntu-2204",
            "imageSku": "2204-gen2",
            "imageVersion": "latest",
        }
        if spot:
            # -1: up to the price of a dedicated machine.
            arm |= {"priority": "Spot", "billingProfile": {"maxPrice": -1}}
        return {"azure_arm_parameters": arm}
    if config.provider == "aws":
        disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 140, "VolumeType": "gp3"}}
        machine: dict[str, Any] = {"InstanceType": name, "BlockDeviceMappings": [disk]}
        if spot:
            machine["InstanceMarketOptions"] = {
                "MarketType": "spot",
                "SpotOptions": {"SpotInstanceType": "one-time"},
            }
        return machine
    disk_type = {"initializeParams": {
        "diskSizeGb": 100,
        "sourceImage": "projects/deeplearning-platform-release/global/images/family/common-cpu",
    }}  # fmt: skip
    gcp: dict[str, Any] = {
        "machineType": name,
        "disks": [{"boot": True, "autoDelete": True, "type": "PERSISTENT", **disk_type}],
    }
    scheduling: dict[str, Any] = {}
    if spot:
        scheduling |= {"provisioningModel": "SPOT", "instanceTerminationAction": "DELETE"}
    if config.size.gpus:
        scheduling["onHostMaintenance"] = "TERMINATE"
    if scheduling:
        gcp["scheduling"] = scheduling
    return gcp


def _head_commands(config: ProvisioningConfiguration) -> list[str]:
    # Version 2 of the autoscaler finds no host to start on a list of one's own.
    version = 0 if config.provider == "on_prem" else 1
    store = "$HOME/raysmith-store"
    is_up = "(: < /dev/tcp/127.0.0.1/5000) 2> /dev/null"
    autoscaling = "--autoscaling-config=~/ray_bootstrap_config.yaml"
    return [
        "ray stop",
        f"env -u RAY_ADDRESS {_ENVIRONMENT} RAY_enable_autoscaler_v2={version} ray start --head "
        "--port=6379 --object-manager-port=8076 --num-cpus=0 --dashboard-host=127.0.0.1 "
        f"{autoscaling}",
        f"mkdir -p {store} && ({is_up} || (MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false setsid nohup "
        f"python3 -m mlflow server --backend-store-uri sqlite:///{store}/mlflow.db "
        f"--artifacts-destination {store}/artifacts --host 127.0.0.1 --port 5000 --workers 2 "
        f"> {store}/mlflow.log 2>&1 < /dev/null &))",
    ]


def _worker_resources(config: ProvisioningConfiguration) -> str:
    """On hosts of one's own Ray counts the cores itself, unless told."""
    if config.provider != "on_prem" or not (config.resources or config.vm_size):
        return ""
    return f" --num-cpus={config.size.vcpus}"


def _azure_case(name: str) -> str:
    """``STANDARD_D2_V2`` in Azure's own spelling, ``Standard_D2_v2``."""
    family, *rest = name.split("_")
    spelled = [family.capitalize(), *(part.lower() if part[:1] == "V" else part for part in rest)]
    return "_".join(spelled)
