"""The file that Ray's cluster launcher starts a cluster with; each cloud fills in its parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import yaml

from cluster.not_uploaded import NOT_MOUNTED
from cluster.provisioning.configuration import ProvisioningConfiguration

#: The version of uv that makes the environment of a node.
UV_VERSION = "0.13.9"
#: The token's place on a cluster's nodes.
TOKEN_FILE = "~/.raysmith-token"
_ENVIRONMENT = "RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$HOME/.raysmith-token"
_HEAD, _WORKER = "head", "worker"
_LOGIN = (
    "grep -q raysmith-token ~/.bashrc || printf '%s\\n' 'export RAY_ADDRESS=127.0.0.1:6379 "
    f"{_ENVIRONMENT} RAYSMITH_STORE=http://127.0.0.1:5000' >> ~/.bashrc"
)

#: A comment and the keys that follow it, in the order of the file.
Section = tuple[str, Mapping[str, Any]]


class LauncherFile(ABC):
    """Renders the cluster launcher's file for one cloud.

    A subclass says what differs between clouds; the order of the file, the environment of the nodes
    and the commands that start Ray are the same everywhere.
    """

    #: As in ``provisioning_configuration(provider=...)``.
    provider: str
    #: The user whom the machines' images know.
    user: str
    #: pip requirements of a machine that runs ``ray up``.
    packages: str
    #: What ``ray up`` must find to be let in by the cloud.
    login: str
    #: The comment above the section ``auth``.
    key_comment = "The key that the launcher logs in with; it makes one where the cloud allows it."
    #: Version of Ray's autoscaler: 0 stands for the first.
    autoscaler_version = 1

    @abstractmethod
    def provider_section(self, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return the section ``provider``: where the machines are."""

    @abstractmethod
    def machine(self, config: ProvisioningConfiguration, spot: bool) -> dict[str, Any]:
        """Return the ``node_config`` of a machine, in the cloud's own terms."""

    def auth(self, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return the section ``auth``: the SSH user and key."""
        auth: dict[str, Any] = {"ssh_user": config.admin_username or self.user}
        if config.admin_user_ssh_key:
            auth["ssh_private_key"] = config.admin_user_ssh_key
        return auth

    def scale(self, config: ProvisioningConfiguration) -> dict[str, int]:
        """Return the cluster's limits of workers."""
        return {"max_workers": config.max_nodes}

    def node_types(self, config: ProvisioningConfiguration) -> dict[str, Any] | None:
        """Return head and worker as the autoscaler starts them; ``None`` for given hosts."""
        resources: dict[str, int] = {"CPU": config.size.vcpus}
        if config.size.gpus:
            resources["GPU"] = config.size.gpus
        return {
            # Never spot: a head that is taken away takes the cluster with it.
            _HEAD: {"resources": {"CPU": 0}, "node_config": self.machine(config, spot=False)},
            _WORKER: {
                "min_workers": config.min_nodes,
                "max_workers": config.max_nodes,
                "resources": resources,
                "node_config": self.machine(config, spot=config.is_spot),
            },
        }

    def worker_options(self, config: ProvisioningConfiguration) -> str:
        """Return options of ``ray start`` on workers; the autoscaler knows cloud machines."""
        return ""

    def content(self, name: str, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Return the launcher's configuration of a cluster called ``name``."""
        merged: dict[str, Any] = {}
        for _, part in self._sections(name, config):
            merged |= part
        return merged

    def render(self, name: str, config: ProvisioningConfiguration) -> str:
        """Return the same as a file, with comments where a newcomer may want to change it."""
        parts = [self._header(config)]
        for comment, content in self._sections(name, config):
            text = yaml.safe_dump(dict(content), sort_keys=False, width=100, indent=4)
            lines = "".join(f"# {line}\n" for line in comment.splitlines())
            parts.append(lines + text)
        return "\n".join(parts)

    def _header(self, config: ProvisioningConfiguration) -> str:
        size = config.vm_size or config.size.name
        options = f"--provider {self.provider} --vm-size {size} --max-nodes {config.max_nodes}"
        return f"""\
# A Ray cluster for raysmith, {config.max_nodes} workers of {size} at most:
#
#   ray up cluster.yaml                                 start it; workers come as trials queue up
#   ray submit cluster.yaml examples/digits/driver.py   run the example on it
#   ray dashboard cluster.yaml                          forward the dashboard, where jobs go too
#   ray down cluster.yaml                               end it
#
# It needs `pip install {self.packages}`
# and {self.login}.
#
# Another provider, size or number of workers: this file is what
#   raysmith cluster render {options}
# prints; `raysmith cluster render --help` lists the choices.
"""

    def _sections(self, name: str, config: ProvisioningConfiguration) -> list[Section]:
        return [
            ("", {"cluster_name": name}),
            ("Workers besides the head.", self.scale(config)),
            (
                "Minutes without a trial after which a worker is given back.",
                {"idle_timeout_minutes": round(config.idle_seconds_before_scaledown / 60, 3)},
            ),
            ("", {"provider": self.provider_section(config)}),
            (self.key_comment, {"auth": self.auth(config)}),
            *self._machines(config),
            *_ENVIRONMENT_SECTIONS,
            (
                "Dashboard and MLflow listen on the head itself only; token authentication is on.",
                {"head_start_ray_commands": _head_commands(self.autoscaler_version)},
            ),
            (
                "",
                {
                    "worker_start_ray_commands": [
                        "ray stop",
                        f"{_ENVIRONMENT} ray start --address=$RAY_HEAD_IP:6379 "
                        f"--object-manager-port=8076{self.worker_options(config)}",
                    ]
                },
            ),
        ]

    def _machines(self, config: ProvisioningConfiguration) -> list[Section]:
        types = self.node_types(config)
        if types is None:
            return []
        return [
            ("", {"head_node_type": _HEAD}),
            (
                "head: drives the runs and keeps their record; trains nothing.\n"
                "worker: one trial a core; the autoscaler brings up as many as trials wait for.\n"
                "Spot machines, cheaper and taken back at any time: --vm-priority lowpriority.",
                {"available_node_types": types},
            ),
        ]


def setup_commands(requirement: str, python: str = "3.12") -> list[str]:
    """Return the shell commands that make the environment of a node.

    Parameters
    ----------
    requirement:
        raysmith as a pip requirement, quoted for the shell.
    python:
        Version of the interpreter, which uv brings along.
    """
    uv, folder = "~/.local/bin/uv", "~/raysmith-env"
    return [
        f"test -x {uv} || curl -LsSf https://astral.sh/uv/{UV_VERSION}/install.sh | sh",
        f"{uv} venv --quiet --allow-existing --python {python} {folder}",
        f"{uv} pip install --quiet --python {folder} {requirement}",
        "grep -q raysmith-env ~/.bashrc || "
        "echo 'export PATH=$HOME/raysmith-env/bin:$PATH' >> ~/.bashrc",
    ]


def _head_commands(autoscaler_version: int) -> list[str]:
    store = "$HOME/raysmith-store"
    is_up = "(: < /dev/tcp/127.0.0.1/5000) 2> /dev/null"
    return [
        "ray stop",
        f"env -u RAY_ADDRESS {_ENVIRONMENT} RAY_enable_autoscaler_v2={autoscaler_version} "
        "ray start --head --port=6379 --object-manager-port=8076 --num-cpus=0 "
        "--dashboard-host=127.0.0.1 --autoscaling-config=~/ray_bootstrap_config.yaml",
        f"mkdir -p {store} && ({is_up} || (MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false setsid nohup "
        f"python3 -m mlflow server --backend-store-uri sqlite:///{store}/mlflow.db "
        f"--artifacts-destination {store}/artifacts --host 127.0.0.1 --port 5000 --workers 2 "
        f"> {store}/mlflow.log 2>&1 < /dev/null &))",
    ]


#: What goes to every node, whatever the cloud.
_ENVIRONMENT_SECTIONS: list[Section] = [
    (
        "This folder goes to every node; so does the token that lets processes in\n"
        "(`umask 077; python3 -c 'import secrets; print(secrets.token_hex(32))' > "
        "~/.raysmith-token`).",
        {"file_mounts": {"~/raysmith": ".", TOKEN_FILE: TOKEN_FILE}},
    ),
    ("Secrets and this machine's own files stay here.", {"rsync_exclude": list(NOT_MOUNTED)}),
    ("", {"rsync_filter": [".gitignore"]}),
    (
        "An environment of its own: images bring Pythons of all ages.",
        {"setup_commands": setup_commands('"$HOME/raysmith[boost]"')},
    ),
    (
        "Scripts that `ray submit` and `ray exec` run on the head find the cluster and MLflow.",
        {"head_setup_commands": [_LOGIN]},
    ),
]
