"""Helpers of all providers: ports, tokens, the environment of child processes."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

from cluster.private_files import write_private

#: Variables that tie a process to a cluster.
_NOT_OURS = (
    "RAY_ADDRESS",
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
)


def outer_environment() -> dict[str, str]:
    """Return this process's environment without the variables that tie it to a cluster."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_OURS}


def write_token(file: Path) -> None:
    """Write a new token into a file that only its owner can read."""
    write_private(file, secrets.token_hex(32))


def free_ports(count: int) -> list[int]:
    """Return ``count`` ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
