"""Endpoints as applications of Ray Serve, from a process that is connected to the cluster."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import ray
from ray import serve
from ray.serve.schema import ApplicationStatus

from engine._version import __version__
from engine.errors import RunException
from engine.serving import fronts, kept_models, serve_processes
from engine.serving.calls import FrontSettings
from engine.serving.replica import Replica
from engine.serving.settings import EndpointSettings

_POLL_SECONDS = 0.2
#: Seconds that a replica may finish its requests in when it is stopped.
_GRACE_SECONDS = 10.0
#: Seconds in which the version before one that failed is to be up again.
_BACK_SECONDS = 60.0
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
    is_script:
        Whether it is a scoring script, of which each version gets processes of its own.
    setup:
        What replicas call before they run a scoring script, ``package.module:function``.
    owner:
        Whose endpoint it is: nobody else's of that name is replaced.
    model_of:
        The version whose model it serves again; default: the model that comes along.
    """

    name: str
    version: int
    settings: EndpointSettings
    token_digest: str | None
    host: str = serve_processes.LOOPBACK
    may_grow: bool = False
    is_script: bool = False
    setup: str | None = None
    owner: str = ""
    model_of: int | None = None

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
        When the cluster serves another's application of that name, or the replicas are not up in
        time: says what is missing. A new endpoint is deleted then; one that was to be updated goes
        on with the version before.
    """
    # Serve tells the user of each step in lines of its own.
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    _check_room(wanted)
    before = _version_before(wanted)
    try:
        kept_models.set_owner(wanted.name, wanted.owner)
        if wanted.model_of is not None:
            packed = _kept_model(wanted.name, wanted.model_of)
        digest = kept_models.keep(wanted.name, wanted.version, packed, wanted.to_dict())
        port = _serve(wanted, digest)
        _wait(wanted, timeout_seconds)
        _check_owner(wanted)  # two may deploy at once
    except BaseException as error:
        _go_back(wanted, before)
        if before is not None and isinstance(error, RunException):
            raise RunException(f"{error}; version {before} goes on") from error
        raise
    kept_models.set_served(wanted.name, wanted.version)
    return port


def delete(name: str, owner: str) -> None:
    """End an endpoint; without endpoints left, end Serve's own processes too.

    The endpoint of another owner is left alone.
    """
    if kept_models.owner_of(name) != owner:
        return
    if _status_of(name) is not None:
        serve.delete(name)
    kept_models.forget(name)
    if not kept_models.names() and not _applications():
        serve_processes.end()


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


def _version_before(wanted: Deployed) -> int | None:
    """Return the version that is served under the name; ``None`` for a new endpoint.

    Raises
    ------
    RunException
        When another's application has the name.
    """
    if _status_of(wanted.name) is None:
        return None
    _check_owner(wanted)
    return kept_models.served(wanted.name)


def _check_owner(wanted: Deployed) -> None:
    if kept_models.owner_of(wanted.name) != wanted.owner:
        raise RunException(
            f"the cluster serves an application {wanted.name!r} already, which is not of this "
            "workspace: choose another name"
        )


def _kept_model(name: str, version: int) -> bytes:
    facts = kept_models.facts_of(name, version)
    if facts is None:
        raise RunException(
            f"the cluster does not keep version {version} of endpoint {name!r}: deploy it again"
        )
    return kept_models.read(name, version, facts["digest"])


def _go_back(wanted: Deployed, before: int | None) -> None:
    """Delete a new endpoint that failed; have another one serve the version before."""
    facts = None if before is None else kept_models.facts_of(wanted.name, before)
    if facts is None:
        delete(wanted.name, wanted.owner)
        return
    digest = facts.pop("digest")
    earlier = Deployed.from_dict(facts)
    with suppress(RunException):
        _serve(earlier, digest)
        _wait(earlier, _BACK_SECONDS)
    kept_models.forget_version(wanted.name, wanted.version)


def _serve(wanted: Deployed, digest: str) -> int:
    """Tell Serve of a version, which it brings up from now on; return the port of its proxy."""
    try:
        return _run(wanted, digest)
    except ray.exceptions.RayActorError:
        # Whoever deleted the last endpoint at this moment has ended Serve.
        return _run(wanted, digest)


def _run(wanted: Deployed, digest: str) -> int:
    port = serve_processes.start(wanted.host, wanted.token_digest is not None)
    front = FrontSettings.of(wanted.settings, wanted.token_digest)
    kept_models.set_front(wanted.name, front)
    serve._run(
        _application(wanted, digest),
        _blocking=False,
        name=wanted.name,
        route_prefix=f"/{wanted.name}",
    )
    return port


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
        max_queued_requests=4 * settings.most_waiting,
        backpressure_config={"retry_after_s": 1},
        graceful_shutdown_timeout_s=_GRACE_SECONDS,
        # The replica logs each request itself.
        logging_config={"enable_access_log": False},
        # Where replicas must start anew, the old ones go when the new ones answer.
        max_surge_percent=100,
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
    # Serve takes each deployment for new code, whose replicas start anew, unless it has a version.
    # With the same one it calls `reconfigure`, which loads a model beside the one that answers.
    code = f"{__version__}-{wanted.version}" if wanted.is_script else __version__
    return deployment.options(version=code, _internal=True).bind(wanted.name)


def _status_of(name: str) -> Any:
    return _applications().get(name)


def _applications() -> Mapping[str, Any]:
    """Return name -> status of all that Serve runs."""
    return {} if serve_processes.controller() is None else serve.status().applications


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
        refusal = kept_models.refusal(wanted.name, wanted.version)
        if refusal is not None:
            raise RunException(
                f"endpoint {wanted.name!r}: version {wanted.version} cannot be loaded: {refusal}"
            )
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
