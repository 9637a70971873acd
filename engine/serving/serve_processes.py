"""Ray Serve's own processes on a cluster: started with the first endpoint, ended with the last."""

from __future__ import annotations

import socket
import time
from typing import Any

import ray
from ray import serve
from ray.serve._private.constants import SERVE_CONTROLLER_NAME, SERVE_NAMESPACE
from ray.serve.context import _disconnect, _get_global_client

from engine.errors import RunException
from engine.serving import fronts

_POLL_SECONDS = 0.2
#: Seconds in which the processes are to end.
_END_SECONDS = 30.0
LOOPBACK = "127.0.0.1"
_ANYWHERE = ("0.0.0.0", "::")


def start(host: str, has_token: bool) -> int:
    """Start Serve unless it runs; return the port of its proxy.

    Parameters
    ----------
    host:
        Where the proxy is to listen.
    has_token:
        Whether the endpoint refuses whoever lacks its token.

    Raises
    ------
    RunException
        When a Serve that others have started listens where the endpoint would not be reached, or
        would be reached by all without a token.
    """
    if controller() is None:
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": host, "port": _free_port(host)},
            controller_options={"runtime_env": {"env_vars": dict(fronts.OF_SERVE)}},
        )
    listening = _get_global_client().http_config
    if listening.host not in (host, *_ANYWHERE):
        raise RunException(
            f"Ray Serve on the cluster listens at {listening.host}, not at {host}; whoever started "
            "it may start it anew with that host in http_options"
        )
    if listening.host != LOOPBACK and not has_token:
        raise RunException(
            f"Ray Serve on the cluster listens at {listening.host}, where other machines reach the "
            "endpoint: give a token, token=..."
        )
    return int(listening.port)


def end() -> None:
    """End Serve's processes.

    `serve.shutdown` waits for a call in which the controller ends, and which Ray therefore tells
    the user of as one that has failed.
    """
    found = controller()
    if found is None:
        return
    ray.get(found.graceful_shutdown.remote(wait=False))
    until = time.monotonic() + _END_SECONDS
    while controller() is not None and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)


def controller() -> Any:
    """Return the handle of Serve's controller; ``None`` where Serve does not run."""
    _disconnect()  # Serve keeps its connection to a controller that another process has ended
    try:
        return ray.get_actor(SERVE_CONTROLLER_NAME, namespace=SERVE_NAMESPACE)
    except ValueError:
        return None


def _free_port(host: str) -> int:
    # Serve's proxies share a port silently: one that nobody has is asked of the system.
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])
