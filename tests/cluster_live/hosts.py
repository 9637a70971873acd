"""Hosts with SSH on this machine: namespaces of processes, mounts and network of their own.

Each has its own address, home folder and processes; programs and files are otherwise this
machine's. Ray's launcher cannot tell them from machines: its ``ray stop`` ends only what runs on
the host that it is sent to.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

_TOOLS = ("ip", "unshare", "mount", "sshd", "ssh", "ssh-keygen", "rsync", "setpriv")
_NET = f"10.213.{os.getpid() % 250}"

#: Ray's folder, in each host its own: nodes that share one delete each other's copies of a job's
#: folder. Its sockets lie below it, and a socket's path has 107 characters at most.
_TEMP = f"/tmp/rs{os.getpid() % 10_000}"

_INIT = """set -e
mount --make-rprivate /
mount --bind {folder}/passwd /etc/passwd
mount --bind {folder}/temp {temp}
mkdir -p /run/sshd
hostname {name}
ip link set lo up
exec {sshd} -D -e -f {folder}/sshd_config
"""

# Programs are this machine's. What the launcher has uv do is done: raysmith is there already.
_BASHRC = """export PATH={bin}:$PATH PYTHONPATH={pythonpath} RAY_TMPDIR={temp}
"""
_UV = """#!/bin/sh
echo "uv $*" >> ~/uv.log
"""


@dataclass(frozen=True)
class Hosts:
    """Addresses of the hosts, of this machine as they see it, and the key that lets in."""

    addresses: tuple[str, ...]
    here: str
    key: Path


def why_not() -> str | None:
    """What is missing here for such hosts."""
    missing = [tool for tool in _TOOLS if _which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    if os.geteuid() != 0:
        return "needs to be root"
    done = subprocess.run(
        ["unshare", "--net", "--pid", "--fork", "--mount", "--uts", "--mount-proc", "true"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return None if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()}"


@contextlib.contextmanager
def some_hosts(number: int, folder: Path) -> Iterator[Hosts]:
    """So many hosts, until the end of the block; skips the test where there can be none."""
    reason = why_not()
    if reason is not None:
        pytest.skip(reason)
    folder.mkdir(parents=True, exist_ok=True)
    key = folder / "key"
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "host_key"))
    names = [f"rs{os.getpid() % 10_000}h{n}" for n in range(number)]
    bridge, here = f"rs{os.getpid() % 10_000}br", f"{_NET}.1"
    addresses = tuple(f"{_NET}.{10 + n}" for n in range(number))
    processes: list[subprocess.Popen[bytes]] = []
    Path(_TEMP).mkdir(exist_ok=True)
    try:
        _run("ip", "link", "add", bridge, "type", "bridge")
        _run("ip", "addr", "add", f"{here}/24", "dev", bridge)
        _run("ip", "link", "set", bridge, "up")
        for name, address in zip(names, addresses, strict=True):
            processes.append(_start(name, address, bridge, folder / name, key))
        for address in addresses:
            _wait_for_ssh(address)
        yield Hosts(addresses, here, key)
    finally:
        for process in processes:
            process.kill()  # --kill-child: the first process of the namespace, and so all of it
            process.wait()
        for name in names:
            _run("ip", "netns", "del", name, check=False)
        _run("ip", "link", "del", bridge, check=False)
        shutil.rmtree(_TEMP, ignore_errors=True)


def _start(
    name: str, address: str, bridge: str, folder: Path, key: Path
) -> subprocess.Popen[bytes]:
    home = folder / "home"
    (folder / "temp").mkdir(parents=True)
    (home / ".ssh").mkdir(parents=True)
    shutil.copy(key.with_suffix(".pub"), home / ".ssh" / "authorized_keys")
    text = _BASHRC.format(
        temp=_TEMP,
        bin=Path(sys.executable).parent,
        pythonpath=os.environ.get("PYTHONPATH", ""),
    )
    (home / ".bashrc").write_text(text)
    uv = home / ".local" / "bin" / "uv"
    uv.parent.mkdir(parents=True)
    uv.write_text(_UV)
    uv.chmod(0o755)
    entries = Path("/etc/passwd").read_text().splitlines()
    entries = [e for e in entries if not e.startswith("root:")] + [
        f"root:x:0:0:root:{home}:/bin/bash"
    ]
    (folder / "passwd").write_text("\n".join(entries) + "\n")
    (folder / "sshd_config").write_text(
        f"HostKey {key.with_name('host_key')}\nPermitRootLogin yes\nStrictModes no\nUsePAM no\n"
        "PasswordAuthentication no\nPrintMotd no\nMaxStartups 100\nMaxSessions 100\n"
        f"AuthorizedKeysFile {home}/.ssh/authorized_keys\nPidFile none\n"
        "Subsystem sftp internal-sftp\n"
    )
    (folder / "init.sh").write_text(
        _INIT.format(name=name, temp=_TEMP, folder=folder, sshd=_which("sshd"))
    )
    _run("ip", "netns", "add", name)
    _run("ip", "link", "add", f"{name}v", "type", "veth", "peer", "name", "eth0", "netns", name)
    _run("ip", "link", "set", f"{name}v", "master", bridge, "up")
    inside = ("ip", "-n", name)
    _run(*inside, "addr", "add", f"{address}/24", "dev", "eth0")
    _run(*inside, "link", "set", "eth0", "up")
    _run(*inside, "route", "add", "default", "via", f"{_NET}.1")
    # A test that is killed takes its hosts along.
    enter = f"setpriv --pdeathsig KILL ip netns exec {name}"
    alone = "unshare --fork --kill-child --pid --mount --uts --mount-proc"
    command = [*enter.split(), *alone.split(), "bash", str(folder / "init.sh")]
    with (folder / "host.log").open("w") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _wait_for_ssh(address: str) -> None:
    until = time.monotonic() + 30
    while True:
        with contextlib.suppress(OSError), socket.create_connection((address, 22), timeout=2) as s:
            assert s.recv(3) == b"SSH"
            return
        assert time.monotonic() < until, f"no sshd at {address}"
        time.sleep(0.2)


def _which(tool: str) -> str | None:
    return shutil.which(tool, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def _run(*command: str, check: bool = True) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 or not check, f"{' '.join(command)}: {done.stderr}"
