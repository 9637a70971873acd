"""Endpoints as applications of Ray Serve, from a process that is connected to the cluster."""

from __future__ import annotations

import logging
import socket
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
from ray import serve
from ray.serve.context import _get_global_client
from ray.serve.schema import ApplicationStatus
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from engine.errors import RunException
from engine.serving import fronts, kept_models
from engine.serving.calls import FrontSettings
from engine.serving.replica import Replica
from engine.serving.settings import EndpointSettings

_POLL_SECONDS = 0.2
#: Seconds that a replica may finish its requests in when it is stopped.
_GRACE_SECONDS = 20.0
#: Lines of each replica's log that are returned, the last ones.
_MOST_LINES = 1000
_LOG_SECONDS = 60.0
_DEPLOYMENT = "Replica"
_FAILED = (ApplicationStatus.DEPLOY_FAILED, ApplicationStatus.UNHEALTHY)


@dataclass(frozen=True)
class Deployed:
    """What a cluster is to serve under a name.

    Attributes
    ----------
    name:
        Name of the endpoint.
    version:
        Its version, which counts up with each update.
    settings:
        Size and speed.
    token_digest:
        SHA-256 of the token, or ``None``.
    host:
        Where the proxy listens, if this is the cluster's first endpoint.
    may_grow:
        Whether the cluster may start nodes that are larger than those it has.
    setup:
        What replicas call before they run a scoring script, ``package.module:function``.
    """

    name: str
    version: int
    settings: EndpointSettings
    token_digest: str | None
    host: str = "127.0.0.1"
    may_grow: bool = False
    setup: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Deployed:
        """Return what `to_dict` gave."""
        return cls(**{**values, "settings": EndpointSettings.from_dict(values["settings"])})


def deploy(wanted: Deployed, packed: bytes, timeout_seconds: float) -> int:
    """Serve a packed model under a name, or update what is served there.

    Returns
    -------
    int
        The port of the proxy.

    Raises
    ------
    RunException
        When the replicas are not up in time: says what is missing. A new endpoint is deleted then;
        one that was updated goes on with its old model.
    """
    # Serve tells the user of each step in lines of its own.
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    port = _start(wanted.host)
    is_new = _status_of(wanted.name) is None
    _check_room(wanted)
    digest = kept_models.keep(wanted.name, wanted.version, packed)
    fronts.keep(wanted.name, FrontSettings.of(wanted.settings, wanted.token_digest))
    serve._run(
        _application(wanted, digest),
        _blocking=False,
        name=wanted.name,
        route_prefix=f"/{wanted.name}",
    )
    try:
        _wait(wanted, timeout_seconds)
    except RunException:
        if is_new:
            delete(wanted.name)
        raise
    kept_models.forget(wanted.name, (wanted.version, wanted.version - 1))
    return port


def delete(name: str) -> None:
    """End an endpoint; without endpoints left, end Serve's own processes too."""
    if _get_global_client(raise_if_no_controller_running=False) is None:
        return
    serve.delete(name)
    kept_models.forget(name)
    fronts.forget(name)
    if not serve.status().applications:
        serve.shutdown()


def status(name: str) -> dict[str, Any]:
    """Return state, message and number of running replicas of an endpoint.

    States are Serve's: ``RUNNING``, ``DEPLOYING``, ``DEPLOY_FAILED``, ``UNHEALTHY``, ``DELETING``;
    ``NOT_DEPLOYED`` where there is none.
    """
    found = _status_of(name)
    if found is None:
        return {"state": "NOT_DEPLOYED", "message": "", "replicas": 0}
    deployment = found.deployments.get(_DEPLOYMENT)
    states = {} if deployment is None else deployment.replica_states
    message = found.message or ("" if deployment is None else deployment.message)
    return {
        "state": found.status.value,
        "message": message,
        "replicas": int(states.get("RUNNING", 0)),
    }


def logs(name: str) -> str:
    """Return what the replicas of an endpoint have logged, node by node."""
    read = ray.remote(num_cpus=0, max_retries=0)(_logs_of_node)
    asked = [
        read.options(
            scheduling_strategy=NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        ).remote(name)
        for node in _alive()
    ]
    try:
        return "\n".join(ray.get(asked, timeout=_LOG_SECONDS))
    except (ray.exceptions.RayError, TimeoutError) as error:
        raise RunException(f"a node does not give its logs: {error}") from error


