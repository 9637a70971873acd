"""Clusters on a cloud or on hosts of one's own: Ray's cluster launcher, and a tunnel to the head.

The launcher's own SDK brings them up and down, in a process of its own: it prints, and it ends the
process that it is in when something fails. The head's dashboard listens on the head itself only, so
a client talks to it through ``ray dashboard``, which forwards a port over SSH.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import signal
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import yaml

from cluster.errors import ComputeTargetException
from cluster.jobs.head import Head
from cluster.providers.common import free_ports, outer_environment, write_token
from cluster.providers.launcher_file import TOKEN_FILE, cluster_config, setup_commands
from cluster.provisioning.configuration import ProvisioningConfiguration

_UP = (
    "from ray.autoscaler.sdk import create_or_update_cluster as up; up({file!r}, no_restart={keep})"
)
_DOWN = "from ray.autoscaler.sdk import teardown_cluster as down; down({file!r})"
_TUNNEL_SECONDS = 60.0
_LAST_LINES = 3
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class LaunchedCluster:
    """A cluster of Ray's cluster launcher; its files are in one folder.

    Parameters
    ----------
    folder:
        Of the target: holds ``cluster.yaml``, the token, the launcher's output and the tunnel's
        process id.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def config_file(self) -> Path:
        """What ``ray submit``, ``ray attach`` and their like take."""
        return self._folder / "cluster.yaml"

    @property
    def token_file(self) -> Path:
        return self._folder / "token"

    def up(self, name: str, config: ProvisioningConfiguration, keep_running: bool = False) -> None:
        """Bring the cluster up, or change the one that is; minutes.

        Parameters
        ----------
        keep_running:
            Leave Ray and what runs on it alone: only how the cluster scales changes.

        Raises
        ------
        ComputeTargetException
            With the end of the launcher's output when it fails.
        """
        if not self.token_file.is_file():
            write_token(self.token_file)
        self._write_config(name, config)
        self._launcher("up", _UP.format(file=str(self.config_file), keep=keep_running))

    def down(self) -> None:
        """End the cluster, and the tunnel to it."""
        self.close_tunnel()
        if self.config_file.is_file():
            self._launcher("down", _DOWN.format(file=str(self.config_file)))

    def address(self) -> str:
        """Of the head's dashboard on this machine; opens the tunnel when there is none.

        Raises
        ------
        ComputeTargetException
            When the head cannot be reached.
        """
        tunnel = self._tunnel()
        return self._open_tunnel() if tunnel is None else f"http://127.0.0.1:{tunnel['port']}"

    def close_tunnel(self) -> None:
        """End the tunnel's processes, if there are any."""
        tunnel = self._tunnel()
        if tunnel is not None:
            _end_group(tunnel["pid"])
        self._tunnel_file.unlink(missing_ok=True)

    @property
    def _tunnel_file(self) -> Path:
        return self._folder / "tunnel.json"

    def _tunnel(self) -> dict[str, Any] | None:
        """``pid``, ``created`` and ``port`` of the tunnel that is open."""
        with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
            tunnel: dict[str, Any] = json.loads(self._tunnel_file.read_text(encoding="utf-8"))
            if psutil.Process(tunnel["pid"]).create_time() == tunnel["created"]:
                return tunnel
        return None

    def _write_config(self, name: str, config: ProvisioningConfiguration) -> None:
        content = cluster_config(self._cluster_name(name), config)
        mounts = {TOKEN_FILE: str(self.token_file.absolute())}
        source = _source_folder()
        requirement = f'"raysmith[boost]=={version("raysmith")}"'
        if source is not None:
            mounts["~/raysmith"] = str(source)
            requirement = '"$HOME/raysmith[boost]"'
        content["file_mounts"] = mounts
        # Models come back pickled: the same Python reads them best.
        content["setup_commands"] = setup_commands(
            requirement, f"{sys.version_info.major}.{sys.version_info.minor}"
        )
        text = yaml.safe_dump(content, sort_keys=False, width=100)
        self.config_file.write_text(text, encoding="utf-8")

    def _cluster_name(self, name: str) -> str:
        """Of the machines: another workspace's target of that name is another cluster."""
        if self.config_file.is_file():
            return str(yaml.safe_load(self.config_file.read_text("utf-8"))["cluster_name"])
        return f"{name}-{secrets.token_hex(4)}".lower()

    def _launcher(self, step: str, code: str) -> None:
        log = self._folder / f"{step}.log"
        with log.open("w") as output:
            done = subprocess.run(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=outer_environment(), check=False,
            )  # fmt: skip
        if done.returncode:
            raise ComputeTargetException(
                f"`ray {step} {self.config_file}` failed: {_tail(log)} (all it said: {log})"
            )

    def _open_tunnel(self) -> str:
        [port] = free_ports(1)
        log = self._folder / "tunnel.log"
        command = [sys.executable, "-m", "ray.scripts.scripts", "dashboard", "--port", str(port)]
        with log.open("w") as output:
            process = subprocess.Popen(
                [*command, str(self.config_file)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                env=outer_environment(), start_new_session=True,
            )  # fmt: skip
        created = psutil.Process(process.pid).create_time()
        address = f"http://127.0.0.1:{port}"
        head = Head(address, self.token_file.read_text(encoding="ascii").strip(), self._folder.name)
        until = time.monotonic() + _TUNNEL_SECONDS
        while True:
            with contextlib.suppress(ComputeTargetException):
                head.version()
                break
            if process.poll() is not None or time.monotonic() > until:
                _end_group(process.pid)
                raise ComputeTargetException(
                    f"the head of compute target {self._folder.name!r} cannot be reached; "
                    f"`ray dashboard {self.config_file}` said: {_tail(log)}"
                )
            time.sleep(0.5)
        tunnel = {"pid": process.pid, "created": created, "port": port}
        self._tunnel_file.write_text(json.dumps(tunnel), encoding="utf-8")
        return address


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)


def _source_folder() -> Path | None:
    """The repository that raysmith is imported from; ``None`` when it came from an index."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


def _tail(log: Path) -> str:
    """The last lines of the launcher's output, without its colours."""
    text = _COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace"))
    return "; ".join([line.strip() for line in text.splitlines() if line.strip()][-_LAST_LINES:])
