"""Clusters of Ray's cluster launcher, on a cloud or on the user's hosts, behind an SSH tunnel.

The launcher's SDK brings them up and down. It runs in a process of its own, because it prints and
ends its process when something fails. The head's dashboard listens on the head's loopback only, so
a client talks to it through ``ray dashboard``, which forwards a port over SSH.
"""

from __future__ import annotations

import contextlib
import fcntl
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
from cluster.private_files import write_private
from cluster.providers.common import free_ports, outer_environment, write_token
from cluster.providers.launcher_file import TOKEN_FILE, LauncherFile, setup_commands
from cluster.providers.provider import Provider
from cluster.provisioning.configuration import ProvisioningConfiguration

_UP = (
    "from ray.autoscaler.sdk import create_or_update_cluster as up; up({file!r}, no_restart={keep})"
)
_DOWN = "from ray.autoscaler.sdk import teardown_cluster as down; down({file!r})"
_TUNNEL_SECONDS = 60.0
_CANCEL_SECONDS = 10.0
_LAST_LINES = 3
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class LaunchedCluster(Provider):
    """A cluster of Ray's cluster launcher; it has no facts, only files in its folder.

    The folder holds ``cluster.yaml``, the token, the launcher's output and the tunnel's process id.
    """

    #: How a cluster file looks on this cloud.
    template: LauncherFile

    @property
    def cluster_file(self) -> Path:
        """The launcher's ``cluster.yaml``."""
        return self.folder / "cluster.yaml"

    def up(self, name: str, config: ProvisioningConfiguration) -> dict[str, Any]:
        """Bring the cluster up, which takes minutes.

        Machines that were started before a failure are ended, as they cost money.
        """
        try:
            self._up(name, config, keep_running=False)
            self.address()
        except BaseException as failure:
            if not isinstance(failure, Exception):
                print(
                    f"raysmith: interrupted; ending the machines of {name!r}, which takes a minute",
                    file=sys.stderr,
                )
            try:
                self.down()
            except ComputeTargetException as left:
                raise ComputeTargetException(
                    f"{failure or type(failure).__name__}\nMachines may be left running: {left}"
                ) from failure
            raise
        return {}

    def resize(self, name: str, config: ProvisioningConfiguration) -> None:
        """Change how the cluster scales; Ray and its jobs go on."""
        self._up(name, config, keep_running=True)

    def down(self) -> None:
        """Close the tunnel and end the cluster's machines."""
        self.close_tunnel()
        if self.cluster_file.is_file():
            self._launcher("down", _DOWN.format(file=str(self.cluster_file)))

    def runs_here(self) -> bool:
        """Return false: the nodes are other machines."""
        return False

    def address(self) -> str:
        """This machine's end of the tunnel to the head, which is opened when there is none."""
        tunnel = self._tunnel()
        if tunnel is None or not tunnel.get("is_open"):
            # One after the other: a second tunnel would be forgotten, and stay.
            with (self.folder / "tunnel.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                tunnel = self._open_tunnel()
        return f"http://127.0.0.1:{tunnel['port']}"

    def close_tunnel(self) -> None:
        """End the tunnel's processes, if there are any."""
        tunnel = self._tunnel()
        if tunnel is not None:
            _end_tunnel(tunnel["pid"])
        self._tunnel_file.unlink(missing_ok=True)

    @property
    def _tunnel_file(self) -> Path:
        return self.folder / "tunnel.json"

    @property
    def _tunnel_log(self) -> Path:
        return self.folder / "tunnel.log"

    def _tunnel(self) -> dict[str, Any] | None:
        """Process id, start time and port of the open tunnel, if there is one."""
        with contextlib.suppress(OSError, ValueError, KeyError, psutil.Error):
            tunnel: dict[str, Any] = json.loads(self._tunnel_file.read_text(encoding="utf-8"))
            process = psutil.Process(tunnel["pid"])
            is_same = process.create_time() == tunnel["created"]
            if is_same and process.status() != psutil.STATUS_ZOMBIE:
                return tunnel
        return None

    def _up(self, name: str, config: ProvisioningConfiguration, keep_running: bool) -> None:
        if not self.token_file.is_file():
            write_token(self.token_file)
        self._write_config(name, config)
        self._launcher("up", _UP.format(file=str(self.cluster_file), keep=keep_running))

    def _write_config(self, name: str, config: ProvisioningConfiguration) -> None:
        content = self.template.content(self._cluster_name(name), config)
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
        # Whole at any moment: it has the name by which the machines are found and ended.
        write_private(self.cluster_file, text)

    def _cluster_name(self, name: str) -> str:
        """The name that marks the machines; it differs between workspaces."""
        if self.cluster_file.is_file():
            return str(yaml.safe_load(self.cluster_file.read_text("utf-8"))["cluster_name"])
        return f"{name}-{secrets.token_hex(4)}".lower()

    def _launcher(self, step: str, code: str) -> None:
        log = self.folder / f"{step}.log"
        with log.open("w") as output:
            done = subprocess.run(
                [sys.executable, "-c", code],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=outer_environment(),
                check=False,
            )
        if done.returncode:
            raise ComputeTargetException(
                f"`ray {step} {self.cluster_file}` failed: {_tail(log)} (all it said: {log})"
            )

    def _open_tunnel(self) -> dict[str, Any]:
        """Start a tunnel unless there is one, and wait until the head answers through it."""
        try:
            tunnel = self._tunnel() or self._start_tunnel()
            token = self.token_file.read_text(encoding="ascii").strip()
            head = Head(f"http://127.0.0.1:{tunnel['port']}", token, self.folder.name)
            until = time.monotonic() + _TUNNEL_SECONDS
            while True:
                with contextlib.suppress(ComputeTargetException):
                    head.version()
                    break
                if self._tunnel() is None or time.monotonic() > until:
                    raise ComputeTargetException(
                        f"the head of compute target {self.folder.name!r} cannot be reached; "
                        f"`ray dashboard {self.cluster_file}` said: {_tail(self._tunnel_log)}"
                    )
                time.sleep(0.5)
        except BaseException:
            self.close_tunnel()
            raise
        return self._note_tunnel({**tunnel, "is_open": True})

    def _start_tunnel(self) -> dict[str, Any]:
        [port] = free_ports(1)
        command = [sys.executable, "-m", "ray.scripts.scripts", "dashboard", "--port", str(port)]
        with self._tunnel_log.open("w") as output:
            process = subprocess.Popen(
                [*command, str(self.cluster_file)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=outer_environment(),
                start_new_session=True,
            )
        # Before it answers: whoever is interrupted meanwhile leaves a tunnel that can be ended.
        created = psutil.Process(process.pid).create_time()
        return self._note_tunnel(
            {"pid": process.pid, "created": created, "port": port, "is_open": False}
        )

    def _note_tunnel(self, tunnel: dict[str, Any]) -> dict[str, Any]:
        write_private(self._tunnel_file, json.dumps(tunnel))
        return tunnel


def _end_tunnel(pid: int) -> None:
    """End ``ray dashboard``, and its port forwarding first.

    Ray lets ssh share a connection (``ControlMaster``), which holds the forwarded port, belongs to
    no process of the tunnel and outlives them by ten seconds. Only this forwarding is cancelled:
    others, such as ``ray attach``, may use the connection.
    """
    with contextlib.suppress(psutil.Error):
        for process in psutil.Process(pid).children(recursive=True):
            with contextlib.suppress(psutil.Error, OSError, subprocess.SubprocessError):
                if process.name() == "ssh":
                    program, *options, _command = process.cmdline()
                    subprocess.run(
                        [program, "-O", "cancel", *options],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                        timeout=_CANCEL_SECONDS,
                        check=False,
                    )
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)


def _source_folder() -> Path | None:
    """The checkout that raysmith is imported from; ``None`` when it was installed."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else None


def _tail(log: Path) -> str:
    """The last lines of the launcher's output, without its colours."""
    text = _COLOUR.sub("", log.read_text(encoding="utf-8", errors="replace"))
    return "; ".join([line.strip() for line in text.splitlines() if line.strip()][-_LAST_LINES:])