def _logs_of_node(name: str) -> str:
    """Return the last lines of the replicas' logs on this node."""
    from ray._private.worker import global_worker

    folder = Path(global_worker.node.get_logs_dir_path()) / "serve"
    parts = []
    for file in sorted(folder.glob(f"replica_{name}_*.log")):
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
        parts.append("".join(lines[-_MOST_LINES:]))
    return "\n".join(parts)


def _application(wanted: Deployed, digest: str) -> serve.Application:
    settings = wanted.settings
    scaling: dict[str, Any] = {"num_replicas": settings.num_replicas}
    if settings.max_replicas is not None:
        scaling = {
            "autoscaling_config": {
                "min_replicas": settings.replicas_at_start,
                "max_replicas": settings.max_replicas,
                # The front sends batches: a replica is busy when another one waits for it.
                "target_ongoing_requests": 1,
            }
        }
    deployment = serve.deployment(
        Replica,
        name=_DEPLOYMENT,
        ray_actor_options={
            "num_cpus": settings.cores_per_replica,
            "runtime_env": {"env_vars": dict(fronts.OF_REPLICAS)},
        },
        # Front and replica refuse requests that are too many: Serve's own refusal, from 5 on by
        # default, says no Retry-After.
        max_ongoing_requests=4 * settings.most_waiting,
        graceful_shutdown_timeout_s=_GRACE_SECONDS,
        # The replica logs each request itself.
        logging_config={"enable_access_log": False},
        user_config={
            "version": wanted.version,
            "digest": digest,
            "token_digest": wanted.token_digest,
            "setup": wanted.setup,
            "most_waiting": settings.most_waiting,
            "max_batch_size": settings.max_batch_size,
            "batch_wait_ms": settings.batch_wait_ms,
        },
        **scaling,
    )
    return deployment.bind(wanted.name)


def _start(host: str) -> int:
    """Start Serve unless it runs; return the port of its proxy."""
    client = _get_global_client(raise_if_no_controller_running=False)
    if client is None:
        serve.start(
            proxy_location="HeadOnly",
            http_options={"host": host, "port": _free_port(host)},
            controller_options={"runtime_env": {"env_vars": dict(fronts.OF_SERVE)}},
        )
        client = _get_global_client()
    return int(client.http_config.port)


def _free_port(host: str) -> int:
    # Serve's proxies share a port silently: one that nobody has is asked of the system.
    with socket.socket() as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def _status_of(name: str) -> Any:
    if _get_global_client(raise_if_no_controller_running=False) is None:
        return None
    return serve.status().applications.get(name)


def _check_room(wanted: Deployed) -> None:
    """Refuse what the cluster could never hold, unless it may grow."""
    settings = wanted.settings
    largest = max((node["Resources"].get("CPU", 0.0) for node in _alive()), default=0.0)
    if settings.cores_per_replica > largest and not wanted.may_grow:
        raise RunException(
            f"endpoint {wanted.name!r} asks for {settings.cores_per_replica:g} cores a replica; "
            f"the largest node has {largest:g}: give a smaller cores_per_replica"
        )


def _alive() -> list[dict[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _wait(wanted: Deployed, timeout_seconds: float) -> None:
    until = time.monotonic() + timeout_seconds
    while True:
        found = _status_of(wanted.name)
        if found is not None and found.status == ApplicationStatus.RUNNING:
            return
        if found is not None and found.status in _FAILED:
            raise RunException(f"endpoint {wanted.name!r} did not start: {_reason(found)}")
        if time.monotonic() > until:
            raise RunException(_what_is_missing(wanted, found, timeout_seconds))
        time.sleep(_POLL_SECONDS)


def _what_is_missing(wanted: Deployed, found: Any, seconds: float) -> str:
    settings = wanted.settings
    free = ray.available_resources().get("CPU", 0.0)
    total = ray.cluster_resources().get("CPU", 0.0)
    asked = settings.replicas_at_start * settings.cores_per_replica
    return (
        f"endpoint {wanted.name!r} is not up after {seconds:g} s: it asks for "
        f"{settings.replicas_at_start} x {settings.cores_per_replica:g} = {asked:g} cores, and "
        f"{free:g} of the cluster's {total:g} are free; give fewer or smaller replicas, or wait "
        f"for what runs there ({_reason(found)})"
    )


def _reason(found: Any) -> str:
    if found is None:
        return "Serve does not know it"
    messages = [found.message, *(d.message for d in found.deployments.values())]
    return "; ".join(m.strip() for m in messages if m) or found.status.value
