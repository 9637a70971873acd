"""What the ways to make a cluster have in common."""

from __future__ import annotations

import os
import secrets
import socket
from pathlib import Path

#: Of another cluster that this process may belong to.
_NOT_OURS = (
    "RAY_ADDRESS",
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
)


def outer_environment() -> dict[str, str]:
    """This process's environment without what says which cluster it belongs to."""
    return {name: value for name, value in os.environ.items() if name not in _NOT_OURS}


def write_token(file: Path) -> None:
    """A new token, in a file that only its owner can read."""
    file.touch(mode=0o600)
    file.write_text(secrets.token_hex(32), encoding="ascii")


def free_ports(count: int) -> list[int]:
    """So many ports of this machine that nobody listens on."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()
